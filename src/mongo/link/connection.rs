//! The connection that the repositories share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::doc;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT;
use mongodb::options::{DatabaseOptions, ReadPreference, SelectionCriteria};
use mongodb::{Client, ClientSession, Database};

use super::error::{DriverResult, ours, theirs, theirs_as};
use super::options::MongoOptions;
use super::table::Table;
use super::topology::Topology;
use crate::clock::Clock;
use crate::collection::Collection;
use crate::document::{Decode, Query};
use crate::error::{Error, Invalid, Problem, Result};
use crate::repository::RecordStream;

/// How long to wait before a commit of unknown outcome is retried.
const COMMIT_INTERVAL: Duration = Duration::from_millis(10);

/// An open database.
pub(crate) struct Connection {
    client: Client,
    pub(crate) database: Database,
    pub(in crate::mongo) clock: Arc<dyn Clock>,
    timeout: Duration,
    /// The servers, as `host:port`.
    target: String,
    pub(in crate::mongo) topology: Topology,
    pub(in crate::mongo) users: Table,
    pub(crate) mailboxes: Table,
    pub(crate) campaigns: Table,
    pub(crate) campaign_metrics: Table,
    pub(crate) email_tracking: Table,
}

impl Connection {
    pub(in crate::mongo) async fn open(options: &MongoOptions) -> Result<Self> {
        let client_options = options.to_client_options().await?;
        let hosts: Vec<_> = client_options.hosts.iter().map(ToString::to_string).collect();
        let target = hosts.join(",");
        // Nothing is connected yet; the cause can be a TLS file that cannot be read.
        let client = Client::with_options(client_options)
            .map_err(|_| Invalid::new("uri", Problem::NotAConnectionString))?;
        // What is read from the primary decides; lists are read where the connection string says.
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let primary = DatabaseOptions::builder().selection_criteria(primary).build();
        let database = client.database_with_options(&options.database, primary);
        let lists = client.database(&options.database);
        // One command that needs a server, and one that needs the login.
        let first_contact = async {
            let hello = database.run_command(doc! { "hello": 1 }).await?;
            let topology = Topology::of(&hello);
            if topology.is_some() {
                database.list_collection_names().await?;
            }
            Ok(topology)
        };
        let topology = match tokio::time::timeout(options.timeout, first_contact).await {
            Ok(topology) => topology.map_err(|error| theirs("connect", &target, &error))?,
            Err(_) => return Err(Error::unavailable(target, "no answer in time")),
        };
        let topology = topology.ok_or_else(|| Error::Standalone { target: target.clone() })?;
        let table = |collection| Table::new(&database, collection).with_lists_of(&lists);
        Ok(Self {
            users: table(Collection::Users),
            mailboxes: table(Collection::Mailboxes),
            campaigns: table(Collection::Campaigns),
            campaign_metrics: table(Collection::CampaignMetrics),
            email_tracking: table(Collection::EmailTracking),
            client,
            clock: options.clock.clone(),
            timeout: options.timeout,
            target,
            topology,
            database,
        })
    }

    /// The database for commands that concern several databases.
    pub(crate) fn admin(&self) -> Database {
        self.client.database("admin")
    }

    pub(in crate::mongo) fn target(&self) -> String {
        self.target.clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Runs `work` and translates its error.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T> {
        work.await.map_err(|error| self.translate(operation, &error))
    }

    /// As [`run`](Self::run), for work that can also fail with errors of the type `E`.
    pub(crate) async fn run_as<T, E>(
        &self,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T, E>
    where
        E: From<Error> + Clone + Send + Sync + 'static,
    {
        work.await.map_err(|error| theirs_as(operation, &self.target, &error))
    }

    /// Translates an error of the driver into an error of this crate.
    pub(crate) fn translate(&self, operation: &'static str, error: &mongodb::error::Error) -> Error {
        theirs(operation, &self.target, error)
    }

    /// All records that match the query.
    pub(in crate::mongo) async fn stream<T: Decode>(
        &self,
        table: &Table,
        query: &Query,
    ) -> Result<RecordStream<T>> {
        self.run("stream", table.stream(self.target.clone(), query)).await
    }

    /// Runs `work` in a transaction, and retries it after conflicts with other writers.
    pub(crate) async fn transact<C, T, W>(&self, operation: &'static str, context: C, work: W) -> Result<T>
    where
        C: Send,
        T: Send,
        W: for<'a> FnMut(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, DriverResult<T>> + Send,
    {
        self.run(operation, self.in_transaction(context, work)).await
    }

    /// As [`transact`](Self::transact), with the driver's error.
    pub(crate) async fn in_transaction<C, T, W>(&self, context: C, work: W) -> DriverResult<T>
    where
        C: Send,
        T: Send,
        W: for<'a> FnMut(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, DriverResult<T>> + Send,
    {
        let started = Instant::now();
        let mut session = self.client.start_session().await?;
        // Transactions read from the primary, wherever other reads go.
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let run = session.start_transaction().selection_criteria(primary);
        run.and_run((self, context, work), |session, (db, context, work)| {
            async move {
                // The driver tries for two minutes; the caller was promised an answer in `timeout`.
                if started.elapsed() > db.timeout {
                    let reason = "the transaction could not be done in time";
                    return Err(ours(Error::unavailable(&db.target, reason)));
                }
                let done = work(&mut *session, context).await?;
                db.commit(session, started).await?;
                Ok(done)
            }
            .boxed()
        })
        .await
    }

    /// Commits. It retries while the outcome is unknown, but unlike the driver only within the timeout.
    async fn commit(&self, session: &mut ClientSession, started: Instant) -> DriverResult<()> {
        loop {
            let committed = session.commit_transaction().await;
            match &committed {
                Err(error)
                    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
                        && started.elapsed() < self.timeout =>
                {
                    tokio::time::sleep(COMMIT_INTERVAL).await;
                }
                _ => return committed,
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("target", &self.target)
            .field("database", &self.database.name())
            .field("topology", &self.topology)
            .finish_non_exhaustive()
    }
}
