use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    Campaign, CampaignCounts, CampaignFilter, CampaignId, CampaignPatch, CampaignSummary, CampaignTransition,
    NewCampaign, NewRecipients,
};
use crate::page::{Page, PageRequest};

/// The campaigns. The [contract](crate::repository#contract) holds for every method.
///
/// ```
/// use campaign_store::{
///     CampaignDuration, CampaignStatus, MemoryStore, NewCampaign, NewMailbox, NewUser, Provider,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// let mailbox = store.mailboxes.link(NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?).await?;
/// let (start, day) = (ada.created_at, CampaignDuration::hours(24.0)?);
/// let spring = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, day)?;
/// let spring = store.campaigns.create(spring).await?;
///
/// // Each campaign is claimed once, by one worker.
/// assert_eq!(store.campaigns.claim_due(start, 10).await?.len(), 1);
/// assert!(store.campaigns.claim_due(start, 10).await?.is_empty());
///
/// let paused = store.campaigns.pause(spring.id).await?;
/// assert_eq!(paused.status, CampaignStatus::Paused);
/// // A paused campaign is resumed, not started.
/// assert!(store.campaigns.start(spring.id).await.is_err());
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
/// | `create` with an [id](NewCampaign::id) | the same campaign |
/// | `create` without an id | perhaps a second campaign |
/// | `update` | `Conflict`, if the first call took effect: read the campaign, and compare |
/// | `transition`, `start`, `pause`, `resume`, `reschedule`, `complete`, `cancel` | `IllegalStatus`, if it took effect: read the campaign |
/// | `claim_due` | other campaigns; those of the first call are active, and [`list`](Self::list) finds them |
/// | `complete_expired` | the number of those that are left |
/// | `add_recipients` with a [key](NewRecipients::key) | the campaign; they are counted once |
/// | `add_recipients` without a key | perhaps counted twice |
#[async_trait]
pub trait CampaignRepository: Debug + Send + Sync {
    /// Creates a campaign together with its metrics record.
    ///
    /// A campaign with an [id](NewCampaign::id) can be created again: if there is a campaign with this id that
    /// was created from the same content, the call returns it as it is now. The content is all that
    /// [`NewCampaign`] has, as long as no [`update`](Self::update) changed it; the number of recipients may have
    /// grown since.
    ///
    /// # Errors
    /// `NotFound` when the owner, the creator or the mailbox does not exist; `InactiveUser` when the owner or the
    /// creator was deactivated; `ForeignMailbox` when the mailbox is another user's; `UnsendableMailbox` when
    /// it cannot send; `Unique` when another campaign has the id. Within a user, what is another's does not
    /// exist.
    async fn create(&self, campaign: NewCampaign) -> Result<Campaign>;

    /// The campaign with this id.
    ///
    /// # Errors
    /// `Corrupt`, like every method that reads.
    async fn get(&self, id: CampaignId) -> Result<Option<Campaign>>;

    /// Changes a campaign that is scheduled or paused, and whose `updated_at` is still
    /// `expected_updated_at`. A new mailbox is also set in the campaign's metrics.
    ///
    /// # Errors
    /// `NotFound` when the campaign or the new mailbox does not exist; `Conflict` when the campaign has
    /// changed since; `IllegalStatus` when it is neither scheduled nor paused; `ForeignMailbox` when the
    /// new mailbox is another user's; `UnsendableMailbox` when it cannot send; `Invalid` when another program
    /// stored a start so late that the end would be out of the calendar.
    async fn update(
        &self,
        id: CampaignId,
        patch: CampaignPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Campaign>;

    /// Changes the status of a campaign atomically. If several callers try the same transition at once,
    /// one succeeds.
    ///
    /// A campaign becomes active only if its owner is active and its mailbox can send. Once a call that deactivates
    /// the user or the mailbox has returned, none of their campaigns becomes active any more. Those that are active
    /// already stay so: pause them.
    ///
    /// # Errors
    /// `NotFound`; `IllegalStatus` when the campaign's status does not allow the transition, for example
    /// because another caller was faster. When it would become active: `InactiveUser`, `UnsendableMailbox`, and
    /// `NotFound` also when the owner or the mailbox does not exist.
    async fn transition(&self, id: CampaignId, transition: CampaignTransition) -> Result<Campaign>;

    /// Starts a scheduled campaign without waiting for its start time. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn start(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Start).await
    }

    /// Halts a scheduled or active campaign. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn pause(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Pause).await
    }

    /// Resumes a paused campaign at once. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn resume(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Resume).await
    }

    /// Returns a paused campaign to the schedule: it waits for its start time. See
    /// [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn reschedule(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Reschedule).await
    }

    /// Completes an active campaign. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn complete(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Complete).await
    }

    /// Cancels a campaign that is scheduled, active or paused. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn cancel(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Cancel).await
    }

    /// Claims due campaigns: starts at most `limit` scheduled campaigns whose start time is at or before
    /// `now`, the earliest first, and returns those that *this* call started. Any number of workers can
    /// call it at once, and each campaign goes to one of them. A call that returns fewer than `limit`
    /// campaigns has left none that can be sent.
    ///
    /// Due campaigns that nobody can send stay scheduled and are passed over: those whose owner or mailbox could not
    /// [start](Self::start) them, and those that cannot be read. They are claimed once that has changed. Until
    /// then each call looks at them again; pause or cancel them if they are many.
    ///
    /// If the call fails or its future is dropped, campaigns that it has already started stay active.
    /// [`list`](Self::list) finds them.
    ///
    /// # Errors
    /// `Invalid` unless `limit` is from 1 to [`PageRequest::MAX_LIMIT`].
    async fn claim_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>>;

    /// Completes the active campaigns whose end time is at or before `now`, and returns their number.
    ///
    /// # Errors
    /// Only those of the database. Campaigns that the call has already completed stay completed.
    async fn complete_expired(&self, now: DateTime<Utc>) -> Result<u64>;

    /// The number of campaigns in each status. Campaigns whose status is unknown are in
    /// [`CampaignCounts::unreadable`].
    ///
    /// # Errors
    /// Only those of the database.
    async fn count_by_status(&self) -> Result<CampaignCounts>;

    /// Adds to the number of recipients of a campaign that is scheduled, active or paused.
    ///
    /// An addition with a [key](NewRecipients::key) counts once for each key and campaign, for at least as long
    /// as the store keeps receipts (7 days by default). Its repeat returns the campaign as it is now, whatever
    /// its status and the number of the repeat.
    ///
    /// # Errors
    /// `NotFound`; `IllegalStatus` when the campaign is completed or cancelled.
    async fn add_recipients(&self, id: CampaignId, new: NewRecipients) -> Result<Campaign>;

    /// A page of the campaigns that match `filter`. Campaigns that cannot be read are named in
    /// [`Page::unreadable`].
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &CampaignFilter, page: &PageRequest) -> Result<Page<Campaign>>;

    /// The same page without the bodies, which are not read from the database. A cursor works for both.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    async fn list_summaries(
        &self,
        filter: &CampaignFilter,
        page: &PageRequest,
    ) -> Result<Page<CampaignSummary>>;

    /// A stream of all campaigns that match `filter`.
    ///
    /// # Errors
    /// As [`get`](Self::get), from the call and within the stream.
    async fn stream(&self, filter: &CampaignFilter) -> Result<RecordStream<Campaign>>;

    /// The same stream without the bodies, which are not read from the database.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    async fn stream_summaries(&self, filter: &CampaignFilter) -> Result<RecordStream<CampaignSummary>>;
}
