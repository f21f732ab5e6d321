#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! | Topic | Items |
//! |---|---|
//! | Opening a database | [`MongoStore`], [`MemoryStore`] |
//! | Access within one user or over all | [`Store::of`], [`Store::system`] |
//! | Operations on the data | the traits in [`repository`], grouped by [`Repositories`] |
//! | A store of your own | [`Store`], [`Repositories::builder`], [`Repositories::to_builder`] |
//! | Records | [`User`], [`Mailbox`], [`Campaign`], [`CampaignMetrics`], [`EmailTracking`] |
//! | Creating and changing records | `New…` and `…Patch`, such as [`NewUser`] and [`UserPatch`] |
//! | Reading lists | `…Filter`, [`PageRequest`], [`Page`], [`RecordStream`] |
//! | Recording events as they arrive | [`EventRecorder`] |
//! | Events of sent e-mails | [`TrackingEvent`], [`Signal`], [`EventOutcome`] |
//! | Numbers of e-mails | [`Totals`], and [`Contribution`], the share of one e-mail |
//! | Percentages | [`Rates`], [`Rate`] |
//! | Passwords | [`LoginPassword`], [`LoginAttempt`], [`PasswordOptions`], [`LoginThrottle`] |
//! | Secrets of mailboxes | [`MailboxSecretsRepository`], [`Credentials`], and [`Vault`] with the keys |
//! | Errors | [`Error`] and its [`ErrorKind`], [`Invalid`], [`KeyError`], [`ProvisionError`], `MigrationError` |
//! | Migrating old data | `Migration` (feature `mongo`) |
//! | Indexes and validators | [`schema`], [`MongoStore::provision`], [`ProvisionPlan`] |
//! | Operating a database | the program `campaign-store` (feature `cli`) |
//! | The state of a server | [`MongoStore::server_info`], [`MongoStore::warnings`], [`Warning`] |
//! | Time in tests | [`ManualClock`] |
//! | Testing a store of your own | `contract` (feature `contract`) |
//!
//! # Adding a collection
//!
//! See `.github/CONTRIBUTING.md`, "Add a repository".

mod back_off;
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
    Unreadable,
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
    CollectionPlan, CommitQuorum, Encryption, IndexDifference, IndexPlan, IndexState, LoginCollision,
    LoginReport, MongoOptions, MongoStore, ProvisionOptions, ProvisionPlan, SchemaDrift, ServerInfo,
    Topology, ValidatorMode, ValidatorPlan, ValidatorState, Warning,
};
pub use page::{Cursor, Order, Page, PageRequest};
pub use repository::{
    CampaignMetricsRepository, CampaignRepository, ClerkDeletion, ClerkUpsert, EmailTrackingRepository,
    MailboxRepository, MailboxSecretsRepository, RecordStream, Repositories, RepositoriesBuilder, Store,
    UserRepository,
};
pub use secret::{
    EnvKeys, FileKeys, KeyError, KeyId, KeyProvider, KeyState, Keyring, LoginThrottle, OriginalsReport,
    PasswordOptions, PasswordPolicy, ReencryptPlan, ReencryptReport, ReloadReport, SecretPlace, TokenBuckets,
    UnreadableSecret, Vault, VaultOptions,
};
