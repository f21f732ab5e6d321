use std::collections::HashSet;
use std::fmt::Debug;

use async_trait::async_trait;

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailSummary, EmailTracking, EventOutcome, NewSend, SendOutcome, TrackingEvent,
    TrackingFilter, TrackingId, UserId,
};
use crate::page::{Page, PageRequest};

/// The sent e-mails. The [contract](crate::repository#contract) holds for every method.
///
/// ```
/// use campaign_store::{EventOutcome, NewSend, SendOutcome, TrackingEvent};
/// # use campaign_store::{CampaignDuration, MemoryStore, NewCampaign, NewMailbox, NewUser, Provider};
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
/// let opened = TrackingEvent::opened(send.id(), start).provider_event_id("evt-1")?;
///
/// // Recording again after a failure is safe: each send and each event counts once.
/// let tracking = &store.email_tracking;
/// assert_eq!(tracking.record_sends(vec![send.clone()]).await?, [SendOutcome::Recorded]);
/// assert_eq!(tracking.record_sends(vec![send]).await?, [SendOutcome::AlreadyRecorded]);
/// assert_eq!(tracking.record_events(vec![opened.clone()]).await?, [EventOutcome::First]);
/// assert_eq!(tracking.record_events(vec![opened]).await?, [EventOutcome::Duplicate]);
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
/// | `record_sends`, `record_sends_each` | `AlreadyRecorded` for each send that was recorded; each counts once |
/// | `record_events`, `record_events_each`, events with a provider event id | `Duplicate` for each event that was recorded; each counts once |
/// | the same, events without one | perhaps counted twice |
#[async_trait]
pub trait EmailTrackingRepository: Debug + Send + Sync {
    /// Records sends, counts them in the metrics of their campaigns, and returns the outcome of each, in
    /// the order of `sends`.
    ///
    /// Recording is idempotent: a send is identified by its tracking id, so a batch, or a part of it, can
    /// be recorded again after any failure. On MongoDB the unique index enforces this, so the database
    /// must be provisioned. Rows and metrics change together, in atomic steps of at most 1,000 sends. If
    /// sends fail, the others stay recorded.
    ///
    /// Only the tracking id decides whether a send was recorded before; its other fields are not compared.
    /// Sends of completed and cancelled campaigns are recorded too, and so are those of deactivated users and of
    /// mailboxes that cannot send any more: they have happened. The owner of a row is that of the campaign, and the
    /// mailbox is the one that [`NewSend::new`] was given. A send more than a day in the future is
    /// [`ImplausibleTime`](SendOutcome::ImplausibleTime), and not recorded.
    ///
    /// # Errors
    /// The first one of [`record_sends_each`](Self::record_sends_each).
    async fn record_sends(&self, sends: Vec<NewSend>) -> Result<Vec<SendOutcome>> {
        self.record_sends_each(sends).await.into_iter().collect()
    }

    /// As [`record_sends`](Self::record_sends), with one result for each send, in the order of `sends`.
    ///
    /// A document that cannot be read harms only its own campaign: new sends of a campaign whose metrics
    /// cannot be read fail with `Corrupt`, and all others are recorded. A step that fails in the database
    /// returns its error for its own sends. After a retryable error the steps that follow are not tried, and
    /// their sends get the same error.
    async fn record_sends_each(&self, sends: Vec<NewSend>) -> Vec<Result<SendOutcome>>;

    /// Records events, counts them in the metrics of their campaigns, and returns the outcome of each, in
    /// the order of `events`.
    ///
    /// [`EmailTracking::apply`] changes the rows, so the order of events makes no difference. The metrics
    /// change by the difference of the rows' [contributions](crate::Contribution) before and after. Rows,
    /// metrics and receipts change together, in atomic steps of at most 1,000 events. If a step fails, the
    /// other steps that were recorded stay recorded.
    ///
    /// An event more than a day before its e-mail was sent, or more than a day in the future, is
    /// [`ImplausibleTime`](EventOutcome::ImplausibleTime), and not recorded: it would give its row a wrong time for
    /// good. A [soft](crate::BounceKind::Soft) bounce is [`Noted`](EventOutcome::Noted): its provider event id is
    /// remembered, and nothing else is stored.
    ///
    /// An event with a [provider event id](TrackingEvent::provider_event_id) counts once for at least as
    /// long as the store keeps receipts (7 days by default), so it can be recorded again after any
    /// failure. An event without one could then be counted twice.
    ///
    /// # Errors
    /// The first one of [`record_events_each`](Self::record_events_each).
    async fn record_events(&self, events: Vec<TrackingEvent>) -> Result<Vec<EventOutcome>> {
        self.record_events_each(events).await.into_iter().collect()
    }

    /// As [`record_events`](Self::record_events), with one result for each event, in the order of `events`.
    /// What was recorded need not be recorded again.
    ///
    /// A document that cannot be read harms only its own events, which fail with `Corrupt`: those of a row
    /// that cannot be read, and those that would change metrics that cannot be read. All others are recorded.
    /// A step that fails in the database returns its error for its own events.
    async fn record_events_each(&self, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>>;

    /// The e-mail with this id.
    ///
    /// # Errors
    /// `Corrupt`, like every method that reads.
    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>>;

    /// Those of `ids` that are recorded. Over all users it reads no e-mail, only the index.
    ///
    /// # Errors
    /// Only those of the database.
    async fn recorded(&self, ids: &[TrackingId]) -> Result<HashSet<TrackingId>>;

    /// The e-mails of a campaign to a recipient, in the order of recording: the first page of
    /// [`PageRequest::MAX_LIMIT`]. [`list`](Self::list) with the same filter returns the pages after it.
    ///
    /// # Errors
    /// Only those of the database.
    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Page<EmailTracking>>;

    /// Whether the recipient is suppressed: the user must not write to the recipient any more, because an
    /// e-mail of the user bounced, or the recipient unsubscribed from one or reported one as spam.
    ///
    /// # Errors
    /// `NotFound` within [another user](crate::repository#within-one-user), besides those of the database. Do not
    /// send unless the call succeeds.
    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool>;

    /// The suppressed ones of many recipients; see [`is_suppressed`](Self::is_suppressed).
    ///
    /// # Errors
    /// As [`is_suppressed`](Self::is_suppressed).
    async fn suppressed(&self, user_id: UserId, recipients: &[EmailAddress])
    -> Result<HashSet<EmailAddress>>;

    /// A page of the e-mails that match `filter`. E-mails that cannot be read are named in
    /// [`Page::unreadable`].
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>>;

    /// The same page without the bodies, which are not read from the database. A cursor works for both.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    async fn list_summaries(&self, filter: &TrackingFilter, page: &PageRequest)
    -> Result<Page<EmailSummary>>;

    /// A stream of all e-mails that match `filter`, the fastest way to read many.
    ///
    /// # Errors
    /// As [`get`](Self::get), from the call and within the stream.
    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>>;

    /// The same stream without the bodies, which are not read from the database.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    async fn stream_summaries(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailSummary>>;

    /// A stream of the ids of all e-mails that match `filter`. Nothing else is read from the database, so
    /// it takes little memory however large the e-mails are.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    async fn stream_ids(&self, filter: &TrackingFilter) -> Result<RecordStream<TrackingId>>;
}
