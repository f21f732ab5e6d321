use async_trait::async_trait;

use super::MemoryStore;
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricsFilter};
use crate::page::{Page, PageRequest};
use crate::repository::CampaignMetricsRepository;

#[derive(Debug)]
pub(super) struct Metrics(pub(super) MemoryStore);

#[async_trait]
impl CampaignMetricsRepository for Metrics {
    async fn get(&self, campaign_id: CampaignId) -> Result<Option<CampaignMetrics>> {
        let query = MetricsFilter::campaigns([campaign_id]).query();
        self.0.call(Collection::CampaignMetrics, |state, _| {
            Ok(state.campaign_metrics.find_one(&query)?.map(|(_, metrics)| metrics))
        })
    }

    async fn list(&self, filter: &MetricsFilter, page: &PageRequest) -> Result<Page<CampaignMetrics>> {
        self.0
            .call(Collection::CampaignMetrics, |state, _| state.campaign_metrics.page(&filter.query(), page))
    }

    async fn totals(&self, filter: &MetricsFilter) -> Result<Contribution> {
        self.0.call(Collection::CampaignMetrics, |state, _| {
            let records = state.campaign_metrics.records::<CampaignMetrics>(&filter.query());
            records.into_iter().map(|metrics| Ok(metrics?.totals)).sum()
        })
    }
}
