//! Metrics against the tracking rows that they sum up.

use serde::Serialize;

use super::{CampaignId, Contribution};

/// A campaign whose metrics are not what its tracking rows add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The totals in its metrics; none when it has no metrics.
    pub stored: Option<Contribution>,
    /// The totals of its tracking rows.
    pub counted: Contribution,
}

/// How far a recount of all campaigns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct RecountProgress {
    /// Campaigns compared so far.
    pub checked: u64,
    /// Campaigns among them whose metrics were wrong, and are right now.
    pub corrected: u64,
}

impl RecountProgress {
    /// After how many campaigns a recount tells how far it is.
    pub(crate) const INTERVAL: u64 = 1_000;
}
