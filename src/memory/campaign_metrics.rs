use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::campaign_metrics::totals_change;
use crate::error::Result;
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricId, MetricsFilter, Shift};
use crate::page::{Page, PageRequest};
use crate::repository::CampaignMetricsRepository;

#[derive(Debug)]
pub(super) struct Metrics(pub(super) MemoryStore);

impl State {
    /// The metrics of those of the campaigns that exist, made now where they are missing.
    pub(super) fn metrics_of(
        &mut self,
        campaigns: HashSet<CampaignId>,
    ) -> Result<HashMap<CampaignId, CampaignMetrics>> {
        let mut all = HashMap::new();
        for id in campaigns {
            let query = MetricsFilter::campaigns([id]).query();
            if let Some((_, metrics)) = self.campaign_metrics.find_one(&query)? {
                all.insert(id, metrics);
            } else if let Some((_, campaign)) = self.find_campaign(id)? {
                let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
                self.campaign_metrics.insert(&metrics)?;
                all.insert(id, metrics);
            }
        }
        Ok(all)
    }

    /// Changes the totals of metrics.
    pub(super) fn count(
        &mut self,
        metrics: &HashMap<CampaignId, CampaignMetrics>,
        shifts: &BTreeMap<CampaignId, Shift>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        for (id, shift) in shifts {
            let Some(metrics) = metrics.get(id) else { continue };
            let changes = totals_change(&shift.apply_to(&metrics.totals), now);
            self.campaign_metrics.change::<CampaignMetrics>(metrics.id.as_object_id(), &changes)?;
        }
        Ok(())
    }
}

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
