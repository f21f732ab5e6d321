use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricsFilter};
use crate::page::{Page, PageRequest};

/// The metrics of the campaigns. See the [contract](crate::repository#contract) of all
/// repositories.
///
/// The records are made by [`CampaignRepository::create`](super::CampaignRepository::create) and
/// changed together with the tracking rows that they sum up.
#[async_trait]
pub trait CampaignMetricsRepository: Debug + Send + Sync {
    /// The metrics of a campaign.
    ///
    /// # Errors
    /// `Corrupt`, as every method that reads.
    async fn get(&self, campaign_id: CampaignId) -> Result<Option<CampaignMetrics>>;

    /// A page of the metrics.
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &MetricsFilter, page: &PageRequest) -> Result<Page<CampaignMetrics>>;

    /// The sum over many campaigns. For its percentages see [`Rates::of`](crate::Rates::of).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn totals(&self, filter: &MetricsFilter) -> Result<Contribution>;
}
