use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    ClerkUser, ClerkUserId, EmailAddress, LoginAttempt, LoginId, LoginOutcome, LoginPassword, NewUser, User,
    UserFilter, UserId, UserPatch,
};
use crate::page::{Page, PageRequest};

/// The users. The [contract](crate::repository#contract) holds for every method.
///
/// Writes that would give two users the same login id, e-mail address or Clerk id fail with
/// [`Error::Unique`](crate::Error::Unique), which names the index.
///
/// ```
/// use campaign_store::{LoginAttempt, LoginOutcome, LoginPassword, MemoryStore, NewUser, UserPatch};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let password = LoginPassword::new("correct horse battery staple")?;
/// let ada = store.users.create(NewUser::new("Ada", "ada")?.password(password)).await?;
///
/// let attempt = LoginAttempt::new("ADA", "correct horse battery staple");
/// assert!(matches!(store.users.verify_login(attempt).await?, LoginOutcome::Accepted(_)));
///
/// let patch = UserPatch::new().email("ada@example.com")?;
/// let changed = store.users.update(ada.id, patch.clone(), ada.updated_at).await?;
/// assert!(changed.updated_at > ada.updated_at);
/// // The version that this patch was made for is stale now.
/// assert!(store.users.update(ada.id, patch, ada.updated_at).await.is_err());
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
/// | `create` | `Unique`, if the first call took effect: `find_by_login_id` finds the user |
/// | `update` | `Conflict`, if it took effect: read the user, and compare |
/// | `upsert_from_clerk` | the same user, `Updated` |
/// | `delete_from_clerk` | `Unknown` or `Deactivated`, if it took effect; the user is gone all the same |
/// | `set_password`, `record_login`, `set_active` | the same state, with a later version |
/// | `verify_login` | the same answer |
/// | `delete` | `NotFound`, if it took effect |
#[async_trait]
pub trait UserRepository: Debug + Send + Sync {
    /// Creates a user. Only a hash of the password is stored.
    ///
    /// # Errors
    /// `Unique`; `Invalid` when the store's [`PasswordOptions`](crate::PasswordOptions) refuse the password;
    /// `Busy` when too many passwords are being hashed; `SystemOnly` within a user.
    async fn create(&self, user: NewUser) -> Result<User>;

    /// The user with this id.
    ///
    /// # Errors
    /// `Corrupt`, like every method that reads.
    async fn get(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this login id.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_login_id(&self, login_id: &LoginId) -> Result<Option<User>>;

    /// The user with this e-mail address.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_email(&self, email: &EmailAddress) -> Result<Option<User>>;

    /// The user with this identity at Clerk.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn find_by_clerk_user_id(&self, id: &ClerkUserId) -> Result<Option<User>>;

    /// Changes a user whose `updated_at` is still `expected_updated_at`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the user has changed since; `Unique`.
    async fn update(&self, id: UserId, patch: UserPatch, expected_updated_at: DateTime<Utc>) -> Result<User>;

    /// Creates or updates the user with the Clerk id of `user`, atomically. If several callers do so at
    /// once, one creates the user.
    ///
    /// Clerk's events can come in any order, late and repeatedly: the result is that of the order of their
    /// [times](ClerkUser::new). An event that is older than one that was here before changes nothing, and a user
    /// whom Clerk [deleted](Self::delete_from_clerk) stays deleted. The name and the e-mail address become those
    /// of the event; an address that Clerk removed is removed. So does the login id of a user whom this method
    /// created; other users keep theirs. Everybody keeps the state (`is_active`).
    ///
    /// An address belongs to one user at Clerk. If several claim one, it goes to the user with the latest event,
    /// and the others have none, until that user gives it up. The same holds for a login id, but the schema
    /// requires one: a user who loses it gets `clerk-` and 32 digits that are made from the Clerk id.
    ///
    /// # Errors
    /// `Unique` when the login id or the e-mail address is that of a user who did not get it from Clerk, in the
    /// stored form or as given: accounts are never joined by address; `SystemOnly` within a user.
    async fn upsert_from_clerk(&self, user: ClerkUser) -> Result<ClerkUpsert>;

    /// Deletes the user whom Clerk deleted at `at`, for ever: a late event does not bring the user back. Nothing
    /// of the person is kept, except for users with mailboxes. These are deactivated, and lose the e-mail
    /// address and the login id that Clerk gave them; [`delete`](Self::delete) them once the mailboxes are
    /// unlinked, or call this method again.
    ///
    /// # Errors
    /// `SystemOnly` within a user, besides those of the database.
    async fn delete_from_clerk(&self, id: &ClerkUserId, at: DateTime<Utc>) -> Result<ClerkDeletion>;

    /// Sets the password. Only its hash is stored, and replaces the previous one.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the store's [`PasswordOptions`](crate::PasswordOptions) refuse the password;
    /// `Busy` when too many passwords are being hashed.
    async fn set_password(&self, id: UserId, password: LoginPassword) -> Result<User>;

    /// Whether an active user has this login id and this password.
    ///
    /// All rejected attempts take the same work and give the same answer: a wrong password, an unknown
    /// login id, a user without a password, an inactive user, a user record that cannot be read. If the login
    /// is accepted and the stored hash is weaker than the current
    /// [`PasswordPolicy`](crate::PasswordPolicy), the hash is replaced. The call does not set `last_login`;
    /// [`record_login`](Self::record_login) does.
    ///
    /// A service that is open to the internet should set a [`LoginThrottle`](crate::LoginThrottle). It is
    /// asked before anything is looked up or hashed.
    ///
    /// # Errors
    /// `Unavailable`; `Busy` when too many passwords are being hashed; `Throttled` by the throttle. None of
    /// them says anything about the password or the login id. `Corrupt` when the password is right and the
    /// rest of the record cannot be read.
    async fn verify_login(&self, attempt: LoginAttempt) -> Result<LoginOutcome>;

    /// Sets `last_login` to the store's current time.
    ///
    /// # Errors
    /// `NotFound`.
    async fn record_login(&self, id: UserId) -> Result<User>;

    /// Activates or deactivates a user. It succeeds even if the user is in that state already, and still
    /// counts as a write.
    ///
    /// # Errors
    /// `NotFound`.
    async fn set_active(&self, id: UserId, is_active: bool) -> Result<User>;

    /// Deletes a user without mailboxes. Completed and cancelled campaigns keep the id of the user.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while the user has mailboxes: unlink them first, or deactivate the user instead.
    async fn delete(&self, id: UserId) -> Result<()>;

    /// A page of the users that match `filter`. Records that cannot be read are named in
    /// [`Page::unreadable`].
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &UserFilter, page: &PageRequest) -> Result<Page<User>>;

    /// A stream of all users that match `filter`.
    ///
    /// # Errors
    /// As [`get`](Self::get), from the call and within the stream.
    async fn stream(&self, filter: &UserFilter) -> Result<RecordStream<User>>;
}

/// The outcome of [`UserRepository::upsert_from_clerk`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClerkUpsert {
    /// The user did not exist, and was created.
    Created(User),
    /// The user existed, and was updated to this record.
    Updated(User),
    /// The event is older than one that was here before, and changed nothing. This is the user.
    Outdated(User),
    /// The same, and the user does not exist: it was deleted at Clerk or here.
    Gone,
}

impl ClerkUpsert {
    /// The user as it is now, if it exists.
    #[must_use]
    pub fn into_user(self) -> Option<User> {
        match self {
            Self::Created(user) | Self::Updated(user) | Self::Outdated(user) => Some(user),
            Self::Gone => None,
        }
    }

    /// Of an event that changed nothing.
    pub(crate) fn unchanged(user: Option<User>) -> Self {
        user.map_or(Self::Gone, Self::Outdated)
    }
}

/// The outcome of [`UserRepository::delete_from_clerk`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClerkDeletion {
    /// The user is deleted.
    Deleted,
    /// The user has mailboxes, and was deactivated.
    Deactivated(User),
    /// There was no user. Late events will not create one.
    Unknown,
}
