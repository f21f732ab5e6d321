use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use chrono::{DateTime, Utc};
use mongodb::options::Hint;

use super::connection::Connection;
use super::error::{DriverResult, is_duplicate_of, ours};
use super::table::{Session, of_id};
use crate::collection::Collection;
use crate::document::campaign_metrics::{named_totals, totals_change, totals_of};
use crate::document::{Fields, field};
use crate::error::{Error, Result};
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricId, MetricsFilter, Shift};
use crate::page::{Page, PageRequest};
use crate::repository::CampaignMetricsRepository;
use crate::schema::index::CAMPAIGN_METRICS_CAMPAIGN_ID;

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

impl Connection {
    /// The metrics of those of the campaigns that exist, made now where they are missing.
    pub(super) async fn metrics_of(
        &self,
        mut session: Session<'_>,
        campaigns: &HashSet<CampaignId>,
    ) -> DriverResult<HashMap<CampaignId, CampaignMetrics>> {
        let query = MetricsFilter::campaigns(campaigns.iter().copied()).query();
        let found: Vec<CampaignMetrics> =
            self.campaign_metrics.find_all(session.as_deref_mut(), &query, campaigns.len()).await?;
        let mut all: HashMap<_, _> =
            found.into_iter().map(|metrics| (metrics.campaign_id, metrics)).collect();
        for id in campaigns {
            if !all.contains_key(id)
                && let Some(metrics) = self.make_metrics(session.as_deref_mut(), *id).await?
            {
                all.insert(*id, metrics);
            }
        }
        Ok(all)
    }

    /// The metrics of a campaign that has none, if it exists.
    async fn make_metrics(
        &self,
        mut session: Session<'_>,
        id: CampaignId,
    ) -> DriverResult<Option<CampaignMetrics>> {
        let Some(campaign) = self.find_campaign(session.as_deref_mut(), id).await? else { return Ok(None) };
        let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
        let in_transaction = session.is_some();
        match self.campaign_metrics.insert(session, &metrics).await {
            // Somebody else made them; in a transaction it is tried again as a whole.
            Err(error) if !in_transaction && is_duplicate_of(&error, CAMPAIGN_METRICS_CAMPAIGN_ID) => {
                self.campaign_metrics.find_one(None, &MetricsFilter::campaigns([id]).query()).await
            }
            done => done.map(|()| Some(metrics)),
        }
    }

    /// Changes the totals of metrics that were just read.
    pub(super) async fn count(
        &self,
        session: Session<'_>,
        metrics: &HashMap<CampaignId, CampaignMetrics>,
        shifts: &BTreeMap<CampaignId, Shift>,
        now: DateTime<Utc>,
    ) -> DriverResult<()> {
        let shifts = shifts.iter().filter_map(|(id, shift)| Some((metrics.get(id)?, *shift)));
        let Some(session) = session else {
            for (metrics, shift) in shifts {
                self.count_alone(metrics.clone(), shift, now).await?;
            }
            return Ok(());
        };
        // The transaction keeps others away.
        let updates = shifts.map(|(metrics, shift)| {
            (
                of_id(metrics.id.as_object_id()),
                totals_change(&shift.apply_to(&metrics.totals), now).to_pipeline(),
            )
        });
        self.campaign_metrics.update_each(session, updates).await
    }

    /// Changes totals without a transaction: once more while somebody else counts in between.
    async fn count_alone(
        &self,
        mut metrics: CampaignMetrics,
        shift: Shift,
        now: DateTime<Utc>,
    ) -> DriverResult<()> {
        loop {
            let row = of_id(metrics.id.as_object_id());
            let same_version =
                row.clone().is(field::LAST_UPDATED, bson::DateTime::from(metrics.last_updated));
            let changes = totals_change(&shift.apply_to(&metrics.totals), now);
            let changed: Option<CampaignMetrics> =
                self.campaign_metrics.update(None, &same_version, &changes).await?;
            if changed.is_some() {
                return Ok(());
            }
            let found = self.campaign_metrics.find_one(None, &row).await?;
            let gone = || ours(Error::not_found(Collection::CampaignMetrics, metrics.campaign_id));
            metrics = found.ok_or_else(gone)?;
        }
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
