use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    CampaignId, CampaignMetrics, Drift, MetricsFilter, RecountProgress, SeriesPoint, SeriesStep, Signal,
    Totals,
};
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
    async fn totals(&self, filter: &MetricsFilter) -> Result<Totals>;

    /// How many e-mails of these campaigns reached a state in each hour or day of a period, from
    /// the earliest on, without the steps in which none did.
    ///
    /// Each e-mail counts in one step, that of the [first](crate::EmailTracking::first) time, and
    /// the period ends before its `end`. So the counts add up over any partition of time to the
    /// number of e-mails in that state, which [`totals`](Self::totals) gives. An event of an earlier
    /// time that comes late moves its e-mail to the earlier step.
    ///
    /// It reads the tracking rows of the campaigns, not their metrics.
    ///
    /// # Errors
    /// Those of the database.
    async fn series(
        &self,
        filter: &MetricsFilter,
        state: Signal,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> Result<Vec<SeriesPoint>>;

    /// Counts the tracking rows of a campaign anew, writes its metrics if they were wrong or
    /// missing, and gives them. Events can be recorded meanwhile.
    ///
    /// # Errors
    /// `NotFound` when neither the campaign nor metrics of it exist.
    async fn recount(&self, campaign_id: CampaignId) -> Result<CampaignMetrics>;

    /// The same for every campaign, telling how far it is, after every thousandth and at the end.
    /// The stream has to be read for the work to go on; dropped, it stops.
    ///
    /// The rows are counted in one pass; campaigns that seem wrong by it are
    /// [recounted](Self::recount) one by one. Rows of campaigns that do not exist are left alone.
    ///
    /// # Errors
    /// Those of the database, also within the stream.
    async fn recount_all(&self) -> Result<RecordStream<RecountProgress>>;

    /// What a recount of all campaigns would put right, and rows of campaigns that do not exist.
    /// Nothing is written.
    ///
    /// # Errors
    /// As [`recount_all`](Self::recount_all).
    async fn drift(&self) -> Result<RecordStream<Drift>>;
}
