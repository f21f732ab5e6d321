//! The length of a campaign.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use crate::clock::whole_millis;
use crate::error::{Invalid, Problem};

/// The length of a campaign, in whole or fractional hours: at least one millisecond, and at most
/// 8,784 hours (a leap year).
///
/// ```
/// use campaign_store::CampaignDuration;
///
/// assert_eq!(CampaignDuration::hours(1.5)?.as_hours(), 1.5);
/// assert!(CampaignDuration::hours(0.0).is_err());
/// assert!(CampaignDuration::hours(f64::NAN).is_err());
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct CampaignDuration(f64);

impl CampaignDuration {
    /// The longest duration, in hours.
    pub const MAX_HOURS: f64 = 8_784.0;
    const MILLIS_PER_HOUR: f64 = 3_600_000.0;
    /// The shortest duration, in hours: one millisecond, the resolution of the database.
    pub(crate) const MIN_HOURS: f64 = 1.0 / Self::MILLIS_PER_HOUR;

    /// A duration of this many hours.
    ///
    /// # Errors
    /// [`Problem::NotFinite`]; [`Problem::OutOfRange`] when it is shorter than a millisecond or
    /// longer than [`CampaignDuration::MAX_HOURS`].
    pub fn hours(hours: f64) -> Result<Self, Invalid> {
        let problem = if !hours.is_finite() {
            Problem::NotFinite
        } else if (Self::MIN_HOURS..=Self::MAX_HOURS).contains(&hours) {
            return Ok(Self(hours));
        } else {
            Problem::OutOfRange { min: Self::MIN_HOURS, max: Self::MAX_HOURS }
        };
        Err(Invalid::new("duration", problem))
    }

    /// The duration from `start` to `end`, both cut to whole milliseconds.
    ///
    /// # Errors
    /// [`Problem::EndBeforeStart`] unless `end` is later than `start`; those of
    /// [`CampaignDuration::hours`].
    pub fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, Invalid> {
        let (start, end) = (whole_millis(start), whole_millis(end));
        if end <= start {
            return Err(Invalid::new("end_time", Problem::EndBeforeStart));
        }
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        let millis = (end - start).num_milliseconds() as f64;
        Self::hours(millis / Self::MILLIS_PER_HOUR)
    }

    /// The number of hours.
    #[must_use]
    pub const fn as_hours(self) -> f64 {
        self.0
    }

    /// The end of a campaign that starts at `start`, to the millisecond.
    ///
    /// # Errors
    /// [`Problem::OutOfCalendar`] when the end is later than the latest representable time.
    pub fn end_of(self, start: DateTime<Utc>) -> Result<DateTime<Utc>, Invalid> {
        #[expect(clippy::cast_possible_truncation, reason = "at most 8,784 hours")]
        let millis = (self.0 * Self::MILLIS_PER_HOUR).round() as i64;
        let end = whole_millis(start).checked_add_signed(TimeDelta::milliseconds(millis));
        end.ok_or(Invalid::new("start_time", Problem::OutOfCalendar))
    }
}

impl Serialize for CampaignDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for hours in [0.0, -0.0, -1.0, 8_784.1, f64::MAX, f64::MIN_POSITIVE] {
            let problem = CampaignDuration::hours(hours).unwrap_err().problem;
            assert!(matches!(problem, Problem::OutOfRange { .. }), "{hours}");
        }
        for hours in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(CampaignDuration::hours(hours).unwrap_err().problem, Problem::NotFinite);
        }
    }

    #[test]
    fn start_and_end_give_the_duration_that_gives_the_end() {
        let start = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
        for millis in [1, 2, 999, 3_600_000, 5_400_001, 31_622_399_999, 31_622_400_000] {
            let end = start + TimeDelta::milliseconds(millis);
            assert_eq!(CampaignDuration::between(start, end).unwrap().end_of(start).unwrap(), end);
        }
        let problem = CampaignDuration::between(start, start).unwrap_err().problem;
        assert_eq!(problem, Problem::EndBeforeStart);
    }

    #[test]
    fn the_end_of_time_is_an_error() {
        let day = CampaignDuration::hours(24.0).unwrap();
        assert_eq!(day.end_of(DateTime::<Utc>::MAX_UTC).unwrap_err().problem, Problem::OutOfCalendar);
    }
}
