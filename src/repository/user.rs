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

/// The users. See the [contract](crate::repository#contract) of all repositories.
///
/// Writes that would give two users the same login id, e-mail address or Clerk id fail with
/// [`Error::Unique`](crate::Error::Unique), which names the index.
#[async_trait]
pub trait UserRepository: Debug + Send + Sync {
    /// Creates a user. Of a password a hash is stored.
    ///
    /// # Errors
    /// `Unique`; `Busy` when too many passwords are being hashed already.
    async fn create(&self, user: NewUser) -> Result<User>;

    /// The user of this id.
    ///
    /// # Errors
    /// `Corrupt`, as every method that reads.
    async fn get(&self, id: UserId) -> Result<Option<User>>;

    /// The user who logs in with this name.
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
    /// `NotFound`; `Conflict` when the user changed since; `Unique`.
    async fn update(&self, id: UserId, patch: UserPatch, expected_updated_at: DateTime<Utc>) -> Result<User>;

    /// Creates or updates the user with the Clerk id of `user`, in one step: of many who do so at
    /// once, one creates. An existing user keeps its login id, its state, and its e-mail address
    /// where `user` has none.
    ///
    /// # Errors
    /// `Unique` when the login id or the e-mail address is another user's: accounts are never
    /// joined by address.
    async fn upsert_from_clerk(&self, user: ClerkUser) -> Result<ClerkUpsert>;

    /// Sets the password: a hash of it is stored, in place of the one before.
    ///
    /// # Errors
    /// `NotFound`; `Busy` when too many passwords are being hashed already.
    async fn set_password(&self, id: UserId, password: LoginPassword) -> Result<User>;

    /// Whether an active user has this login id and this password.
    ///
    /// An unknown login id, a user without a password and all other cases take as long as a wrong
    /// password and give the same answer. A hash that is weaker than new ones is replaced on the way.
    /// `last_login` is left to [`record_login`](Self::record_login).
    ///
    /// # Errors
    /// `Unavailable` and `Busy`, which say nothing about the password.
    async fn verify_login(&self, attempt: LoginAttempt) -> Result<LoginOutcome>;

    /// Sets `last_login` to the store's current time.
    ///
    /// # Errors
    /// `NotFound`.
    async fn record_login(&self, id: UserId) -> Result<User>;

    /// Activates or deactivates a user. Doing it twice is no error; each time is a write.
    ///
    /// # Errors
    /// `NotFound`.
    async fn set_active(&self, id: UserId, is_active: bool) -> Result<User>;

    /// Deletes a user who has no mailboxes. Campaigns that are over keep naming the user.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while mailboxes are linked: deactivate the user or unlink them first.
    async fn delete(&self, id: UserId) -> Result<()>;

    /// A page of the users.
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &UserFilter, page: &PageRequest) -> Result<Page<User>>;

    /// All the users, one by one.
    ///
    /// # Errors
    /// As [`get`](Self::get), also within the stream.
    async fn stream(&self, filter: &UserFilter) -> Result<RecordStream<User>>;
}

/// What [`UserRepository::upsert_from_clerk`] did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClerkUpsert {
    /// There was no such user; this one was created.
    Created(User),
    /// The user existed and is now like this.
    Updated(User),
}

impl ClerkUpsert {
    /// The user, created or updated.
    #[must_use]
    pub fn into_user(self) -> User {
        match self {
            Self::Created(user) | Self::Updated(user) => user,
        }
    }
}
