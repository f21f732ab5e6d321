//! Comparing metrics with the tracking rows that they sum up.
//!
//! One pass over all rows finds the campaigns whose metrics seem wrong ([`by_campaign`](super::by_campaign)).
//! Each of them is [counted](super::count) at a snapshot, and [corrected](super::correction) by the difference.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt};

use super::by_campaign::{Compared, read};
use super::correction::Correction;
use super::count::{Count, Stored};
use super::recount_marks;
use crate::collection::Collection;
use crate::document::Decode;
use crate::document::aggregation::odd;
use crate::document::campaign::field;
use crate::document::email_tracking::{campaign_of, keyed_without_texts, without_texts};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, CampaignMetrics, Drift, MetricsFilter, RecountProgress, Totals, TrackingFilter,
};
use crate::mongo::campaign::is_campaign;
use crate::mongo::link::connection::Connection;
use crate::mongo::link::table::projection;

/// How long the server may take until it answers, in a pass over all rows or at the count of one campaign.
/// A count ends sooner where the server keeps its snapshots for a shorter time.
pub(super) const LIMIT: Duration = Duration::from_secs(60 * 60);
/// How often the rows of a campaign are counted again because something else changed the difference.
const ATTEMPTS: u32 = 10;

/// The result of the recount of one campaign.
pub(super) struct Recounted {
    pub(super) metrics: CampaignMetrics,
    pub(super) corrected: bool,
    pub(super) unreadable: u64,
}

/// Counts the rows of campaigns and compares them with the metrics.
///
/// A campaign is looked up within the scope. The rows and the metrics of one that is there are its own, whoever
/// they say they belong to, so they are read over all users: otherwise two recounts could disagree.
#[derive(Debug, Clone)]
pub(crate) struct Recounts(pub(crate) Arc<Connection>);

impl Recounts {
    pub(crate) async fn recount(&self, id: CampaignId) -> Result<CampaignMetrics> {
        let recounted = self.recount_one(id).await?;
        recounted.map(|done| done.metrics).ok_or_else(|| Error::not_found(Collection::Campaigns, id))
    }

    /// `None` if there is nothing to write to.
    async fn recount_one(&self, id: CampaignId) -> Result<Option<Recounted>> {
        const OPERATION: &str = "campaign_metrics.recount";
        if !self.can_be_recounted(OPERATION, id).await? {
            return Ok(None);
        }
        for _ in 0..ATTEMPTS {
            let count = self.count(OPERATION, id).await?;
            let correct = self.0.transact(OPERATION, (self, &count), move |session, (this, count)| {
                this.correct_in(session, id, count).boxed()
            });
            match correct.await? {
                Correction::Done(recounted) => return Ok(Some(recounted)),
                Correction::NoCampaign => return Ok(None),
                Correction::Outdated => {}
            }
        }
        Err(Error::unavailable(self.0.target(), "the metrics were corrected by others again and again"))
    }

    /// Whether there is something to write to, before anything is counted.
    async fn can_be_recounted(&self, operation: &'static str, id: CampaignId) -> Result<bool> {
        let db = &self.0;
        db.run(operation, async {
            let query = MetricsFilter::campaigns([id]).query();
            let has_metrics = db.scope.is_all() && db.campaign_metrics.any(None, &query).await?;
            Ok(has_metrics || is_campaign(db, None, id).await?)
        })
        .await
    }

    /// Whether the drift of a campaign is reported. Within a user, its rows may name another's campaign.
    async fn is_within(&self, operation: &'static str, id: CampaignId) -> Result<bool> {
        Ok(self.0.scope.is_all() || self.can_be_recounted(operation, id).await?)
    }

    /// Recounts every campaign that seems wrong.
    pub(in crate::mongo) async fn recount_all(
        self,
    ) -> Result<impl Stream<Item = Result<RecountProgress>> + Send + 'static> {
        const OPERATION: &str = "campaign_metrics.recount_all";
        // Campaigns that version 0.1 marked are recounted whatever their metrics say, which removes the
        // marks. Those with neither rows nor metrics come last.
        let mut marked = self.marked(OPERATION).await?;
        let compared = self.compared(OPERATION).await?;
        Ok(stream! {
            let mut compared = pin!(compared);
            let mut progress = RecountProgress::default();
            loop {
                let recounted = match compared.next().await {
                    Some(Ok(Compared::Campaign { id, is_suspect })) => {
                        if marked.remove(&id) || is_suspect { self.recount_one(id).await } else { Ok(None) }
                    }
                    Some(Ok(Compared::NoCampaign(rows))) => {
                        progress.unattributed += rows;
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None => match marked.pop_first() {
                        Some(id) => self.recount_one(id).await,
                        None => break,
                    },
                };
                match recounted {
                    Ok(recounted) => {
                        progress.checked += 1;
                        let recounted = recounted.as_ref();
                        progress.corrected += u64::from(recounted.is_some_and(|done| done.corrected));
                        progress.unreadable += recounted.map_or(0, |done| done.unreadable);
                        if progress.checked.is_multiple_of(RecountProgress::INTERVAL) {
                            yield Ok(progress.clone());
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
            if progress.unattributed > 0 {
                match self.rows_of_no_campaign(OPERATION).await {
                    Ok(rows) => {
                        let mut rows = pin!(rows.take(RecountProgress::MAX_LISTED));
                        while let Some(error) = rows.next().await {
                            match error {
                                Error::Corrupt { id, .. } => progress.first_unattributed.push(id),
                                error => yield Err(error),
                            }
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
            yield Ok(progress);
        })
    }

    /// The campaigns that version 0.1 marked.
    async fn marked(&self, operation: &'static str) -> Result<BTreeSet<CampaignId>> {
        let marked = recount_marks::campaigns(&self.0).await?;
        if self.0.scope.is_all() || marked.is_empty() {
            return Ok(marked);
        }
        let ids = marked.into_iter().collect();
        let ours = self.0.run(operation, self.0.campaigns.known(None, field::id, &ids)).await?;
        Ok(ours.into_iter().collect())
    }

    /// Reports what is wrong with the campaigns that seem wrong.
    pub(crate) async fn drift(self) -> Result<impl Stream<Item = Result<Drift>> + Send + 'static> {
        const OPERATION: &str = "campaign_metrics.drift";
        let compared = self.compared(OPERATION).await?;
        Ok(stream! {
            let mut compared = pin!(compared);
            let mut has_rows_of_no_campaign = false;
            while let Some(compared) = compared.next().await {
                let id = match compared {
                    Ok(Compared::Campaign { id, is_suspect: true }) => id,
                    Ok(Compared::Campaign { .. }) => continue,
                    Ok(Compared::NoCampaign(rows)) => {
                        has_rows_of_no_campaign |= rows > 0;
                        continue;
                    }
                    Err(error) => {
                        yield Err(error);
                        continue;
                    }
                };
                match self.is_within(OPERATION, id).await {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        yield Err(error);
                        continue;
                    }
                }
                match self.count(OPERATION, id).await {
                    Ok(count) => {
                        if count.unreadable > 0 {
                            match self.unreadable_rows(OPERATION, id).await {
                                Ok(rows) => {
                                    let mut rows = pin!(rows);
                                    while let Some(error) = rows.next().await {
                                        yield Err(error);
                                    }
                                }
                                Err(error) => yield Err(error),
                            }
                        }
                        if let Some(drift) = drift_in(id, &count).transpose() {
                            yield drift;
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
            if has_rows_of_no_campaign {
                match self.rows_of_no_campaign(OPERATION).await {
                    Ok(rows) => {
                        let mut rows = pin!(rows);
                        while let Some(error) = rows.next().await {
                            yield Err(error);
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
        })
    }

    /// An error for each row of a campaign that cannot be read. They are read again one by one, since a count
    /// that kept them would need memory for all of them.
    async fn unreadable_rows(
        &self,
        operation: &'static str,
        id: CampaignId,
    ) -> Result<impl Stream<Item = Error> + Send + use<>> {
        let rows = odd(&TrackingFilter::campaign(id).query());
        let find = self.0.email_tracking.unscoped().find(rows).projection(projection(without_texts()));
        let rows = self.0.run_for::<_, Error>(LIMIT, operation, async { find.await }).await?;
        // Rows of no campaign are named by themselves.
        let rows = read(operation, rows, self.0.target(), |row| match campaign_of(row) {
            Ok(_) => keyed_without_texts(row).map(drop),
            Err(_) => Ok(()),
        });
        Ok(rows.filter_map(|row| std::future::ready(row.err())))
    }
}

/// The drift that a count found, if any; an error if the metrics cannot be read.
fn drift_in(campaign_id: CampaignId, count: &Count) -> Result<Option<Drift>> {
    let (stored, agree) = match &count.stored {
        Stored::Missing => (None, count.totals == Totals::default()),
        Stored::Readable(metrics) => (Some(metrics.totals), metrics.agree_with(&count.totals)),
        Stored::Unreadable(document) => return CampaignMetrics::decode(document).map(|_| None),
    };
    Ok((!agree).then_some(Drift { campaign_id, stored, counted: count.totals }))
}
