//! The source of the current time.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// The source of a store's current time.
///
/// Times have a resolution of one millisecond, like those of the database, so a value that is read
/// back equals the value that was written.
///
/// ```
/// use std::sync::Arc;
///
/// use campaign_store::{Clock, ManualClock, MemoryStore, NewUser};
/// use chrono::{DateTime, TimeDelta};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
/// let store = MemoryStore::with_clock(clock.clone()).system();
/// clock.advance(TimeDelta::days(1));
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// assert_eq!(ada.created_at, clock.now());
/// # Ok(())
/// # }
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current time, in whole milliseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        whole_millis(Utc::now())
    }
}

/// A clock for tests. It stands still until [`advance`](Self::advance) or [`set`](Self::set) moves it.
///
/// ```
/// use campaign_store::{Clock, ManualClock};
/// use chrono::{DateTime, TimeDelta, Utc};
///
/// let clock = ManualClock::new(DateTime::UNIX_EPOCH);
/// clock.advance(TimeDelta::seconds(90));
/// assert_eq!(clock.now().timestamp(), 90);
/// ```
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// Creates a clock that shows `start`, cut to whole milliseconds.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { millis: AtomicI64::new(start.timestamp_millis()) }
    }

    /// Moves the clock by the whole milliseconds of `step`, which may be negative.
    pub fn advance(&self, step: TimeDelta) {
        self.millis.fetch_add(step.num_milliseconds(), Ordering::Relaxed);
    }

    /// Sets the clock to `now`, cut to whole milliseconds.
    pub fn set(&self, now: DateTime<Utc>) {
        self.millis.store(now.timestamp_millis(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let millis = self.millis.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

/// `at` cut to whole milliseconds, the resolution of the database.
pub(crate) fn whole_millis(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// The first whole millisecond from `at` on: the meaning of a bound for times in whole milliseconds.
pub(crate) fn first_whole_millis(at: DateTime<Utc>) -> DateTime<Utc> {
    let floor = whole_millis(at);
    if floor < at { floor.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(floor) } else { floor }
}

/// The time of a write that follows a write at `previous`.
///
/// It strictly increases even if the clock stands still or goes back, so it can serve as the
/// version of a record.
pub(crate) fn next_version(now: DateTime<Utc>, previous: DateTime<Utc>) -> DateTime<Utc> {
    now.max(previous.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(previous))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_has_whole_milliseconds() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000_000, 0);
    }

    #[test]
    fn a_bound_below_a_millisecond_is_the_next_one() {
        let at = DateTime::from_timestamp_millis(1_000).unwrap();
        assert_eq!(first_whole_millis(at), at);
        assert_eq!(first_whole_millis(at + TimeDelta::nanoseconds(1)), at + TimeDelta::milliseconds(1));
        assert_eq!(first_whole_millis(at - TimeDelta::nanoseconds(1)), at);
        assert_eq!(
            first_whole_millis(DateTime::<Utc>::MAX_UTC).timestamp_millis(),
            DateTime::<Utc>::MAX_UTC.timestamp_millis()
        );
    }

    #[test]
    fn a_version_increases_when_the_clock_does_not() {
        let at = DateTime::from_timestamp_millis(1_000).unwrap();
        assert_eq!(next_version(at, at).timestamp_millis(), 1_001);
        assert_eq!(
            next_version(at, at + TimeDelta::hours(1)),
            at + TimeDelta::hours(1) + TimeDelta::milliseconds(1)
        );
        assert_eq!(next_version(at + TimeDelta::hours(1), at), at + TimeDelta::hours(1));
    }
}
