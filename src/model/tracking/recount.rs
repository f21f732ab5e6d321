//! Metrics against the tracking rows that they sum up.

use serde::Serialize;

use super::Totals;
use crate::model::CampaignId;

/// A campaign whose metrics are not what its tracking rows add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The totals in its metrics; none when it has no metrics.
    pub stored: Option<Totals>,
    /// The totals of its tracking rows.
    pub counted: Totals,
}

/// How far a recount of all campaigns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct RecountProgress {
    /// Campaigns compared so far.
    pub checked: u64,
    /// Campaigns among them whose metrics were wrong, and are right now.
    pub corrected: u64,
    /// Tracking rows among them that cannot be read. They count as sent and as nothing else;
    /// [`drift`](crate::CampaignMetricsRepository::drift) names them.
    pub unreadable: u64,
}

impl RecountProgress {
    /// After how many campaigns a recount tells how far it is.
    pub(crate) const INTERVAL: u64 = 1_000;
}
