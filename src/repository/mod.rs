//! What callers program against: a trait for each collection, and [`Store`], which groups them.
//!
//! # Contract
//!
//! What holds for every method of every trait, on every store:
//!
//! - An error changes nothing. Only [`Error::Unavailable`](crate::Error::Unavailable) leaves open
//!   whether a write took effect; writing again is safe where the method says so.
//! - Look-ups return `None` for what does not exist; writes that need the record give
//!   [`Error::NotFound`](crate::Error::NotFound).
//! - Every write of a record makes its `updated_at` (`last_updated` of metrics) strictly later,
//!   so that it serves as the record's version.
//! - Lists are in the order of creation (or its reverse), in pages that neither repeat nor skip a
//!   record when others come and go between two pages. Streams are in no particular order.
//! - A method is whole or not at all also when its future is dropped, unless it says otherwise.
//!
//! The suite `contract` (feature `contract`) is this contract as tests.

mod campaign;
mod campaign_metrics;
mod email_tracking;
mod mailbox;
mod mailbox_secrets;
mod store;
mod store_builder;
mod user;

use futures_util::stream::BoxStream;

pub use campaign::CampaignRepository;
pub use campaign_metrics::CampaignMetricsRepository;
pub use email_tracking::EmailTrackingRepository;
pub use mailbox::MailboxRepository;
pub use mailbox_secrets::MailboxSecretsRepository;
pub use store::Store;
pub use store_builder::StoreBuilder;
pub use user::{ClerkUpsert, UserRepository};

use crate::error::Result;

/// Records as they come from the database. After an error of the connection it ends; after a
/// document that cannot be read it goes on.
pub type RecordStream<T> = BoxStream<'static, Result<T>>;
