use std::sync::Arc;

use super::campaign::Campaigns;
use super::campaign_metrics::Metrics;
use super::connection::Connection;
use super::email_tracking::Tracking;
use super::mailbox::Mailboxes;
use super::user::Users;
use super::{MongoOptions, provision};
use crate::error::Result;
use crate::migrate::Migration;
use crate::repository::Store;

/// The store on a MongoDB database.
///
/// On a replica set (also of one member) or a sharded cluster, changes of several documents are
/// transactions. A standalone server has none: there the same commands run in an order that
/// leaves nothing orphaned when the process dies between two.
///
/// A clone shares the connections.
///
/// ```no_run
/// use campaign_store::{MongoStore, NewUser};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let mongo = MongoStore::connect("mongodb://localhost", "outreach").await?;
/// mongo.provision().await?;
/// let store = mongo.repositories();
/// let ada = store.users.create(NewUser::new("Ada", "ada@example.com")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MongoStore(Arc<Connection>);

impl MongoStore {
    /// Connects to a database, and makes sure that it answers.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    pub async fn connect(uri: impl Into<String>, database: impl Into<String>) -> Result<Self> {
        Self::connect_with(MongoOptions::new(uri, database)).await
    }

    /// Connects as the options say.
    ///
    /// # Errors
    /// `Invalid` when the connection string or the name of the database is none; `Unavailable`
    /// when no server answers within the time-out; `Unauthorized` when it refuses the login.
    /// They name the servers, never the user or the password.
    pub async fn connect_with(options: MongoOptions) -> Result<Self> {
        Ok(Self(Arc::new(Connection::open(&options).await?)))
    }

    /// Creates the [indexes](crate::schema::INDEXES) that are missing. Any number of processes can
    /// do so at once, and as often as they like.
    ///
    /// # Errors
    /// `IndexDiffers` when an index exists but not as declared: nothing is dropped or changed, and
    /// nothing is created in any collection. `Unique` when documents that are there break a unique
    /// index.
    pub async fn provision(&self) -> Result<()> {
        provision::provision(&self.0).await
    }

    /// The migration of the old collections of this database.
    ///
    /// # Errors
    /// `Invalid` without a vault: what is secret in the old documents must be sealed.
    pub fn migration(&self) -> Result<Migration> {
        Migration::new(self.0.clone())
    }

    /// The repositories.
    #[must_use]
    pub fn repositories(&self) -> Store {
        Store::new(
            Arc::new(Users(self.0.clone())),
            Arc::new(Mailboxes(self.0.clone())),
            Arc::new(Campaigns(self.0.clone())),
            Arc::new(Metrics(self.0.clone())),
            Arc::new(Tracking(self.0.clone())),
        )
    }
}
