use std::sync::Arc;
use std::time::Duration;

use mongodb::{Client, Database};

use super::campaign::Campaigns;
use super::campaign_metrics::Metrics;
use super::email_tracking::Tracking;
use super::keys::Keys;
use super::link::connection::Connection;
use super::link::{ServerInfo, Warning, server_info};
use super::mailbox::Mailboxes;
use super::tracking::{CampaignLocks, Receipts};
use super::user::Users;
use super::{LoginReport, MongoOptions, ProvisionOptions, ProvisionPlan, SchemaDrift, provision};
use crate::error::{Offenders, ProvisionError, Result};
use crate::migrate::Stop;
use crate::model::{Scope, UserId};
use crate::repository::{Repositories, Store};
use crate::secret::Passwords;

/// The store on a MongoDB database.
///
/// It needs a replica set (one member is enough) or a sharded cluster, because it changes several documents
/// in transactions. Connecting to a standalone server fails.
///
/// Clones share the connections.
///
/// ```no_run
/// use campaign_store::{MongoStore, NewUser};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mongo = MongoStore::connect("mongodb://localhost", "outreach").await?;
/// mongo.provision().await?;
/// let store = mongo.system();
/// let ada = store.users.create(NewUser::new("Ada", "ada@example.com")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MongoStore {
    db: Arc<Connection>,
    shared: Shared,
    warnings: Arc<[Warning]>,
}

/// What the handles of a store share beside the connections.
#[derive(Debug, Clone)]
struct Shared {
    keys: Option<Keys>,
    passwords: Passwords,
    receipts: Arc<Receipts>,
    locks: Arc<CampaignLocks>,
}

impl MongoStore {
    /// Connects to a database, and checks that it answers.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    pub async fn connect(uri: impl Into<String>, database: impl Into<String>) -> Result<Self> {
        Self::connect_with(MongoOptions::new(uri, database)).await
    }

    /// Connects with these options.
    ///
    /// # Errors
    /// `Invalid` when the connection string or the database name is not valid; `Unavailable` when no server
    /// answers within the time-out; `Certificate` when the server's certificate is refused; `Unauthorized` when
    /// the server refuses the login; `Standalone` when the server has no transactions; `Keys`
    /// when the database knows another key under an id of the vault. The errors name the servers, never the user or the password.
    pub async fn connect_with(options: MongoOptions) -> Result<Self> {
        // Boxed: the futures are large, and callers would carry them in theirs.
        let db = Arc::new(Box::pin(Connection::open(&options)).await?);
        let warnings = Box::pin(Warning::find(&db)).await?.into();
        let MongoOptions { vault, passwords, receipt_lifetime, .. } = options;
        let keys = match vault {
            Some(vault) => Some(Box::pin(Keys::open(vault, db.clone())).await?),
            None => None,
        };
        let shared = Shared {
            keys,
            passwords: Passwords::new(passwords),
            receipts: Arc::new(Receipts::new(&db.database, receipt_lifetime)),
            locks: Arc::new(CampaignLocks::new()),
        };
        Ok(Self { db, shared, warnings })
    }

    /// The store on a database of a client of yours, as [`MongoOptions::from_client`] says.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    pub async fn from_client(client: Client, database: impl Into<String>) -> Result<Self> {
        Self::connect_with(MongoOptions::from_client(client, database)).await
    }

    /// The same store with another [time limit](MongoOptions::operation_timeout) for each call, which is
    /// clamped as there. It shares the connections.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # async fn pixel(store: campaign_store::MongoStore) {
    /// let impatient = store.with_operation_timeout(Duration::from_millis(500)).system();
    /// # }
    /// ```
    #[must_use]
    pub fn with_operation_timeout(&self, limit: Duration) -> Self {
        Self { db: Arc::new(self.db.with_operation_timeout(limit)), ..self.clone() }
    }

    /// Closes the store for all its handles: the calls in flight have their
    /// [time limit](MongoOptions::operation_timeout) to end, and then the connections are closed at once. Calls
    /// that begin later, or that have further steps to do, fail with [`Error::ShutDown`](crate::Error::ShutDown),
    /// and streams end with it. A client that was [given](Self::from_client) to the store stays open.
    ///
    /// Shut an [`EventRecorder`](crate::EventRecorder) down first. A process may end without closing the store:
    /// nothing is lost. But the driver ends its sessions in tasks of its own, and one that is cut off by the end
    /// of the runtime can print a panic. After `close` none is left.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// The database, for what this crate does not do. Its handle reads from the primary and writes with a
    /// majority, like the store.
    #[must_use]
    pub fn database(&self) -> Database {
        self.db.database.clone()
    }

    /// Creates the [indexes](crate::schema::INDEXES) that are missing, and waits until they are built,
    /// those too that another process is building. Any number of processes can call it at once, any number
    /// of times. Validators stay as they are.
    ///
    /// Building an index takes as long as it takes: each command may run for up to a
    /// [day](ProvisionOptions::max_time). A future that is dropped does not end a build on the server.
    ///
    /// # Errors
    /// As [`apply`](Self::apply) of a plan without options, which is what it does.
    pub async fn provision(&self) -> Result<(), ProvisionError> {
        provision::provision(&self.db).await
    }

    /// Compares the database with the schema, and plans what [`apply`](Self::apply) would do. It
    /// only reads indexes and options, no documents. An index that is still being built is
    /// [`Building`](crate::IndexState::Building): it guards nothing yet, and `apply` waits for it.
    ///
    /// ```no_run
    /// use campaign_store::{MongoStore, ProvisionOptions, ValidatorMode};
    ///
    /// # async fn prepare(store: MongoStore) -> Result<(), campaign_store::ProvisionError> {
    /// let plan = store.plan(&ProvisionOptions::new().validators(ValidatorMode::Warn)).await?;
    /// println!("{plan}");
    /// store.apply(&plan).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn plan(&self, options: &ProvisionOptions) -> Result<ProvisionPlan, ProvisionError> {
        provision::plan(&self.db, options).await
    }

    /// Carries out a plan, and nothing else. It makes all checks first; then it creates what is missing, in
    /// all collections; then it alters or drops what the options of the plan name, and sets validators.
    ///
    /// Each unique index is built by itself, before the others of its collection, so that documents that
    /// break one keep no other index from being built. Nothing is altered or dropped then.
    ///
    /// When it fails half-way, in an outage for instance, make a new plan, which holds the rest.
    ///
    /// # Errors
    /// Before anything is changed: `PlanStale` when the database has changed since the plan was made;
    /// `IndexDiffers` when an index is in the way and the plan may not drop or alter it; `Duplicates` when
    /// documents break a unique index; `Offenders` when a validator is to be enforced that documents break.
    ///
    /// Later, as `Store`: `Unavailable` when a command takes longer than the options allow, and `Unique`
    /// when duplicates came since the check, in a build of another process too; `PlanStale` when another
    /// process changed indexes meanwhile.
    pub async fn apply(&self, plan: &ProvisionPlan) -> Result<(), ProvisionError> {
        provision::apply(&self.db, plan).await
    }

    /// How the database deviates from the schema and the options, for monitoring. It only reads. An index
    /// that is still being built is a deviation.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn schema_drift(&self, options: &ProvisionOptions) -> Result<Vec<SchemaDrift>, ProvisionError> {
        Ok(self.plan(options).await?.drift())
    }

    /// Counts the documents that the validators would refuse, whether validators are set or not,
    /// and names some. It reads all documents and writes nothing. Of the options only the time limit
    /// matters. Collections without such documents are left out.
    ///
    /// # Errors
    /// `Unavailable` when it takes longer than the options allow, and those of the connection.
    pub async fn offenders(&self, options: &ProvisionOptions) -> Result<Vec<Offenders>, ProvisionError> {
        provision::offenders(&self.db, options).await
    }

    /// Finds the login ids and addresses of users that an older program stored in another form than this store,
    /// such as `Ada@Example.com`, and what [`rewrite_logins`](Self::rewrite_logins) would do about them. It
    /// reads all users, twice, and writes nothing.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn check_logins(&self, stop: &Stop) -> Result<LoginReport, ProvisionError> {
        provision::logins::check(&self.db, stop).await
    }

    /// Rewrites login ids and addresses of users to the stored form, trimmed and in lower case, where no other
    /// user has it or would have it too. The others are reported, by the ids of the users.
    ///
    /// Look-ups ask for the stored form and for the text as it was given, so they find `Ada@Example.com` by
    /// `Ada@Example.com` but not by `ada@example.com`. After this call they find it by any spelling.
    /// Of two users `ADA@Example.com` and `Ada@Example.com` neither is rewritten: an operator must decide
    /// whose login it is, and change or delete one of them.
    ///
    /// It is meant to run once, after [`provision`](Self::provision) and a look at
    /// [`check_logins`](Self::check_logins). Each text is changed only if it is still what was read, and the
    /// user's `updated_at` becomes later. A run that was stopped or that failed keeps what it did; the next one
    /// does the rest. It keeps a hash in memory of each text that is not in the stored form, and it must end
    /// within a day.
    ///
    /// ```no_run
    /// use campaign_store::{MongoStore, Stop};
    ///
    /// # async fn mend(store: MongoStore) -> Result<(), campaign_store::ProvisionError> {
    /// let expected = store.check_logins(&Stop::default()).await?;
    /// println!("{} would be rewritten, {} collide", expected.rewritten, expected.collisions);
    /// let report = store.rewrite_logins(&Stop::default()).await?;
    /// for collision in &report.first_collisions {
    ///     println!("{collision}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn rewrite_logins(&self, stop: &Stop) -> Result<LoginReport, ProvisionError> {
        provision::logins::rewrite(&self.db, stop).await
    }

    /// Problems of the database that [`connect`](Self::connect) found: the store works, but an operator
    /// should mend them.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The server that the store is connected to, for operators.
    ///
    /// # Errors
    /// `Unavailable`, `Backend`.
    pub async fn server_info(&self) -> Result<ServerInfo> {
        server_info(&self.db).await
    }

    /// The repositories over all users; see [`Store::system`].
    #[must_use]
    pub fn system(&self) -> Repositories {
        self.repositories(self.db.clone())
    }

    /// The repositories within one user; see [`Store::of`].
    #[must_use]
    pub fn of(&self, user_id: UserId) -> Repositories {
        self.repositories(Arc::new(self.db.in_scope(Scope::User(user_id))))
    }

    fn repositories(&self, db: Arc<Connection>) -> Repositories {
        let Shared { keys, passwords, receipts, locks } = self.shared.clone();
        let mailboxes = Arc::new(Mailboxes { db: db.clone(), keys });
        Repositories {
            users: Arc::new(Users { db: db.clone(), passwords }),
            mailboxes: mailboxes.clone(),
            mailbox_secrets: mailboxes,
            campaigns: Arc::new(Campaigns { db: db.clone(), receipts: receipts.clone() }),
            campaign_metrics: Arc::new(Metrics { db: db.clone() }),
            email_tracking: Arc::new(Tracking { db, receipts, locks }),
        }
    }

    /// What the repositories share, for the other things that this crate does to a database.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.db
    }

    /// The keys, for the migration.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        self.shared.keys.as_ref()
    }
}

impl Store for MongoStore {
    fn system(&self) -> Repositories {
        self.system()
    }

    fn of(&self, user_id: UserId) -> Repositories {
        self.of(user_id)
    }
}
