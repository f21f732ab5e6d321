use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mongodb::{ClientSession, Collection};
use tokio::time::Instant;

use super::Result;
use crate::collection;
use crate::error::{Error, Invalid, Problem};
use crate::mongo::MongoStore;
use crate::mongo::connection::Connection;
use crate::mongo::error::DriverResult;
use crate::mongo::keys::Keys;
use crate::mongo::table::Table;
use crate::secret::Vault;

/// How long a command may take: counting and grouping read whole collections.
const COMMAND_LIMIT: Duration = Duration::from_secs(3_600);
/// How long a batch may be retried. The server ends a transaction after a minute.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(60);

/// The database and the keys of a migration: the one way of all rooms to a collection.
#[derive(Clone)]
pub(crate) struct Access {
    connection: Arc<Connection>,
    keys: Option<Keys>,
}

impl Access {
    /// The database, with keys if the store has any.
    pub(crate) fn of(store: &MongoStore) -> Self {
        Self { connection: store.connection().clone(), keys: store.keys().cloned() }
    }

    /// The database and the keys, which must be there.
    pub(crate) fn with_keys(store: &MongoStore) -> Result<Self> {
        let access = Self::of(store);
        access.vault()?;
        Ok(access)
    }

    /// The keys.
    pub(crate) fn vault(&self) -> Result<&Vault> {
        Ok(&self.keys()?.vault)
    }

    /// Makes sure that the database knows the key that seals, before anything is sealed.
    pub(crate) async fn note_key(&self) -> Result<()> {
        Ok(self.keys()?.note_primary().await?)
    }

    fn keys(&self) -> Result<&Keys> {
        let missing = Error::Invalid(Invalid::new("vault", Problem::Missing));
        self.keys.as_ref().ok_or(missing.into())
    }

    /// What the store shares, for provisioning, recounting and the lease.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.connection.now()
    }

    /// A collection, old or new, by its name.
    pub(crate) fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.connection.database.collection(name)
    }

    /// The same of a collection of this crate, for many different updates in one command.
    pub(crate) fn table(&self, collection: collection::Collection) -> Table {
        Table::new(&self.connection.database, collection)
    }

    /// Does `work` and translates its error.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T> {
        self.connection.run_for(COMMAND_LIMIT, operation, work).await
    }

    /// Does `work` in a transaction, and retries it while others are in its way.
    pub(crate) async fn transact<C, T, W>(&self, operation: &'static str, context: C, work: W) -> Result<T>
    where
        C: Send,
        T: Send,
        W: for<'a> FnMut(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, DriverResult<T>> + Send,
    {
        let deadline = Instant::now() + TRANSACTION_LIMIT;
        let work = self.connection.in_transaction(deadline, context, work);
        self.connection.run_for(TRANSACTION_LIMIT, operation, work).await
    }
}
