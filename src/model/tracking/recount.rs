//! The comparison of metrics with their tracking rows.

use serde::Serialize;

use super::Totals;
use crate::model::CampaignId;

/// A campaign whose metrics differ from the totals of its tracking rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The totals in its metrics; `None` if it has no metrics.
    pub stored: Option<Totals>,
    /// The totals of its tracking rows.
    pub counted: Totals,
}

/// The progress of a recount of all campaigns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct RecountProgress {
    /// The number of campaigns compared so far.
    pub checked: u64,
    /// The number of them whose metrics were wrong and have been corrected.
    pub corrected: u64,
    /// The number of their tracking rows that cannot be read. These count as sent only;
    /// [`drift`](crate::CampaignMetricsRepository::drift) names them.
    pub unreadable: u64,
    /// The number of tracking rows of no campaign: their `campaign_id` is missing or no id, such as
    /// `camp-17`. They are left alone.
    pub unattributed: u64,
    /// The `_id`s of some of these rows, at most [`MAX_LISTED`](Self::MAX_LISTED), in the last report.
    /// [`drift`](crate::CampaignMetricsRepository::drift) names all of them.
    pub first_unattributed: Vec<String>,
}

impl RecountProgress {
    /// How many rows of no campaign are listed.
    pub const MAX_LISTED: usize = 20;

    /// The number of campaigns between two progress reports.
    pub(crate) const INTERVAL: u64 = 1_000;
}
