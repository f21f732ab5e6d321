use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch, MailboxStatus, NewMailbox, UserId,
};
use crate::page::{Page, PageRequest};

/// The linked mailboxes. See the [contract](crate::repository#contract) of all repositories.
///
/// Exactly one of a user's mailboxes is primary at any moment; nobody ever sees two or none.
#[async_trait]
pub trait MailboxRepository: Debug + Send + Sync {
    /// Links a mailbox to its user. The first one of a user becomes the primary one. Secrets are
    /// sealed before they leave the process.
    ///
    /// # Errors
    /// `NotFound` when there is no such user; `Unique` when the user has linked the address; `Secret`
    /// when there are secrets and no keys to seal them.
    async fn link(&self, mailbox: NewMailbox) -> Result<Mailbox>;

    /// The mailbox of this id.
    ///
    /// # Errors
    /// `Corrupt`, as every method that reads.
    async fn get(&self, id: MailboxId) -> Result<Option<Mailbox>>;

    /// The user's mailbox with this address.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_user_and_email(&self, user_id: UserId, email: &EmailAddress) -> Result<Option<Mailbox>>;

    /// The user's primary mailbox; `None` when the user has no mailbox.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn primary(&self, user_id: UserId) -> Result<Option<Mailbox>>;

    /// The active mailbox of the user in status active that was not used for the longest time;
    /// one that was never used comes first, and of equals the one that was linked first. For
    /// sending in rotation, together with [`touch`](Self::touch).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn least_recently_used(&self, user_id: UserId) -> Result<Option<Mailbox>>;

    /// Changes a mailbox whose `updated_at` is still `expected_updated_at`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the mailbox changed since; `Unique`.
    async fn update(
        &self,
        id: MailboxId,
        patch: MailboxPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Mailbox>;

    /// Makes this the primary mailbox of its user, in place of the present one. If it is that
    /// already, nothing is written.
    ///
    /// # Errors
    /// `NotFound`.
    async fn set_primary(&self, id: MailboxId) -> Result<Mailbox>;

    /// Sets the status.
    ///
    /// # Errors
    /// `NotFound`.
    async fn set_status(&self, id: MailboxId, status: MailboxStatus) -> Result<Mailbox>;

    /// Sets `last_used` to the store's current time.
    ///
    /// # Errors
    /// `NotFound`.
    async fn touch(&self, id: MailboxId) -> Result<Mailbox>;

    /// Removes a mailbox. When it was the primary one, the user's oldest remaining mailbox becomes
    /// primary. Campaigns that are over keep naming the mailbox.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a campaign that is not over is to be sent from it.
    async fn unlink(&self, id: MailboxId) -> Result<()>;

    /// A page of the mailboxes.
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &MailboxFilter, page: &PageRequest) -> Result<Page<Mailbox>>;

    /// All the mailboxes, one by one.
    ///
    /// # Errors
    /// As [`get`](Self::get), also within the stream.
    async fn stream(&self, filter: &MailboxFilter) -> Result<RecordStream<Mailbox>>;
}
