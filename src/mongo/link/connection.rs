//! The connection that the repositories share.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use bson::doc;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mongodb::error::{TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{
    DatabaseOptions, ReadPreference, SelectionCriteria, TransactionOptions, WriteConcern,
};
use mongodb::{Client, ClientSession, Database};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::calls::Calls;
use super::certificates::Roots;
use super::error::{DriverResult, is_of_the_connection, theirs, theirs_as};
use super::options::{MongoOptions, Opened, clamped};
use super::security::Security;
use super::table::Table;
use super::topology::Topology;
use crate::back_off::BackOff;
use crate::clock::Clock;
use crate::collection::Collection;
use crate::document::{Decode, Query};
use crate::error::{Error, Result};
use crate::model::Scope;
use crate::repository::RecordStream;

/// An open database.
#[derive(Clone)]
pub(crate) struct Connection {
    client: Client,
    /// Whether the client was made for this store, so that closing the store closes it.
    owns_client: bool,
    pub(crate) database: Database,
    pub(in crate::mongo) clock: Arc<dyn Clock>,
    operation_timeout: Duration,
    calls: Arc<Calls>,
    /// The servers, as `host:port`.
    target: String,
    pub(in crate::mongo) topology: Topology,
    pub(in crate::mongo) security: Security,
    /// Whose records the tables see.
    pub(in crate::mongo) scope: Scope,
    pub(in crate::mongo) users: Table,
    pub(crate) mailboxes: Table,
    pub(crate) campaigns: Table,
    pub(crate) campaign_metrics: Table,
    pub(crate) email_tracking: Table,
}

impl Connection {
    pub(in crate::mongo) async fn open(options: &MongoOptions) -> Result<Self> {
        let opened = options.open(Roots::BuiltIn).await?;
        let has_other_roots = opened.has_other_roots;
        match Self::of(options, opened).await {
            Err(Error::Certificate { .. }) if has_other_roots => {
                Self::of(options, options.open(Roots::System).await?).await
            }
            connection => connection,
        }
    }

    async fn of(options: &MongoOptions, opened: Opened) -> Result<Self> {
        let Opened { client, write_concern, mut target, pool_size, owns_client, security, refusals, .. } =
            opened;
        // What is read from the primary decides; lists are read where the connection string says.
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let concern = DatabaseOptions::builder().write_concern(write_concern);
        let lists = client.database_with_options(&options.database, concern.clone().build());
        let primary = concern.selection_criteria(primary).build();
        let database = client.database_with_options(&options.database, primary);
        // One command that needs a server, and one that needs the login.
        let first_contact = async {
            let hello = database.run_command(doc! { "hello": 1 }).await?;
            if Topology::of(&hello).is_some() {
                database.list_collection_names().await?;
            }
            Ok(hello)
        };
        let refused = async {
            match refusals {
                Some(mut refusals) => refusals.of_all().await,
                None => pending().await,
            }
        };
        let hello = tokio::select! {
            hello = timeout(options.timeout, first_contact) => match hello {
                Ok(hello) => hello.map_err(|error| theirs("connect", &target, &error))?,
                Err(_) => return Err(Error::unavailable(target, "no answer in time")),
            },
            reason = refused => return Err(Error::Certificate { target, reason }),
        };
        if let Ok(me) = hello.get_str("me")
            && !owns_client
        {
            me.clone_into(&mut target);
        }
        let topology = Topology::of(&hello).ok_or_else(|| Error::Standalone { target: target.clone() })?;
        let limit = options.operation_timeout;
        let table = |collection| Table::new(&database, collection).with_lists_of(&lists).with_limit(limit);
        Ok(Self {
            users: table(Collection::Users),
            mailboxes: table(Collection::Mailboxes),
            campaigns: table(Collection::Campaigns),
            campaign_metrics: table(Collection::CampaignMetrics),
            email_tracking: table(Collection::EmailTracking),
            client,
            owns_client,
            clock: options.clock.clone(),
            operation_timeout: limit,
            calls: Arc::new(Calls::new(pool_size)),
            target,
            topology,
            security,
            scope: Scope::AllUsers,
            database,
        })
    }

    /// The same with another time limit for each call.
    pub(in crate::mongo) fn with_operation_timeout(&self, limit: Duration) -> Self {
        let limit = clamped(limit);
        let table = |table: &Table| table.clone().with_limit(limit);
        Self {
            users: table(&self.users),
            mailboxes: table(&self.mailboxes),
            campaigns: table(&self.campaigns),
            campaign_metrics: table(&self.campaign_metrics),
            email_tracking: table(&self.email_tracking),
            operation_timeout: limit,
            ..self.clone()
        }
    }

    /// The same with tables within a scope.
    pub(in crate::mongo) fn in_scope(&self, scope: Scope) -> Self {
        let table = |table: &Table| table.clone().within(scope);
        Self {
            users: table(&self.users),
            mailboxes: table(&self.mailboxes),
            campaigns: table(&self.campaigns),
            campaign_metrics: table(&self.campaign_metrics),
            email_tracking: table(&self.email_tracking),
            scope,
            ..self.clone()
        }
    }

    /// Lets the calls in flight end within the time limit, and refuses further ones.
    pub(in crate::mongo) async fn close(&self) {
        let end = self.deadline();
        let _ = timeout_at(end, self.calls.drained()).await;
        self.calls.close();
        if self.owns_client && timeout_at(end, self.client.clone().shutdown()).await.is_err() {
            // Something still holds a session. The driver would wait for it, even for ever.
            const LAST_COMMAND: Duration = Duration::from_secs(1);
            let _ = timeout(LAST_COMMAND, self.client.clone().shutdown().immediate(true)).await;
        }
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

    /// When a call that begins now must have ended.
    pub(in crate::mongo) fn deadline(&self) -> Instant {
        Instant::now() + self.operation_timeout
    }

    /// Ends a call of several steps at its deadline. The steps have the same limit, each from its own
    /// beginning.
    pub(in crate::mongo) async fn within<T>(
        &self,
        deadline: Instant,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        timeout_at(deadline, call).await.unwrap_or_else(|_| Err(self.too_late()))
    }

    /// Runs `work`, which only reads, and translates its error.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T> {
        self.within(self.deadline(), async {
            let _call = self.calls.begin().await?;
            work.await.map_err(|error| self.translate(operation, &error))
        })
        .await
    }

    /// As [`run`](Self::run), for work that writes outside of a transaction.
    pub(in crate::mongo) async fn write<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T> {
        self.within(self.deadline(), async {
            let _call = self.calls.begin().await?;
            let _connection = self.calls.begin_plain_write().await?;
            work.await.map_err(|error| self.translate(operation, &error))
        })
        .await
    }

    /// As [`run`](Self::run), for work that can also fail with errors of the type `E` and that has a time
    /// limit of its own.
    pub(crate) async fn run_for<T, E>(
        &self,
        limit: Duration,
        operation: &'static str,
        work: impl Future<Output = DriverResult<T>>,
    ) -> Result<T, E>
    where
        E: From<Error> + Clone + Send + Sync + 'static,
    {
        match timeout(limit, work).await {
            Ok(done) => done.map_err(|error| theirs_as(operation, &self.target, &error)),
            Err(_) => Err(self.too_late().into()),
        }
    }

    fn too_late(&self) -> Error {
        Error::unavailable(&self.target, "the call did not end in time")
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

    /// A session whose reads all see the database at one moment, that of the first of them. It holds nothing,
    /// neither locks nor a connection.
    pub(in crate::mongo) async fn snapshot(&self) -> DriverResult<ClientSession> {
        self.client.start_session().snapshot(true).await
    }

    /// Runs `work` in a transaction, and retries it after conflicts with other writers.
    pub(crate) async fn transact<C, T, W>(&self, operation: &'static str, context: C, work: W) -> Result<T>
    where
        C: Send,
        T: Send,
        W: for<'a> FnMut(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, DriverResult<T>> + Send,
    {
        let deadline = self.deadline();
        self.within(deadline, async {
            let _call = self.calls.begin().await?;
            let done = self.in_transaction(deadline, context, work).await;
            done.map_err(|error| self.translate(operation, &error))
        })
        .await
    }

    /// Runs a call, and once more if it fails with `Unique`: another caller may have written the same value at the
    /// same moment, which the second run sees.
    pub(in crate::mongo) async fn again_if_unique<T, F>(&self, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.within(self.deadline(), async {
            match call().await {
                Err(Error::Unique { .. }) => call().await,
                done => done,
            }
        })
        .await
    }

    /// As [`transact`](Self::transact), with the driver's error. No attempt begins after the deadline.
    pub(crate) async fn in_transaction<C, T, W>(
        &self,
        deadline: Instant,
        mut context: C,
        mut work: W,
    ) -> DriverResult<T>
    where
        C: Send,
        T: Send,
        W: for<'a> FnMut(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, DriverResult<T>> + Send,
    {
        let mut back_off = BackOff::of_conflicts();
        let mut session = self.client.start_session().await?;
        loop {
            session.start_transaction().with_options(self.transaction_options()).await?;
            let attempt = match work(&mut session, &mut context).await {
                Ok(done) => self.commit(&mut session, deadline).await.map(|()| done),
                Err(error) if is_of_the_connection(&error) => {
                    // Aborting would look for a server again. A session that is dropped aborts in the
                    // background.
                    session = self.client.start_session().await?;
                    Err(error)
                }
                Err(error) => {
                    // The server ends what cannot be aborted.
                    let _ = session.abort_transaction().await;
                    Err(error)
                }
            };
            match attempt {
                Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
                    let pause = back_off.pause();
                    if Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                    sleep(pause).await;
                }
                done => return done,
            }
        }
    }

    /// Transactions read from the primary and wait for a majority, whatever the client's options are.
    fn transaction_options(&self) -> TransactionOptions {
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let concern = self.database.write_concern().cloned().unwrap_or_else(WriteConcern::majority);
        TransactionOptions::builder()
            .selection_criteria(primary)
            .write_concern(concern)
            .max_commit_time(self.operation_timeout)
            .build()
    }

    /// Commits. It retries while the outcome is unknown.
    async fn commit(&self, session: &mut ClientSession, deadline: Instant) -> DriverResult<()> {
        let mut back_off = BackOff::of_conflicts();
        loop {
            let committed = session.commit_transaction().await;
            match &committed {
                Err(error)
                    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
                        && Instant::now() < deadline =>
                {
                    sleep(back_off.pause()).await;
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
