//! The numbers of delivered, opened and other e-mails over time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// The length of the steps of a series. Steps begin at whole hours or days of UTC.
///
/// ```
/// use campaign_store::SeriesStep;
/// use chrono::TimeDelta;
///
/// assert_eq!(SeriesStep::Day.duration(), TimeDelta::days(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeriesStep {
    /// One hour.
    Hour,
    /// One day.
    Day,
}

impl SeriesStep {
    /// The length of the step.
    #[must_use]
    pub const fn duration(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }

    /// The beginning of the step that contains `at`.
    pub(crate) fn start_of(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let step = self.duration().num_milliseconds();
        let start = at.timestamp_millis().div_euclid(step).saturating_mul(step);
        DateTime::from_timestamp_millis(start).unwrap_or(at)
    }
}

/// One step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// When the step begins.
    pub start: DateTime<Utc>,
    /// The number of e-mails that first reached the state in this step.
    pub count: u64,
}
