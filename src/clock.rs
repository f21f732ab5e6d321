//! Where the time comes from.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// The source of the current time of a store.
///
/// Times have a resolution of one millisecond, as the database has: a value that was read back
/// equals the value that was written.
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

/// A clock for tests, which stands still until it is told to move.
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
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { millis: AtomicI64::new(start.timestamp_millis()) }
    }

    /// Moves the clock by `step`, which may be negative.
    pub fn advance(&self, step: TimeDelta) {
        self.millis.fetch_add(step.num_milliseconds(), Ordering::Relaxed);
    }

    /// Moves the clock to `now`.
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

/// `at` without the part of a millisecond that the database cannot hold.
pub(crate) fn whole_millis(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// The time of the write that follows one at `previous`.
///
/// It strictly increases even when the clock stands still or goes back, so that it can serve as
/// the version of a record.
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
