use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::Query;
use crate::document::campaign_metrics::totals_change;
use crate::document::email_tracking::sent_from;
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, CampaignMetrics, Contribution, Drift, EmailTracking, FoundMetrics, MailboxId, MetricId,
    MetricsFilter, MetricsSum, RecountProgress, SeriesPoint, SeriesStep, Signal, Totals, TotalsDelta,
    TrackingFilter,
};
use crate::page::{Page, PageRequest};
use crate::repository::{CampaignMetricsRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Metrics(pub(super) MemoryStore);

impl State {
    /// The metrics of those campaigns that exist; missing metrics are created. What cannot be read is an
    /// error of its own campaign.
    pub(super) fn metrics_of(&mut self, campaigns: HashSet<CampaignId>) -> FoundMetrics {
        let mut all = FoundMetrics::default();
        for id in campaigns {
            if let Some(metrics) = self.metrics_of_one(id).transpose() {
                all.insert(id, metrics);
            }
        }
        all
    }

    fn metrics_of_one(&mut self, id: CampaignId) -> Result<Option<CampaignMetrics>> {
        let query = MetricsFilter::campaigns([id]).query();
        if let Some((_, metrics)) = self.campaign_metrics.find_one(&query)? {
            return Ok(Some(metrics));
        }
        let Some((_, campaign)) = self.find_campaign(id)? else { return Ok(None) };
        let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
        self.campaign_metrics.insert(&metrics)?;
        Ok(Some(metrics))
    }

    /// Changes the totals of metrics.
    pub(super) fn count(
        &mut self,
        metrics: &FoundMetrics,
        deltas: &BTreeMap<CampaignId, TotalsDelta>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        for (metrics, delta) in metrics.with(deltas) {
            let changes = totals_change(&delta.apply_to(metrics.totals), now);
            self.campaign_metrics.change::<CampaignMetrics>(metrics.id.as_object_id(), &changes)?;
        }
        Ok(())
    }
}

impl State {
    /// The rows of the campaigns that match a filter.
    fn rows_of(&self, filter: &MetricsFilter) -> Result<Vec<Result<EmailTracking>>> {
        let filter = filter.within(self.scope());
        if let Some(rows) = filter.rows() {
            return Ok(self.email_tracking.records(&rows.query()));
        }
        let mut rows = Vec::new();
        for metrics in self.campaign_metrics.records::<CampaignMetrics>(&filter.query()) {
            let query = TrackingFilter::campaign(metrics?.campaign_id).query();
            rows.extend(self.email_tracking.records(&query));
        }
        Ok(rows)
    }

    /// The totals of a campaign's rows, whoever they say they belong to.
    fn count_one(&mut self, id: CampaignId) -> Result<Totals> {
        let query = TrackingFilter::campaign(id).query();
        let rows = self.over_all_users(|state| state.email_tracking.records(&query));
        Ok(sum_of(rows)?.remove(&id).unwrap_or_default())
    }

    /// The totals of the rows of all campaigns within the scope.
    fn count_all(&mut self) -> Result<HashMap<CampaignId, Totals>> {
        let rows = self.over_all_users(|state| state.email_tracking.records(&Query::all()));
        let mut counted = sum_of(rows)?;
        if !self.scope().is_all() {
            counted.retain(|id, _| self.is_campaign(*id));
        }
        Ok(counted)
    }

    /// Writes the totals if the metrics differ from them.
    fn correct(
        &mut self,
        metrics: CampaignMetrics,
        counted: &Totals,
        now: DateTime<Utc>,
    ) -> Result<CampaignMetrics> {
        if metrics.agree_with(counted) {
            return Ok(metrics);
        }
        self.campaign_metrics.change(metrics.id.as_object_id(), &totals_change(counted, now))
    }
}

/// The totals of rows, by campaign.
fn sum_of(rows: Vec<Result<EmailTracking>>) -> Result<HashMap<CampaignId, Totals>> {
    let mut sums = HashMap::<_, Totals>::new();
    for row in rows {
        let row = row?;
        *sums.entry(row.campaign_id).or_default() += Contribution::of(&row);
    }
    Ok(sums)
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
        filter.check_listed()?;
        self.0
            .call(Collection::CampaignMetrics, |state, _| state.campaign_metrics.page(&filter.query(), page))
    }

    async fn totals(&self, filter: &MetricsFilter) -> Result<MetricsSum> {
        self.0.call(Collection::CampaignMetrics, |state, _| {
            let mut sum = MetricsSum::default();
            for metrics in state.campaign_metrics.records::<CampaignMetrics>(&filter.query()) {
                sum.add(metrics.map(|metrics| metrics.totals))?;
            }
            Ok(sum)
        })
    }

    async fn mailbox_totals(&self, mailbox_id: MailboxId, sent: Range<DateTime<Utc>>) -> Result<MetricsSum> {
        self.0.call(Collection::CampaignMetrics, |state, _| {
            let mut sum = MetricsSum::default();
            for row in state.email_tracking.records::<EmailTracking>(&sent_from(mailbox_id, &sent)) {
                sum.add_row(row.as_ref())?;
            }
            Ok(sum)
        })
    }

    async fn series(
        &self,
        filter: &MetricsFilter,
        state: Signal,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> Result<Vec<SeriesPoint>> {
        self.0.call(Collection::CampaignMetrics, |store, _| {
            let mut counts = BTreeMap::<_, u64>::new();
            for row in store.rows_of(filter)? {
                if let Some(first) = row?.first(state).filter(|first| period.contains(first)) {
                    *counts.entry(step.start_of(first)).or_default() += 1;
                }
            }
            Ok(counts.into_iter().map(|(start, count)| SeriesPoint { start, count }).collect())
        })
    }

    async fn recount(&self, campaign_id: CampaignId) -> Result<CampaignMetrics> {
        self.0.call(Collection::CampaignMetrics, |state, now| {
            let metrics = state.metrics_of_one(campaign_id)?;
            let metrics = metrics.ok_or_else(|| Error::not_found(Collection::Campaigns, campaign_id))?;
            let counted = state.count_one(campaign_id)?;
            state.correct(metrics, &counted, now)
        })
    }

    async fn recount_all(&self) -> Result<RecordStream<RecountProgress>> {
        self.0.call(Collection::CampaignMetrics, |state, now| {
            let mut counted = state.count_all()?;
            let metrics = state.campaign_metrics.records::<CampaignMetrics>(&Query::all());
            let metrics: Result<HashSet<_>> =
                metrics.into_iter().map(|metrics| Ok(metrics?.campaign_id)).collect();
            let campaigns: BTreeSet<_> = metrics?.into_iter().chain(counted.keys().copied()).collect();
            let (mut progress, mut reports) = (RecountProgress::default(), Vec::new());
            for id in campaigns {
                let counted = counted.remove(&id).unwrap_or_default();
                let is_missing = !state.campaign_metrics.any(&MetricsFilter::campaigns([id]).query());
                if let Some(metrics) = state.metrics_of_one(id)? {
                    progress.corrected += u64::from(is_missing || !metrics.agree_with(&counted));
                    state.correct(metrics, &counted, now)?;
                }
                progress.checked += 1;
                if progress.checked.is_multiple_of(RecountProgress::INTERVAL) {
                    reports.push(Ok(progress.clone()));
                }
            }
            reports.push(Ok(progress));
            Ok(stream::iter(reports).boxed())
        })
    }

    async fn drift(&self) -> Result<RecordStream<Drift>> {
        self.0.call(Collection::CampaignMetrics, |state, _| {
            let mut counted = state.count_all()?;
            let mut drifts = BTreeMap::new();
            for metrics in state.campaign_metrics.records::<CampaignMetrics>(&Query::all()) {
                let metrics = metrics?;
                let counted = counted.remove(&metrics.campaign_id).unwrap_or_default();
                if !metrics.agree_with(&counted) {
                    drifts.insert(metrics.campaign_id, (Some(metrics.totals), counted));
                }
            }
            drifts.extend(counted.into_iter().map(|(id, counted)| (id, (None, counted))));
            let drift = |(campaign_id, (stored, counted))| Ok(Drift { campaign_id, stored, counted });
            Ok(stream::iter(drifts.into_iter().map(drift).collect::<Vec<_>>()).boxed())
        })
    }
}
