//! The repositories: a trait for each collection, and [`Repositories`], which groups them.
//!
//! # Contract
//!
//! These rules hold for every method of every trait, on every store:
//!
//! - A call that fails changes nothing. [`Error::Unavailable`](crate::Error::Unavailable) is the exception:
//!   it is unknown whether the write took effect. Each trait has a table of what a repeat gives.
//! - Look-ups return `None` for records that do not exist; writes that need the record fail with
//!   [`Error::NotFound`](crate::Error::NotFound).
//! - Every write of a record makes its `updated_at` (`last_updated` of metrics) strictly later, so it
//!   serves as the record's version.
//! - Lists are in the order of creation (or its reverse). Their pages neither repeat nor skip a record if
//!   other records are created or deleted between two pages. Streams have no particular order.
//! - Every method is atomic, even if its future is dropped, unless documented otherwise.
//!
//! The `# Errors` sections name variants of [`Error`](crate::Error). Every method can also fail with the
//! errors of the database, such as `Unavailable` and `Unauthorized`.
//!
//! The suite `contract` (feature `contract`) tests these rules.

mod campaign;
mod campaign_metrics;
mod email_tracking;
mod mailbox;
mod mailbox_secrets;
mod repositories;
mod repositories_builder;
mod user;

use futures_util::stream::BoxStream;

pub use campaign::CampaignRepository;
pub use campaign_metrics::CampaignMetricsRepository;
pub use email_tracking::EmailTrackingRepository;
pub use mailbox::MailboxRepository;
pub use mailbox_secrets::MailboxSecretsRepository;
pub use repositories::Repositories;
pub use repositories_builder::RepositoriesBuilder;
pub use user::{ClerkDeletion, ClerkUpsert, UserRepository};

use crate::error::Result;

/// A stream of records. It ends after an error of the connection, and continues after a document that
/// cannot be read.
///
/// The records come in batches of at most 1,000, or fewer where records are large. The next batch is fetched
/// while the caller processes the current one, and no more. Between two batches the database holds nothing,
/// so the caller can pause for as long as it likes. A batch has a bound of one minute and is tried again a few
/// times if the database cannot answer; then the stream ends with that error. Records that are added or
/// changed while the stream is read may be in it or not; all others are in it once.
///
/// ```
/// use campaign_store::{MemoryStore, NewUser, User, UserFilter};
/// use futures_util::stream::TryStreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
///
/// let users: Vec<User> = store.users.stream(&UserFilter::all()).await?.try_collect().await?;
/// assert_eq!(users, [ada]);
/// # Ok(())
/// # }
/// ```
pub type RecordStream<T> = BoxStream<'static, Result<T>>;
