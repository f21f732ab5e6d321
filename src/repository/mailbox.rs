use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch, MailboxStatus, NewMailbox, UserId,
};
use crate::page::{Page, PageRequest};

/// The linked mailboxes. The [contract](crate::repository#contract) holds for every method.
///
/// Exactly one of a user's mailboxes is primary at any moment, and [`primary`](MailboxRepository::primary) never misses it. A page of
/// [`list`](MailboxRepository::list) on MongoDB is not read at one moment: while another mailbox becomes the primary one, it can show
/// both or neither as primary.
///
/// ```
/// use campaign_store::{MemoryStore, NewMailbox, NewUser, Provider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// let new = |address: &str| NewMailbox::new(ada.id, address, Provider::Gmail);
/// let work = store.mailboxes.link(new("ada@work.example")?).await?;
/// let home = store.mailboxes.link(new("ada@home.example")?).await?;
/// assert!(work.is_primary && !home.is_primary);
///
/// // Send from the mailboxes in rotation.
/// store.mailboxes.touch(work.id).await?;
/// let next = store.mailboxes.least_recently_used(ada.id).await?;
/// assert_eq!(next.map(|mailbox| mailbox.id), Some(home.id));
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
/// | `link` | `Unique`, if the first call took effect: `find_by_user_and_email` finds the mailbox |
/// | `update` | `Conflict`, if it took effect: read the mailbox, and compare |
/// | `set_primary` | the same state; nothing is written |
/// | `set_status`, `touch` | the same state, with a later version |
/// | `unlink` | `NotFound`, if it took effect |
#[async_trait]
pub trait MailboxRepository: Debug + Send + Sync {
    /// Links a mailbox to its user. A user's first mailbox becomes the primary one. Secrets are sealed
    /// before they leave the process.
    ///
    /// # Errors
    /// `NotFound` when the user does not exist; `Unique` when the user has already linked the address;
    /// `Secret` when the mailbox has secrets and the store has no keys to seal them.
    async fn link(&self, mailbox: NewMailbox) -> Result<Mailbox>;

    /// The mailbox with this id.
    ///
    /// # Errors
    /// `Corrupt`, like every method that reads.
    async fn get(&self, id: MailboxId) -> Result<Option<Mailbox>>;

    /// The user's mailbox with this address.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_user_and_email(&self, user_id: UserId, email: &EmailAddress) -> Result<Option<Mailbox>>;

    /// The user's primary mailbox; `None` if the user has no mailbox.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn primary(&self, user_id: UserId) -> Result<Option<Mailbox>>;

    /// The user's least recently used mailbox, of those that are active and in status active. Mailboxes
    /// that were never used come first; ties go to the one linked first. Together with
    /// [`touch`](Self::touch) it gives a rotation.
    ///
    /// # Errors
    /// `InactiveUser` when the user was deactivated; those of [`get`](Self::get).
    async fn least_recently_used(&self, user_id: UserId) -> Result<Option<Mailbox>>;

    /// Changes a mailbox whose `updated_at` is still `expected_updated_at`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the mailbox has changed since; `Unique` when the user has linked the new
    /// address already.
    async fn update(
        &self,
        id: MailboxId,
        patch: MailboxPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Mailbox>;

    /// Makes this the primary mailbox of its user, in place of the current one. If it is already primary,
    /// nothing is written.
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

    /// Removes a mailbox. If it was primary, the user's oldest remaining mailbox becomes primary.
    /// Completed and cancelled campaigns keep the id of the mailbox.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a scheduled, active or paused campaign uses it.
    async fn unlink(&self, id: MailboxId) -> Result<()>;

    /// A page of the mailboxes that match `filter`. Records that cannot be read are named in
    /// [`Page::unreadable`].
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &MailboxFilter, page: &PageRequest) -> Result<Page<Mailbox>>;

    /// A stream of all mailboxes that match `filter`.
    ///
    /// # Errors
    /// As [`get`](Self::get), from the call and within the stream.
    async fn stream(&self, filter: &MailboxFilter) -> Result<RecordStream<Mailbox>>;
}
