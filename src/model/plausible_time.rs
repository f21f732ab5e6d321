//! Which times that callers give are plausible. One wrong time would otherwise stay for good: the earliest event
//! gives a row its time, so an open in the year 0 could never be corrected by a right one.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::EmailTracking;
use crate::clock::whole_millis;
use crate::error::{Invalid, Problem};

/// By how much the clocks of senders, providers and this store may differ.
const TOLERANCE: TimeDelta = TimeDelta::days(1);
/// The years in which campaigns start and e-mails are sent.
const YEARS: RangeInclusive<i32> = 2000..=2100;

/// A time in whole milliseconds.
///
/// # Errors
/// [`Problem::ImplausibleYear`] outside of the years.
pub(crate) fn in_years(field: &'static str, at: DateTime<Utc>) -> Result<DateTime<Utc>, Invalid> {
    let at = whole_millis(at);
    if YEARS.contains(&at.year()) {
        return Ok(at);
    }
    Err(Invalid::new(field, Problem::ImplausibleYear { first: *YEARS.start(), last: *YEARS.end() }))
}

/// Whether a time is not after `now` by more than the tolerance.
fn is_past(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at.signed_duration_since(now) <= TOLERANCE
}

impl EmailTracking {
    /// Whether the e-mail can have been sent then, if it is recorded when the row says.
    pub(crate) fn is_sent_in_time(&self) -> bool {
        is_past(self.sent_at, self.created_at)
    }

    /// Whether an event of the e-mail at this time is plausible: neither before the send nor after `now`, each by
    /// more than a day. Where the time of sending is in the future, that of recording stands for it.
    pub(crate) fn can_have_event(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let sent = self.sent_at.min(self.created_at);
        sent.signed_duration_since(at) <= TOLERANCE && is_past(at, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::email_tracking::tests::row_sent_at;

    const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_years_are_2000_to_2100() {
        let (first, last) = (time("2000-01-01T00:00:00Z"), time("2100-12-31T23:59:59.999Z"));
        assert_eq!(in_years("start_time", first), Ok(first));
        assert_eq!(in_years("start_time", last + TimeDelta::microseconds(999)), Ok(last));
        let (min, max) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        for at in [first - MILLISECOND, last + MILLISECOND, min, max, DateTime::UNIX_EPOCH] {
            let refused = in_years("start_time", at).unwrap_err();
            assert_eq!(refused.to_string(), "start_time is not in the years 2000 to 2100");
        }
    }

    #[test]
    fn an_event_is_at_most_a_day_before_the_send_and_a_day_after_now() {
        let (sent, now) = (time("2026-03-01T09:00:00Z"), time("2026-03-08T09:00:00Z"));
        let row = row_sent_at(sent, sent);
        let (earliest, latest) = (sent - TimeDelta::days(1), now + TimeDelta::days(1));
        for at in [earliest, sent, now, latest] {
            assert!(row.can_have_event(at, now), "{at}");
        }
        let (min, max) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        for at in [earliest - MILLISECOND, latest + MILLISECOND, min, max, DateTime::UNIX_EPOCH] {
            assert!(!row.can_have_event(at, now), "{at}");
        }
    }

    #[test]
    fn a_row_with_a_send_in_the_future_has_events_all_the_same() {
        let (sent, recorded) = (time("+58174-01-01T00:00:00Z"), time("2026-03-01T09:00:00Z"));
        let row = row_sent_at(sent, recorded);
        assert!(!row.is_sent_in_time());
        assert!(row.can_have_event(recorded, recorded));
        assert!(!row.can_have_event(recorded - TimeDelta::days(2), recorded));
    }

    #[test]
    fn a_send_is_at_most_a_day_after_its_recording() {
        let now = time("2026-03-01T09:00:00Z");
        for (sent, is_in_time) in [
            (now - TimeDelta::days(400), true),
            (now + TimeDelta::days(1), true),
            (now + TimeDelta::days(1) + MILLISECOND, false),
        ] {
            assert_eq!(row_sent_at(sent, now).is_sent_in_time(), is_in_time, "{sent}");
        }
    }
}
