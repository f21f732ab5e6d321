#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! | What you look for | Where it is |
//! |---|---|
//! | Opening a database | [`MongoStore`], [`MemoryStore`] |
//! | What can be done with the data | the traits in [`repository`], grouped by [`Store`] |
//! | The records | [`User`], [`Mailbox`], [`Campaign`], [`CampaignMetrics`], [`EmailTracking`] |
//! | What to create and to change | `New…` and `…Patch`, such as [`NewUser`] and [`UserPatch`] |
//! | Reading lists | `…Filter`, [`PageRequest`], [`Page`], [`RecordStream`] |
//! | Recording events as they arrive | [`EventRecorder`] |
//! | What happens to sent e-mails | [`TrackingEvent`], [`EventOutcome`] |
//! | Passwords | [`LoginPassword`], [`LoginAttempt`], [`PasswordOptions`] |
//! | The secrets of mailboxes | [`Credentials`], and [`Vault`] with the keys |
//! | What can go wrong | [`Error`] and its [`ErrorKind`], [`Invalid`], [`KeyError`], [`ProvisionError`], `MigrationError` |
//! | Percentages | [`Rates`], [`Rate`] |
//! | Moving old data over | `Migration` (feature `mongo`) |
//! | Indexes and validators | [`schema`], [`MongoStore::provision`], [`ProvisionPlan`] |
//! | Operating a database | the program `campaign-store` (feature `cli`), [`MongoStore::server_info`] |
//! | Time in tests | [`ManualClock`] |
//! | Testing a store of your own | `contract` (feature `contract`) |
//!
//! # Adding a collection
//!
//! Every layer has a file of the collection's name; write them in this order, each against the one
//! before:
//!
//! 1. `model/`: the record, `New…`, `…Patch`, `…Filter`, and every rule as a pure function.
//! 2. `repository/`: the trait, with its contract in the documentation.
//! 3. `schema/index.rs`: the indexes. Both stores read them there.
//! 4. `document/`: the stored form, how a patch changes it, and which query a filter is;
//!    `schema/validator.rs`: what can be read.
//! 5. `contract/`: the cases, one for each sentence of the contract.
//! 6. `memory/`, then `mongo/`: the same few lines each, since rules and stored form are elsewhere.
//!
//! `.github/CONTRIBUTING.md` has the steps in full.

mod clock;
mod collection;
#[cfg(feature = "contract")]
pub mod contract;
mod document;
mod error;
#[cfg(feature = "contract")]
#[doc(hidden)]
pub mod fuzzing;
mod ingest;
mod memory;
#[cfg(feature = "mongo")]
mod migrate;
mod model;
#[cfg(feature = "mongo")]
mod mongo;
mod page;
pub mod repository;
pub mod schema;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use collection::Collection;
#[cfg(feature = "mongo")]
pub use error::MigrationError;
pub use error::{
    DuplicateGroup, Error, ErrorKind, Invalid, Offenders, Problem, ProvisionError, Result, SecretProblem,
};
pub use ingest::{EventRecorder, RecorderOptions, RecorderStats};
pub use memory::MemoryStore;
#[cfg(feature = "mongo")]
pub use migrate::{
    CopyReport, DryRunReport, FinaliseReport, Forecast, MetricsReport, Migration, MigrationOptions,
    MigrationOutcome, MigrationPhase, MigrationProgress, MigrationReport, MigrationStep, MigrationStream,
    Rejection, Repair, RetryReport, RollbackReport, Stop, VerificationProblem, VerificationReport,
};
pub use model::*;
#[cfg(feature = "mongo")]
pub use mongo::{
    CollectionPlan, CommitQuorum, IndexDifference, IndexPlan, IndexState, MongoOptions, MongoStore,
    ProvisionOptions, ProvisionPlan, SchemaDrift, ServerInfo, Topology, ValidatorMode, ValidatorPlan,
    ValidatorState, Warning,
};
pub use page::{Cursor, Order, Page, PageRequest};
pub use repository::{
    CampaignMetricsRepository, CampaignRepository, ClerkUpsert, EmailTrackingRepository, MailboxRepository,
    MailboxSecretsRepository, RecordStream, Store, StoreBuilder, UserRepository,
};
pub use secret::{
    EnvKeys, FileKeys, KeyError, KeyId, KeyProvider, KeyState, Keyring, PasswordOptions, PasswordPolicy,
    ReencryptPlan, ReencryptReport, ReloadReport, SecretPlace, UnreadableSecret, Vault,
};
