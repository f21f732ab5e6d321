//! Comparing metrics with the tracking rows that they sum up.

use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{Document, doc};
use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt};
use mongodb::{ClientSession, Cursor};

use super::recount_marks;
use crate::collection::Collection;
use crate::document::Decode;
use crate::document::aggregation::{Group, group_by_campaign, grouped, odd, ordinary};
use crate::document::campaign_metrics::{field, totals_change};
use crate::document::email_tracking::{keyed_without_texts, without_texts};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, CampaignMetrics, Contribution, Drift, MetricsFilter, RecountProgress, Totals, TrackingFilter,
};
use crate::mongo::campaign_metrics::metrics_of;
use crate::mongo::link::connection::Connection;
use crate::mongo::link::error::{DriverResult, ours, theirs};
use crate::mongo::link::table::{each, projection};

/// The result of the recount of one campaign.
struct Recounted {
    metrics: CampaignMetrics,
    corrected: bool,
    unreadable: u64,
}

/// The totals of a campaign's rows. Unreadable rows count as sent and as nothing else.
struct Counted {
    totals: Totals,
    unreadable: Vec<Error>,
}

/// Counts the rows of campaigns and compares them with the metrics.
#[derive(Debug, Clone)]
pub(crate) struct Recounts(pub(crate) Arc<Connection>);

impl Recounts {
    pub(crate) async fn recount(&self, id: CampaignId) -> Result<CampaignMetrics> {
        let recounted = self.recount_one(id).await?;
        recounted.map(|done| done.metrics).ok_or_else(|| Error::not_found(Collection::Campaigns, id))
    }

    /// `None` if there is nothing to write to.
    async fn recount_one(&self, id: CampaignId) -> Result<Option<Recounted>> {
        self.0
            .transact("campaign_metrics.recount", self, move |session, this| {
                this.recount_in(session, id).boxed()
            })
            .await
    }

    async fn recount_in(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
    ) -> DriverResult<Option<Recounted>> {
        recount_marks::remove(&self.0, session, id).await?;
        let stored = self.stored_metrics(session, id).await?;
        let was_there = stored.is_some();
        let metrics = match stored {
            Some(metrics) => Some(metrics),
            None => metrics_of(&self.0, session, &[id].into()).await?.take(id).map_err(ours)?,
        };
        let Some(metrics) = metrics else { return Ok(None) };
        let Counted { totals, unreadable } = self.count_rows(session, id).await?;
        let unreadable = unreadable.len() as u64;
        if metrics.agree_with(&totals) {
            return Ok(Some(Recounted { metrics, corrected: !was_there, unreadable }));
        }
        let changes = totals_change(&totals, self.0.now());
        let metrics =
            self.0.campaign_metrics.change(Some(session), metrics.id.as_object_id(), &changes).await?;
        Ok(Some(Recounted { metrics, corrected: true, unreadable }))
    }

    /// The drift of a campaign's metrics, if any, and the unreadable rows.
    async fn drift_of(&self, id: CampaignId) -> Result<(Option<Drift>, Vec<Error>)> {
        self.0
            .transact("campaign_metrics.drift", self, move |session, this| this.drift_in(session, id).boxed())
            .await
    }

    async fn drift_in(
        &self,
        session: &mut ClientSession,
        campaign_id: CampaignId,
    ) -> DriverResult<(Option<Drift>, Vec<Error>)> {
        let metrics = self.stored_metrics(session, campaign_id).await?;
        let Counted { totals, unreadable } = self.count_rows(session, campaign_id).await?;
        let stored = metrics.as_ref().map(|metrics| metrics.totals);
        let agree = match &metrics {
            Some(metrics) => metrics.agree_with(&totals),
            None => totals == Totals::default(),
        };
        Ok(((!agree).then_some(Drift { campaign_id, stored, counted: totals }), unreadable))
    }

    async fn stored_metrics(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
    ) -> DriverResult<Option<CampaignMetrics>> {
        self.0.campaign_metrics.find_one(Some(session), &MetricsFilter::campaigns([id]).query()).await
    }

    /// The totals of a campaign's rows.
    async fn count_rows(&self, session: &mut ClientSession, id: CampaignId) -> DriverResult<Counted> {
        let rows = TrackingFilter::campaign(id).query();
        let group = self.group(session, rows.to_filter()).await?;
        if group.odd == 0 {
            return Ok(Counted { totals: group.totals, unreadable: Vec::new() });
        }
        let totals = self.group(session, ordinary(&rows)).await?.totals;
        let mut counted = Counted { totals, unreadable: Vec::new() };
        let find = self.0.email_tracking.raw.find(odd(&rows)).projection(projection(without_texts()));
        each(Some(session), find, |row| {
            match keyed_without_texts(row) {
                Ok((_, row)) => counted.totals += Contribution::of(&row),
                Err(error) => {
                    counted.totals.sent += 1;
                    counted.unreadable.push(error);
                }
            }
            Ok(())
        })
        .await?;
        Ok(counted)
    }

    async fn group(&self, session: &mut ClientSession, rows: Document) -> DriverResult<Group> {
        let stages = [doc! { "$match": rows }, group_by_campaign()];
        let groups = self.0.email_tracking.raw.aggregate(stages).with_type::<RawDocumentBuf>();
        let mut groups = groups.session(&mut *session).await?;
        let group = groups.next(session).await.transpose()?;
        let group = group.map(|group| grouped(&group).map_err(ours)).transpose()?;
        Ok(group.map(|(_, group)| group).unwrap_or_default())
    }

    /// The campaigns, and whether their metrics seem wrong: rows are counted in one pass, while others may
    /// write.
    async fn compared(
        &self,
        operation: &'static str,
    ) -> Result<impl Stream<Item = Result<(CampaignId, bool)>> + Send + use<>> {
        let by_campaign = doc! { "$sort": { "_id": 1 } };
        let groups = self
            .0
            .email_tracking
            .raw
            .aggregate([group_by_campaign(), by_campaign])
            .with_type::<RawDocumentBuf>()
            .allow_disk_use(true);
        let metrics = self.0.campaign_metrics.raw.find(doc! {}).sort(doc! { field::campaign_id.as_str(): 1 });
        let (groups, metrics) = self.0.run(operation, async { Ok((groups.await?, metrics.await?)) }).await?;
        let groups = read(operation, groups, self.0.target(), grouped);
        let metrics = read(operation, metrics, self.0.target(), CampaignMetrics::decode);
        Ok(stream! {
            let mut groups = pin!(groups.peekable());
            let mut metrics = pin!(metrics.peekable());
            loop {
                // Both are in campaign order; the one that is behind advances.
                let (counts, stores) = match (groups.as_mut().peek().await, metrics.as_mut().peek().await) {
                    (None, None) => break,
                    (Some(Err(_)), _) | (Some(_), None) => (true, false),
                    (_, Some(Err(_))) | (None, Some(_)) => (false, true),
                    (Some(Ok((id, _))), Some(Ok(metrics))) => {
                        (*id <= metrics.campaign_id, metrics.campaign_id <= *id)
                    }
                };
                let group = if counts { groups.next().await.transpose() } else { Ok(None) };
                let metrics = if stores { metrics.next().await.transpose() } else { Ok(None) };
                yield match (group, metrics) {
                    (Err(error), _) | (_, Err(error)) => Err(error),
                    (Ok(group), Ok(Some(metrics))) => {
                        let Group { totals, odd, .. } = group.map(|(_, group)| group).unwrap_or_default();
                        Ok((metrics.campaign_id, odd > 0 || !metrics.agree_with(&totals)))
                    }
                    (Ok(Some((id, _))), Ok(None)) => Ok((id, true)),
                    (Ok(None), Ok(None)) => break,
                };
            }
        })
    }

    /// Recounts every campaign that seems wrong.
    pub(in crate::mongo) async fn recount_all(
        self,
    ) -> Result<impl Stream<Item = Result<RecountProgress>> + Send + 'static> {
        // Campaigns that version 0.1 marked are recounted whatever their metrics say, which removes the
        // marks. Those with neither rows nor metrics come last.
        let mut marked = recount_marks::campaigns(&self.0).await?;
        let compared = self.compared("campaign_metrics.recount_all").await?;
        Ok(stream! {
            let mut compared = pin!(compared);
            let mut progress = RecountProgress::default();
            loop {
                let corrected = match compared.next().await {
                    Some(Ok((id, is_wrong))) => {
                        if marked.remove(&id) || is_wrong { self.recount_one(id).await } else { Ok(None) }
                    }
                    // The `_id` of a group of rows is their campaign.
                    Some(Err(Error::Corrupt { collection: Collection::EmailTracking, path, .. }))
                        if path == "_id" =>
                    {
                        progress.unattributed += 1;
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None => match marked.pop_first() {
                        Some(id) => self.recount_one(id).await,
                        None => break,
                    },
                };
                match corrected {
                    Ok(recounted) => {
                        progress.checked += 1;
                        let recounted = recounted.as_ref();
                        progress.corrected += u64::from(recounted.is_some_and(|done| done.corrected));
                        progress.unreadable += recounted.map_or(0, |done| done.unreadable);
                        if progress.checked.is_multiple_of(RecountProgress::INTERVAL) {
                            yield Ok(progress);
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
            yield Ok(progress);
        })
    }

    /// Reports what is wrong with the campaigns that seem wrong.
    pub(crate) async fn drift(self) -> Result<impl Stream<Item = Result<Drift>> + Send + 'static> {
        let compared = self.compared("campaign_metrics.drift").await?;
        Ok(stream! {
            let mut compared = pin!(compared);
            while let Some(compared) = compared.next().await {
                let found = match compared {
                    Ok((id, true)) => self.drift_of(id).await,
                    Ok((_, false)) => continue,
                    Err(error) => Err(error),
                };
                match found {
                    Ok((drift, unreadable)) => {
                        for error in unreadable {
                            yield Err(error);
                        }
                        if let Some(drift) = drift {
                            yield Ok(drift);
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
        })
    }
}

/// The documents of a cursor, until the connection fails.
fn read<T: Send + 'static>(
    operation: &'static str,
    mut cursor: Cursor<RawDocumentBuf>,
    target: String,
    decode: impl Fn(&RawDocument) -> Result<T> + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send + 'static {
    stream! {
        loop {
            match cursor.advance().await {
                Ok(true) => yield decode(cursor.current()),
                Ok(false) => break,
                Err(error) => {
                    yield Err(theirs(operation, &target, &error));
                    break;
                }
            }
        }
    }
}
