use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use mongodb::ClientSession;
use mongodb::action::{Action, Aggregate, Find};
use mongodb::options::Hint;

use super::campaign::{find_campaign, is_campaign};
use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::{each, of_id, projection};
use super::tracking::{Recounts, recount_notes};
use crate::clock::{first_whole_millis, next_version};
use crate::document::aggregation::{
    Group, group_by_oddness, grouped, odd, odd_in_state, point, series, sum_of_totals, summed_totals,
    with_odd_totals,
};
use crate::document::campaign_metrics::{campaign_of, field, read_totals, totals_change, totals_fields};
use crate::document::email_tracking::{keyed_without_texts, of_campaigns, sent_from, without_texts};
use crate::document::{Decode, Query};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, CampaignMetrics, Drift, FoundMetrics, MailboxId, MetricId, MetricsFilter, MetricsSum,
    RecountProgress, SeriesPoint, SeriesStep, Signal, Totals, TotalsDelta,
};
use crate::page::{Page, PageRequest};
use crate::repository::{CampaignMetricsRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) db: Arc<Connection>,
}

impl Metrics {
    fn recounts(&self) -> Recounts {
        Recounts(self.db.clone())
    }

    async fn sum(&self, filter: &MetricsFilter) -> DriverResult<MetricsSum> {
        let mut all = MetricsSum::default();
        for part in filter.within(self.db.scope).parts() {
            let query = part.query();
            // Reading along the id index is not slower and does not count as a scan.
            let hint = (part == MetricsFilter::all()).then(|| Hint::Keys(doc! { "_id": 1 }));
            let pipeline = [doc! { "$match": query.to_filter() }, sum_of_totals()];
            let sum = self.db.campaign_metrics.aggregate_in_lists(pipeline);
            let mut groups = sum.optional(hint.clone(), Aggregate::hint).await?;
            let mut has_odd = false;
            while groups.advance().await? {
                match summed_totals(groups.current()).map_err(ours)? {
                    Some(totals) => all.totals += totals,
                    None => has_odd = true,
                }
            }
            if has_odd {
                let find = self.db.campaign_metrics.find_in_lists(with_odd_totals(&query));
                let find = find.projection(projection(totals_fields())).optional(hint, Find::hint);
                each(None, find, |metrics| all.add(read_totals(metrics)).map_err(ours)).await?;
            }
        }
        Ok(all)
    }

    /// The sum of the rows that match the query.
    async fn sum_of_rows(&self, rows: &Query) -> DriverResult<MetricsSum> {
        let mut sum = MetricsSum::default();
        let stages = [doc! { "$match": rows.to_filter() }, group_by_oddness()];
        let mut groups = self.db.email_tracking.aggregate_in_lists(stages).await?;
        let mut has_odd = false;
        while groups.advance().await? {
            match grouped(groups.current()).map_err(ours)? {
                (_, Group { odd: 0, totals }) => sum.totals += totals,
                _ => has_odd = true,
            }
        }
        if has_odd {
            let find =
                self.db.email_tracking.find_in_lists(odd(rows)).projection(projection(without_texts()));
            each(None, find, |row| {
                let row = keyed_without_texts(row).map(|(_, row)| row);
                sum.add_row(row.as_ref()).map_err(ours)
            })
            .await?;
        }
        Ok(sum)
    }

    /// The filters that find the rows of the campaigns, for a few campaigns each if they must be looked up.
    async fn filters_of_rows(&self, filter: &MetricsFilter) -> DriverResult<Vec<Query>> {
        let filter = filter.within(self.db.scope);
        if let Some(rows) = filter.rows() {
            return Ok(vec![rows.query()]);
        }
        let id = field::campaign_id.as_str();
        let mut ids = Vec::new();
        for part in filter.parts() {
            let find =
                self.db.campaign_metrics.find_in_lists(part.query().to_filter()).projection(doc! { id: 1 });
            each(None, find, |metrics| {
                ids.extend(metrics.get_str(id).ok().and_then(|id| id.parse::<CampaignId>().ok()));
                Ok(())
            })
            .await?;
        }
        let few = ids.chunks(PageRequest::MAX_LIMIT);
        Ok(few.map(|ids| of_campaigns(ids.iter().copied())).collect())
    }

    async fn points(
        &self,
        filter: &MetricsFilter,
        state: Signal,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> DriverResult<Vec<SeriesPoint>> {
        let mut counts = BTreeMap::<_, u64>::new();
        // The database has whole milliseconds, and would cut the bounds down to them.
        let period = first_whole_millis(period.start)..first_whole_millis(period.end);
        for rows in self.filters_of_rows(filter).await? {
            let is_all = rows == Query::all();
            let mut has_odd = false;
            let stages = series(rows.clone(), state, step, (period.start, period.end));
            let mut points = self.db.email_tracking.aggregate_in_lists(stages);
            if is_all {
                // Reading along the id index is not slower and does not count as a scan.
                points = points.hint(Hint::Keys(doc! { "_id": 1 }));
            }
            let mut points = points.await?;
            while points.advance().await? {
                match point(points.current()).map_err(ours)? {
                    Some(point) => *counts.entry(point.start).or_default() += point.count,
                    None => has_odd = true,
                }
            }
            if has_odd {
                let find = self.db.email_tracking.find_in_lists(odd_in_state(rows, state));
                each(None, find.projection(projection(without_texts())), |row| {
                    // Unreadable rows are in no series.
                    let first = keyed_without_texts(row).ok().and_then(|(_, row)| row.first(state));
                    if let Some(first) = first.filter(|first| period.contains(first)) {
                        *counts.entry(step.start_of(first)).or_default() += 1;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(counts.into_iter().map(|(start, count)| SeriesPoint { start, count }).collect())
    }
}

/// The metrics of those campaigns that exist within the scope; missing metrics are created. What cannot be read
/// is an error of its own campaign.
pub(super) async fn metrics_of(
    db: &Connection,
    session: &mut ClientSession,
    campaigns: &HashSet<CampaignId>,
) -> DriverResult<FoundMetrics> {
    let mut all = FoundMetrics::default();
    if campaigns.is_empty() {
        return Ok(all);
    }
    let query = MetricsFilter::campaigns(campaigns.iter().copied()).query();
    // Over all users: what cannot be read may not even say whose it is, and is in the way of a new record.
    let metrics = db.campaign_metrics.over_all_users();
    let find = metrics.find(query.to_filter());
    // All in one reply: by default the server would return only the first hundred.
    let find = find.batch_size(u32::try_from(campaigns.len() + 1).unwrap_or(u32::MAX));
    let mut found = HashMap::new();
    each(Some(&mut *session), find, |document| {
        let metrics = CampaignMetrics::decode(document);
        if let Ok(id) = metrics.as_ref().map_or_else(|_| campaign_of(document), |found| Ok(found.campaign_id))
        {
            found.insert(id, metrics);
        }
        Ok(())
    })
    .await?;
    for id in campaigns {
        let metrics = match found.remove(id) {
            Some(Ok(metrics)) => db.scope.includes(metrics.user_id).then_some(Ok(metrics)),
            Some(Err(error)) => {
                let is_ours = db.scope.is_all() || is_campaign(db, Some(&mut *session), *id).await?;
                is_ours.then_some(Err(error))
            }
            None => make_metrics(db, session, *id).await?,
        };
        if let Some(metrics) = metrics {
            all.insert(*id, metrics);
        }
    }
    Ok(all)
}

/// Creates the metrics of a campaign that has none, if the campaign exists.
async fn make_metrics(
    db: &Connection,
    session: &mut ClientSession,
    id: CampaignId,
) -> DriverResult<Option<Result<CampaignMetrics>>> {
    let campaign = match find_campaign(db, Some(&mut *session), id).await {
        Ok(Some(campaign)) => campaign,
        Ok(None) => return Ok(None),
        Err(error) => {
            return match error.get_custom::<Error>() {
                Some(unreadable @ Error::Corrupt { .. }) => Ok(Some(Err(unreadable.clone()))),
                _ => Err(error),
            };
        }
    };
    let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
    db.campaign_metrics.insert(Some(session), &metrics).await?;
    Ok(Some(Ok(metrics)))
}

/// Changes the totals of metrics that were just read.
pub(super) async fn change_totals(
    db: &Connection,
    session: &mut ClientSession,
    metrics: &FoundMetrics,
    deltas: &BTreeMap<CampaignId, TotalsDelta>,
    now: DateTime<Utc>,
) -> DriverResult<()> {
    let deltas: Vec<(&CampaignMetrics, TotalsDelta)> = metrics.with(deltas).collect();
    let mut cuts = Vec::new();
    for (metrics, delta) in &deltas {
        let cut = delta.cut_by(metrics.totals);
        if cut != Totals::default() {
            cuts.push((metrics.campaign_id, cut));
        }
    }
    if !cuts.is_empty() {
        recount_notes::add_cuts(db, session, cuts).await?;
    }
    // The transaction excludes concurrent changes.
    let updates = deltas.into_iter().map(|(metrics, delta)| {
        let version = next_version(now, metrics.last_updated);
        let changes = totals_change(&delta.apply_to(metrics.totals), version);
        (of_id(metrics.id.as_object_id()), changes.to_plain_update())
    });
    db.campaign_metrics.update_each(Some(session), updates).await?;
    Ok(())
}

#[async_trait]
impl CampaignMetricsRepository for Metrics {
    async fn get(&self, campaign_id: CampaignId) -> Result<Option<CampaignMetrics>> {
        let query = MetricsFilter::campaigns([campaign_id]).query();
        self.db.run("campaign_metrics.get", self.db.campaign_metrics.find_one(None, &query)).await
    }

    async fn list(&self, filter: &MetricsFilter, page: &PageRequest) -> Result<Page<CampaignMetrics>> {
        filter.check_listed()?;
        self.db.run("campaign_metrics.list", self.db.campaign_metrics.page(&filter.query(), page)).await
    }

    async fn totals(&self, filter: &MetricsFilter) -> Result<MetricsSum> {
        self.db.run("campaign_metrics.totals", self.sum(filter)).await
    }

    async fn mailbox_totals(&self, mailbox_id: MailboxId, sent: Range<DateTime<Utc>>) -> Result<MetricsSum> {
        let rows = sent_from(mailbox_id, &sent);
        self.db.run("campaign_metrics.mailbox_totals", self.sum_of_rows(&rows)).await
    }

    async fn series(
        &self,
        filter: &MetricsFilter,
        state: Signal,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> Result<Vec<SeriesPoint>> {
        self.db.run("campaign_metrics.series", self.points(filter, state, step, period)).await
    }

    async fn recount(&self, campaign_id: CampaignId) -> Result<CampaignMetrics> {
        self.recounts().recount(campaign_id).await
    }

    async fn recount_all(&self) -> Result<RecordStream<RecountProgress>> {
        Ok(self.recounts().recount_all().await?.boxed())
    }

    async fn drift(&self) -> Result<RecordStream<Drift>> {
        Ok(self.recounts().drift().await?.boxed())
    }
}
