//! How e-mails become delivered, opened and so on over time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// The width of the steps of a series. They begin at whole hours or days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeriesStep {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl SeriesStep {
    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }

    /// The beginning of the step that `at` is in.
    pub(crate) fn start_of(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let step = self.duration().num_milliseconds();
        let start = at.timestamp_millis().div_euclid(step).saturating_mul(step);
        DateTime::from_timestamp_millis(start).unwrap_or(at)
    }
}

/// A step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// When the step begins.
    pub start: DateTime<Utc>,
    /// How many e-mails reached the state in it for the first time.
    pub count: u64,
}
