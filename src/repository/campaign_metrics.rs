use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    CampaignId, CampaignMetrics, Drift, MailboxId, MetricsFilter, MetricsSum, RecountProgress, SeriesPoint,
    SeriesStep, Signal,
};
use crate::page::{Page, PageRequest};

/// The metrics of the campaigns. The [contract](crate::repository#contract) holds for every method.
///
/// [`CampaignRepository::create`](super::CampaignRepository::create) creates the record of a campaign.
/// [`EmailTrackingRepository`](super::EmailTrackingRepository) changes it together with the tracking
/// rows that it sums up.
///
/// ```
/// use campaign_store::{MetricsFilter, Rates};
/// # use campaign_store::{CampaignDuration, MemoryStore, NewCampaign, NewMailbox, NewSend, NewUser};
/// # use campaign_store::{Provider, TrackingEvent};
/// use chrono::TimeDelta;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// # let store = MemoryStore::new().system();
/// # let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// # let mailbox = NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?;
/// # let mailbox = store.mailboxes.link(mailbox).await?;
/// # let (start, day) = (ada.created_at, CampaignDuration::hours(24.0)?);
/// # let spring = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, day)?;
/// # let spring = store.campaigns.create(spring).await?;
/// let send = NewSend::new(&spring, &mailbox, "bob@example.com", start)?;
/// let opened = TrackingEvent::opened(send.id(), start);
/// store.email_tracking.record_sends(vec![send]).await?;
/// store.email_tracking.record_events(vec![opened]).await?;
///
/// let metrics = store.campaign_metrics.get(spring.id).await?.expect("created with the campaign");
/// assert_eq!((metrics.totals.sent, metrics.totals.opened), (1, 1));
/// let sum = store.campaign_metrics.totals(&MetricsFilter::user(ada.id)).await?;
/// assert_eq!(Rates::of(&sum.totals).open_rate, 100.0);
/// let day = start..start + TimeDelta::days(1);
/// assert_eq!(store.campaign_metrics.mailbox_totals(mailbox.id, day).await?, sum);
/// # Ok(())
/// # }
/// ```
///
/// # A repeat after `Unavailable`
///
/// A call that ended in a time-out may have taken effect. The same call again gives:
///
/// | Method | The repeat |
/// |---|---|
/// | all that only read | what is stored now |
/// | `recount` | the same metrics |
/// | `recount_all` | it finds nothing to correct in what was corrected |
#[async_trait]
pub trait CampaignMetricsRepository: Debug + Send + Sync {
    /// The metrics of a campaign.
    ///
    /// # Errors
    /// `Corrupt`, like every method that reads.
    async fn get(&self, campaign_id: CampaignId) -> Result<Option<CampaignMetrics>>;

    /// A page of the metrics that match `filter`. Records that cannot be read are named in
    /// [`Page::unreadable`].
    ///
    /// # Errors
    /// `InvalidCursor`; `Invalid` when the filter names more than [`MetricsFilter::MAX_LISTED`] campaigns.
    async fn list(&self, filter: &MetricsFilter, page: &PageRequest) -> Result<Page<CampaignMetrics>>;

    /// The sum of the metrics that match `filter`. [`Rates::of`](crate::Rates::of) computes its percentages.
    /// Records whose totals cannot be read are counted in [`MetricsSum::unreadable`].
    ///
    /// # Errors
    /// Only those of the database.
    async fn totals(&self, filter: &MetricsFilter) -> Result<MetricsSum>;

    /// The totals of the e-mails that a mailbox sent in this period, which excludes its end: of all campaigns, and
    /// also of those that have another mailbox of their own. It is counted from the e-mails, so the cost grows with
    /// their number. E-mails that cannot be read are in [`MetricsSum::unreadable`]; those whose time of sending is no
    /// date are in no period.
    ///
    /// # Errors
    /// Only those of the database.
    async fn mailbox_totals(&self, mailbox_id: MailboxId, sent: Range<DateTime<Utc>>) -> Result<MetricsSum>;

    /// The number of e-mails of these campaigns that reached a state in each hour or day of a period. The
    /// earliest step comes first, and steps without e-mails are left out.
    ///
    /// Each e-mail counts in one step, the one of its [first](crate::EmailTracking::first) time. The period
    /// excludes its `end`, so the counts of adjacent periods add up to the number of e-mails in the state,
    /// which [`totals`](Self::totals) returns. A late event with an earlier time moves its e-mail to the
    /// earlier step.
    ///
    /// The method reads the tracking rows of the campaigns, not their metrics.
    ///
    /// # Errors
    /// Only those of the database.
    async fn series(
        &self,
        filter: &MetricsFilter,
        state: Signal,
        step: SeriesStep,
        period: Range<DateTime<Utc>>,
    ) -> Result<Vec<SeriesPoint>>;

    /// Recounts the tracking rows of a campaign, writes its metrics if they were wrong or missing or could not
    /// be read, and returns them.
    ///
    /// E-mails can be sent and events recorded at the same time: the rows are counted as they were at one
    /// moment, nothing is locked meanwhile, and the metrics are corrected by the difference that was found.
    /// Rows whose `campaign_id` spells the campaign in another way count too. Rows that cannot be read count as
    /// sent and as nothing else. A repeat is harmless.
    ///
    /// The count of a large campaign can take longer than the time limit of other calls. It must end within the
    /// server's `minSnapshotHistoryWindowInSeconds`, 300 seconds by default.
    ///
    /// # Errors
    /// `NotFound` when neither the campaign nor its metrics exist. `Corrupt` when the metrics cannot be read and
    /// the campaign does not exist, or cannot be read either. `Unavailable` also when the count took too long;
    /// the error names the server's parameter.
    async fn recount(&self, campaign_id: CampaignId) -> Result<CampaignMetrics>;

    /// Recounts every campaign. The stream reports the progress after each 1,000 campaigns and at the end.
    /// The work advances only while the stream is read, and stops when the stream is dropped.
    ///
    /// The rows are counted in one pass, and campaigns that differ from it are
    /// [recounted](Self::recount) one by one. Rows of campaigns that do not exist are left alone, and so are rows
    /// of no campaign, whose `campaign_id` is missing or no id. The reports say how many there are of these, and
    /// of rows that cannot be read, and the last one names some.
    ///
    /// # Errors
    /// Those of the database, from the call and within the stream; within the stream also those of
    /// [`recount`](Self::recount), after which it continues.
    async fn recount_all(&self) -> Result<RecordStream<RecountProgress>>;

    /// The campaigns that [`recount_all`](Self::recount_all) would correct, and the rows of campaigns
    /// that do not exist. Nothing is written. The metrics and the rows of each campaign are compared as they were
    /// at one moment.
    ///
    /// # Errors
    /// As [`recount_all`](Self::recount_all), and within the stream `Corrupt` for each row that cannot be
    /// read, for each row of no campaign (the path is `campaign_id`), and for metrics that cannot be read. The
    /// stream continues after each.
    async fn drift(&self) -> Result<RecordStream<Drift>>;
}
