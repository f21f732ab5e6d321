use std::fmt::Debug;
use std::sync::Arc;

use super::Repositories;
use crate::model::UserId;

/// What gives the repositories of a database: within one user, or over all users.
///
/// Handlers that act for a user take the repositories of [`of`](Self::of). There, what belongs to another user does
/// not exist: look-ups return nothing, writes fail with [`Error::NotFound`](crate::Error::NotFound), lists and sums
/// have the user's records alone, and nothing of another user changes. The user's id goes into the same filter or
/// transaction as the rest of the call.
///
/// What runs over all users (workers, webhooks, logins, operators) takes the repositories of
/// [`system`](Self::system). A reviewer can search for it.
///
/// [`MongoStore`](crate::MongoStore) and [`MemoryStore`](crate::MemoryStore) are stores. A service holds an
/// `Arc<dyn Store>`.
///
/// ```
/// use campaign_store::{Error, MailboxFilter, MemoryStore, NewMailbox, NewUser, PageRequest, Provider, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store: &dyn Store = &MemoryStore::new();
/// let all = store.system();
/// let ada = all.users.create(NewUser::new("Ada", "ada")?).await?;
/// let eve = all.users.create(NewUser::new("Eve", "eve")?).await?;
///
/// let (hers, of_eve) = (store.of(ada.id), store.of(eve.id));
/// let mailbox = hers.mailboxes.link(NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?).await?;
///
/// assert_eq!(of_eve.mailboxes.get(mailbox.id).await?, None);
/// assert!(matches!(of_eve.mailboxes.unlink(mailbox.id).await, Err(Error::NotFound { .. })));
/// assert!(of_eve.mailboxes.list(&MailboxFilter::all(), &PageRequest::default()).await?.items.is_empty());
/// assert_eq!(hers.mailboxes.get(mailbox.id).await?, Some(mailbox));
/// # Ok(())
/// # }
/// ```
pub trait Store: Debug + Send + Sync {
    /// The repositories over all users.
    fn system(&self) -> Repositories;

    /// The repositories within one user. Whether the user exists is not checked: within a user who does not, there
    /// is nothing.
    fn of(&self, user_id: UserId) -> Repositories;
}

impl<T: Store + ?Sized> Store for Arc<T> {
    fn system(&self) -> Repositories {
        (**self).system()
    }

    fn of(&self, user_id: UserId) -> Repositories {
        (**self).of(user_id)
    }
}
