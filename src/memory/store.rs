use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::campaign::Campaigns;
use super::campaign_metrics::Metrics;
use super::email_tracking::Tracking;
use super::mailbox::Mailboxes;
use super::state::State;
use super::user::Users;
use crate::clock::{Clock, SystemClock};
use crate::collection::Collection;
use crate::error::{Error, ProvisionError, Result};
use crate::model::{Scope, UserId};
use crate::repository::{Repositories, Store};
use crate::secret::{PasswordOptions, PasswordPolicy, Passwords, Vault};

/// A store that keeps everything in memory and behaves like the store on MongoDB: the same documents,
/// indexes, rules and errors. It is meant for unit tests and experiments.
///
/// Clones share the data.
///
/// ```
/// use campaign_store::{Collection, Error, MemoryStore, NewUser};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let memory = MemoryStore::new();
/// let store = memory.system();
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
///
/// // What does my service do when the database is away?
/// memory.fail_next(Collection::Users, Error::unavailable("test", "away"));
/// assert!(store.users.get(ada.id).await.is_err());
/// assert_eq!(store.users.get(ada.id).await?, Some(ada));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) vault: Option<Vault>,
    pub(super) passwords: Arc<Passwords>,
    /// Whose records the calls see. A store that callers hold has all users.
    scope: Scope,
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// An empty store with the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store with this clock, such as a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn with_clock(clock: Arc<impl Clock>) -> Self {
        let passwords = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
        Self {
            clock,
            vault: Vault::ephemeral(),
            passwords: Arc::new(Passwords::new(passwords)),
            scope: Scope::AllUsers,
            state: Arc::new(Mutex::new(State::new())),
        }
    }

    /// The same data, with the keys of this vault instead of a random key.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// The same data, with passwords hashed as on MongoDB. Without this call, hashing is [almost no
    /// work](PasswordPolicy::insecure_for_tests).
    #[must_use]
    pub fn with_passwords(self, options: PasswordOptions) -> Self {
        Self { passwords: Arc::new(Passwords::new(options)), ..self }
    }

    /// Does nothing: the indexes are always in force. It exists so that a program can prepare either store
    /// with the same line.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "the same call as on MongoStore")]
    pub async fn provision(&self) -> Result<(), ProvisionError> {
        Ok(())
    }

    /// The repositories over all users; see [`Store::system`].
    #[must_use]
    pub fn system(&self) -> Repositories {
        self.repositories(Scope::AllUsers)
    }

    /// The repositories within one user; see [`Store::of`].
    #[must_use]
    pub fn of(&self, user_id: UserId) -> Repositories {
        self.repositories(Scope::User(user_id))
    }

    fn repositories(&self, scope: Scope) -> Repositories {
        let store = Self { scope, ..self.clone() };
        Repositories {
            users: Arc::new(Users(store.clone())),
            mailboxes: Arc::new(Mailboxes(store.clone())),
            mailbox_secrets: Arc::new(Mailboxes(store.clone())),
            campaigns: Arc::new(Campaigns(store.clone())),
            campaign_metrics: Arc::new(Metrics(store.clone())),
            email_tracking: Arc::new(Tracking(store)),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Makes the next call on the repository of `collection` fail with `error`, before it does anything.
    /// Several orders fail as many calls, in that order.
    pub fn fail_next(&self, collection: Collection, error: Error) {
        self.lock().order_failure(collection, error);
    }

    /// Runs one call on the repository of `collection`, with exclusive access to the data and one reading of
    /// the clock.
    pub(super) fn call<T>(
        &self,
        collection: Collection,
        call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.lock();
        if let Some(error) = state.next_failure(collection) {
            return Err(error);
        }
        state.enter(self.scope);
        call(&mut state, self.clock.now())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn system(&self) -> Repositories {
        self.system()
    }

    fn of(&self, user_id: UserId) -> Repositories {
        self.of(user_id)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}
