use std::fmt::Debug;

use async_trait::async_trait;

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailTracking, NewSend, SendOutcome, TrackingFilter, TrackingId, UserId,
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
