//! The contract of the repositories as a test suite, for authors of stores.
//!
//! Each case is a function that opens nothing itself: it receives a fresh, empty store, a second handle on
//! the same data, and the clock that both use. The suite uses only the traits of a store. It is not covered
//! by semantic versioning: a new version may have new cases.
//!
//! ```
//! use std::sync::Arc;
//! use campaign_store::contract::{Harness, Opened};
//! use campaign_store::{ManualClock, MemoryStore};
//!
//! struct InMemory;
//!
//! impl Harness for InMemory {
//!     async fn open() -> Opened {
//!         let clock = Arc::new(ManualClock::new(campaign_store::contract::start()));
//!         let store = MemoryStore::with_clock(clock.clone());
//!         let opened = Opened::new(store.clone(), store.clone(), clock);
//!         opened.reopened_by(move |vault, passwords| {
//!             let store = store.clone().with_vault(vault).with_passwords(passwords);
//!             async move { store.system() }
//!         })
//!     }
//! }
//!
//! campaign_store::contract_tests!(harness = InMemory, test = tokio::test);
//! # fn main() {}
//! ```
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a case fails by a panic"
)]

pub mod campaign;
pub mod campaign_life;
pub mod campaign_metrics;
mod cases;
pub mod clerk;
pub mod credentials;
pub mod email_events;
pub mod email_tracking;
mod fixtures;
pub mod isolation;
mod keys;
pub mod mailbox;
pub mod mailbox_primary;
pub mod paging;
pub mod password;
pub mod recounts;
pub mod reencrypt;
mod tenant_calls;
pub mod tenants;
pub mod user;

pub use keys::{key, vault};

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::clock::ManualClock;
use crate::model::{Campaign, Mailbox, NewMailbox, Provider, UserId};
use crate::repository::{Repositories, Store};
use crate::secret::{PasswordOptions, PasswordPolicy, Vault};

/// How the suite opens stores.
#[expect(async_fn_in_trait, reason = "a test needs no Send future")]
pub trait Harness {
    /// Opens a fresh, empty, provisioned store whose clock shows [`start`].
    async fn open() -> Opened;
}

/// A store under test.
pub struct Opened {
    /// Its repositories over all users.
    pub store: Repositories,
    /// The same of a second handle on the same data.
    pub second: Repositories,
    /// The clock that both use.
    pub clock: Arc<ManualClock>,
    scopes: Box<dyn Store>,
    reopen: Option<Reopen>,
    guard: Option<Box<dyn Any + Send>>,
}

type Reopen = Box<dyn Fn(Vault, PasswordOptions) -> BoxFuture<'static, Repositories> + Send + Sync>;

impl Opened {
    /// A store, a second handle on its data, and the clock that both use.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "handles are given away, both alike")]
    pub fn new(store: impl Store + 'static, second: impl Store + 'static, clock: Arc<ManualClock>) -> Self {
        let (all, scopes): (_, Box<dyn Store>) = (store.system(), Box::new(store));
        Self { store: all, second: second.system(), clock, scopes, reopen: None, guard: None }
    }

    /// The repositories within one user.
    pub(crate) fn of(&self, user_id: UserId) -> Repositories {
        self.scopes.of(user_id)
    }

    /// Opens further handles on the same data with `reopen`, each with the keys and the password options that
    /// a case needs.
    #[must_use]
    pub fn reopened_by<F: Future<Output = Repositories> + Send + 'static>(
        mut self,
        reopen: impl Fn(Vault, PasswordOptions) -> F + Send + Sync + 'static,
    ) -> Self {
        self.reopen = Some(Box::new(move |vault, passwords| reopen(vault, passwords).boxed()));
        self
    }

    /// A handle with these keys.
    pub(crate) async fn with_vault(&self, vault: &Vault) -> Repositories {
        let cheap = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
        self.reopen(vault.clone(), cheap).await
    }

    /// A handle with these password options.
    pub(crate) async fn with_passwords(&self, passwords: PasswordOptions) -> Repositories {
        self.reopen(vault(&[key(1, 1)]).await, passwords).await
    }

    async fn reopen(&self, vault: Vault, passwords: PasswordOptions) -> Repositories {
        let reopen = self.reopen.as_ref().expect("a harness that can open further handles");
        reopen(vault, passwords).await
    }

    /// Keeps `guard` until the case is over; dropping it cleans up.
    #[must_use]
    pub fn guarded_by(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("store", &self.store)
            .field("guarded", &self.guard.is_some())
            .finish_non_exhaustive()
    }
}

/// The mailbox that a campaign is sent from, under this address, for sends whose sender does not matter. It need
/// not be in the store.
#[must_use]
pub fn sender_of(campaign: &Campaign, address: &str) -> Mailbox {
    let new = NewMailbox::new(campaign.user_id, address, Provider::Gmail).expect("a valid address");
    new.build(campaign.mailbox_id, true, start())
}

/// The time that the clock of a fresh store shows: 2026-01-05 09:00:00.123 UTC.
#[must_use]
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_603_600_123).expect("a valid time")
}
