use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use mongodb::options::Hint;

use super::connection::Connection;
use super::error::{DriverResult, ours};
use crate::collection::Collection;
use crate::document::Fields;
use crate::document::campaign_metrics::{named_totals, totals_of};
use crate::error::Result;
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricsFilter};
use crate::page::{Page, PageRequest};
use crate::repository::CampaignMetricsRepository;

#[derive(Debug)]
pub(super) struct Metrics(pub(super) Arc<Connection>);

impl Metrics {
    async fn sum(&self, filter: &MetricsFilter) -> DriverResult<Contribution> {
        let mut group = doc! { "_id": null };
        for (name, _) in named_totals(&Contribution::default()) {
            group.insert(name.as_str(), doc! { "$sum": format!("${}", name.as_str()) });
        }
        let pipeline = [doc! { "$match": filter.query().to_filter() }, doc! { "$group": group }];
        let mut sum = self.0.campaign_metrics.raw.aggregate(pipeline);
        if *filter == MetricsFilter::all() {
            // Reading along the index of ids is no slower and does not count as a scan.
            sum = sum.hint(Hint::Keys(doc! { "_id": 1 }));
        }
        let mut groups = sum.await?;
        if !groups.advance().await? {
            return Ok(Contribution::default());
        }
        Fields::of(Collection::CampaignMetrics, groups.current())
            .and_then(|fields| totals_of(&fields))
            .map_err(ours)
    }
}

#[async_trait]
impl CampaignMetricsRepository for Metrics {
    async fn get(&self, campaign_id: CampaignId) -> Result<Option<CampaignMetrics>> {
        let query = MetricsFilter::campaigns([campaign_id]).query();
        self.0.run("campaign_metrics.get", self.0.campaign_metrics.find_one(None, &query)).await
    }

    async fn list(&self, filter: &MetricsFilter, page: &PageRequest) -> Result<Page<CampaignMetrics>> {
        self.0.run("campaign_metrics.list", self.0.campaign_metrics.page(&filter.query(), page)).await
    }

    async fn totals(&self, filter: &MetricsFilter) -> Result<Contribution> {
        self.0.run("campaign_metrics.totals", self.sum(filter)).await
    }
}
