use std::collections::HashSet;
use std::fmt::Debug;

use async_trait::async_trait;

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailTracking, EventOutcome, NewSend, SendOutcome, TrackingEvent,
    TrackingFilter, TrackingId, UserId,
};
use crate::page::{Page, PageRequest};

/// The sent e-mails. See the [contract](crate::repository#contract) of all repositories.
#[async_trait]
pub trait EmailTrackingRepository: Debug + Send + Sync {
    /// Records sends and counts them in the metrics of their campaigns, and says of each what
    /// became of it, in the order of `sends`.
    ///
    /// Recording is idempotent: a send is known by its tracking id, so a batch can be recorded
    /// again after any failure, whole or in part. On MongoDB the unique index decides, so the
    /// database must be provisioned. Rows and metrics change together, in steps of at most 1,000
    /// sends; when a step fails, those before it stay recorded.
    ///
    /// A tracking id counts as recorded whatever else the send says. Whether the campaign is over
    /// makes no difference. The owner and the mailbox of the rows are those of the send, as
    /// [`NewSend::new`] took them from the campaign.
    ///
    /// # Errors
    /// Those of the database alone.
    async fn record_sends(&self, sends: Vec<NewSend>) -> Result<Vec<SendOutcome>>;

    /// Records events and counts them in the metrics of their campaigns, and says of each what it
    /// did, in the order of `events`.
    ///
    /// The rows change by [`EmailTracking::apply`], so the order in which events arrive makes no
    /// difference, and the metrics by what the rows [contribute](crate::Totals::of) after and
    /// before. Rows, metrics and receipts change together, in steps of at most 1,000 events; when a
    /// step fails, those of the others that were recorded stay recorded.
    ///
    /// An event with a [provider event id](TrackingEvent::provider_event_id) counts once, for at
    /// least as long as the store keeps receipts (7 days unless said otherwise), so it can be
    /// recorded again after any failure. One without can be counted twice then.
    ///
    /// # Errors
    /// `Corrupt` when a row cannot be read; those of the database.
    async fn record_events(&self, events: Vec<TrackingEvent>) -> Result<Vec<EventOutcome>> {
        self.record_events_each(events).await.into_iter().collect()
    }

    /// As [`record_events`](Self::record_events), and tells each event apart when some fail: a step
    /// that fails gives its error to its own events, so that those of the other steps need not be
    /// recorded again. There is one result for each event, in their order.
    async fn record_events_each(&self, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>>;

    /// The e-mail of this id.
    ///
    /// # Errors
    /// `Corrupt`, as every method that reads.
    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>>;

    /// The e-mails of a campaign to a recipient in the order in which they were recorded, the first
    /// [`PageRequest::MAX_LIMIT`] of them.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Vec<EmailTracking>>;

    /// Whether the user must not write to this recipient any more, because an e-mail of the user
    /// bounced or because the recipient unsubscribed.
    ///
    /// # Errors
    /// Those of the database alone. Whoever cannot get an answer should not send.
    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool>;

    /// Those of many recipients to whom the user must not write, as
    /// [`is_suppressed`](Self::is_suppressed) says of one.
    ///
    /// # Errors
    /// As [`is_suppressed`](Self::is_suppressed).
    async fn suppressed(&self, user_id: UserId, recipients: &[EmailAddress])
    -> Result<HashSet<EmailAddress>>;

    /// A page of the e-mails.
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>>;

    /// All the e-mails, one by one: the fastest way to read many.
    ///
    /// # Errors
    /// As [`get`](Self::get), also within the stream.
    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>>;
}
