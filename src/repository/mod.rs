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
//! # Within one user
//!
//! [`Store::of`] gives repositories within one user. The same rules hold, and what belongs to another user does not
//! exist there:
//!
//! - Look-ups of it return `None`, and writes fail with `NotFound`. Sends of another's campaigns are
//!   [`UnknownCampaign`](crate::SendOutcome::UnknownCampaign), and events of another's e-mails
//!   [`UnknownTracking`](crate::EventOutcome::UnknownTracking).
//! - Lists, streams, counts, sums and the methods that go through everything (`claim_due`, `complete_expired`,
//!   `recount_all`, `drift`, `reencrypt`) have the user's records alone. A filter of another user finds nothing. The
//!   cursor of a list does not fit the same list of another user, or of all.
//! - `is_suppressed` and `suppressed` of another user fail with `NotFound`: `false` would allow a send.
//! - The records that a call names, such as the mailbox of a new campaign, must be the user's; otherwise they are
//!   `NotFound`.
//! - Of [users](UserRepository) there is one. Creating users and the calls of Clerk are about more than one: they fail
//!   with [`SystemOnly`](crate::Error::SystemOnly). `verify_login` accepts no login but the user's own, so it can ask
//!   for the password again.
//!
//! Unique values are unique over all users, so [`Unique`](crate::Error::Unique) tells that somebody has a login id, an
//! e-mail address, a Clerk id or the id that the caller made for a campaign, and
//! [`AlreadyRecorded`](crate::SendOutcome::AlreadyRecorded) that an e-mail has a tracking id that the caller made.
//! Answers tell nothing else of other users.
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
mod store;
mod user;

use futures_util::stream::BoxStream;

pub use campaign::CampaignRepository;
pub use campaign_metrics::CampaignMetricsRepository;
pub use email_tracking::EmailTrackingRepository;
pub use mailbox::MailboxRepository;
pub use mailbox_secrets::MailboxSecretsRepository;
pub use repositories::Repositories;
pub use repositories_builder::RepositoriesBuilder;
pub use store::Store;
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
