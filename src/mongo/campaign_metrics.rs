use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use mongodb::ClientSession;
use mongodb::options::Hint;

use super::connection::Connection;
use super::error::{DriverResult, ours};
use super::recount;
use super::table::{each, of_id};
use crate::clock::next_version;
use crate::collection::Collection;
use crate::document::aggregation::{point, series, sum_of_totals};
use crate::document::campaign_metrics::{totals_change, totals_of};
use crate::document::{Fields, Query, field};
use crate::error::Result;
use crate::model::{
    CampaignId, CampaignMetrics, Contribution, Drift, MetricId, MetricsFilter, RecountProgress, SeriesPoint,
    SeriesStep, Shift, TrackingState,
};
use crate::page::{Page, PageRequest};
use crate::repository::{CampaignMetricsRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Metrics(pub(super) Arc<Connection>);

impl Metrics {
    async fn sum(&self, filter: &MetricsFilter) -> DriverResult<Contribution> {
        let pipeline = [doc! { "$match": filter.query().to_filter() }, sum_of_totals()];
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

    /// The filters that find the rows of the campaigns: few at a time if they must be looked up.
    async fn filters_of_rows(&self, filter: &MetricsFilter) -> DriverResult<Vec<Query>> {
        if let Some(rows) = filter.rows() {
            return Ok(vec![rows.query()]);
        }
        let id = field::CAMPAIGN_ID.as_str();
        let find = self.0.campaign_metrics.raw.find(filter.query().to_filter()).projection(doc! { id: 1 });
        let mut ids = Vec::new();
        each(None, find, |metrics| {
            ids.extend(metrics.get_str(id).ok().map(str::to_owned));
            Ok(())
        })
        .await?;
        let few = ids.chunks(PageRequest::MAX_LIMIT);
        Ok(few.map(|ids| Query::all().one_of(field::CAMPAIGN_ID, ids.iter().cloned())).collect())
    }

    async fn points(
        &self,
        filter: &MetricsFilter,
        state: TrackingState,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> DriverResult<Vec<SeriesPoint>> {
        let mut counts = BTreeMap::<_, u64>::new();
        for rows in self.filters_of_rows(filter).await? {
            let is_all = rows == Query::all();
            let stages = series(rows, state, step, (period.start, period.end));
            let mut points = self.0.email_tracking.raw.aggregate(stages);
            if is_all {
                // Reading along the index of ids is no slower and does not count as a scan.
                points = points.hint(Hint::Keys(doc! { "_id": 1 }));
            }
            let mut points = points.await?;
            while points.advance().await? {
                let point = point(points.current()).map_err(ours)?;
                *counts.entry(point.start).or_default() += point.count;
            }
        }
        Ok(counts.into_iter().map(|(start, count)| SeriesPoint { start, count }).collect())
    }
}

impl Connection {
    /// The metrics of those of the campaigns that exist, made now where they are missing.
    pub(super) async fn metrics_of(
        &self,
        session: &mut ClientSession,
        campaigns: &HashSet<CampaignId>,
    ) -> DriverResult<HashMap<CampaignId, CampaignMetrics>> {
        if campaigns.is_empty() {
            return Ok(HashMap::new());
        }
        let query = MetricsFilter::campaigns(campaigns.iter().copied()).query();
        let found: Vec<CampaignMetrics> =
            self.campaign_metrics.find_all(Some(&mut *session), &query, campaigns.len()).await?;
        let mut all: HashMap<_, _> =
            found.into_iter().map(|metrics| (metrics.campaign_id, metrics)).collect();
        for id in campaigns {
            if !all.contains_key(id)
                && let Some(metrics) = self.make_metrics(session, *id).await?
            {
                all.insert(*id, metrics);
            }
        }
        Ok(all)
    }

    /// The metrics of a campaign that has none, if it exists.
    async fn make_metrics(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
    ) -> DriverResult<Option<CampaignMetrics>> {
        let Some(campaign) = self.find_campaign(Some(&mut *session), id).await? else { return Ok(None) };
        let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
        self.campaign_metrics.insert(Some(session), &metrics).await?;
        Ok(Some(metrics))
    }

    /// Changes the totals of metrics that were just read.
    pub(super) async fn count(
        &self,
        session: &mut ClientSession,
        metrics: &HashMap<CampaignId, CampaignMetrics>,
        shifts: &BTreeMap<CampaignId, Shift>,
        now: DateTime<Utc>,
    ) -> DriverResult<()> {
        let shifts = shifts.iter().filter_map(|(id, shift)| Some((metrics.get(id)?, *shift)));
        // The transaction keeps others away.
        let updates = shifts.map(|(metrics, shift)| {
            let version = next_version(now, metrics.last_updated);
            let changes = totals_change(&shift.apply_to(&metrics.totals), version);
            (of_id(metrics.id.as_object_id()), changes.to_plain_update())
        });
        self.campaign_metrics.update_each(Some(session), updates).await?;
        Ok(())
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

    async fn series(
        &self,
        filter: &MetricsFilter,
        state: TrackingState,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> Result<Vec<SeriesPoint>> {
        self.0.run("campaign_metrics.series", self.points(filter, state, step, period)).await
    }

    async fn recount(&self, campaign_id: CampaignId) -> Result<CampaignMetrics> {
        self.0.recount(campaign_id).await
    }

    async fn recount_all(&self) -> Result<RecordStream<RecountProgress>> {
        Ok(recount::recount_all(self.0.clone()).await?.boxed())
    }

    async fn drift(&self) -> Result<RecordStream<Drift>> {
        Ok(recount::drift(self.0.clone()).await?.boxed())
    }
}
