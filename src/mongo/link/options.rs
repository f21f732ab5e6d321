use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, ReadConcernLevel, WriteConcern};

use super::calls::POOL_SIZE;
use super::certificates::{Refusals, Roots};
use super::security::{Encryption, Security};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Invalid, Problem, Result};
use crate::model::text::without_line_end;
use crate::schema::RECEIPT_LIFETIME;
use crate::secret::{PasswordOptions, Vault};

/// How to connect to a database.
///
/// ```
/// use std::time::Duration;
/// use campaign_store::MongoOptions;
///
/// let options = MongoOptions::new("mongodb://localhost", "outreach").timeout(Duration::from_secs(3));
/// ```
#[derive(Clone)]
#[must_use]
pub struct MongoOptions {
    source: Source,
    pub(in crate::mongo) database: String,
    pub(in crate::mongo) timeout: Duration,
    pub(in crate::mongo) operation_timeout: Duration,
    pool_size: Option<u32>,
    insecure_tls: bool,
    pub(in crate::mongo) clock: Arc<dyn Clock>,
    pub(in crate::mongo) vault: Option<Vault>,
    pub(in crate::mongo) passwords: PasswordOptions,
    pub(in crate::mongo) receipt_lifetime: Duration,
}

/// Where the connections come from.
#[derive(Clone)]
enum Source {
    Uri(String),
    Client(Box<Client>),
}

/// A client, and what the options and the connection string say about it.
pub(super) struct Opened {
    pub(super) client: Client,
    pub(super) write_concern: WriteConcern,
    /// The servers, as `host:port`.
    pub(super) target: String,
    pub(super) pool_size: u32,
    pub(super) owns_client: bool,
    pub(super) security: Security,
    /// The certificates that are refused, unless the client is somebody else's.
    pub(super) refusals: Option<Refusals>,
    /// Whether other roots are worth a try.
    pub(super) has_other_roots: bool,
}

impl MongoOptions {
    /// The database `database` on the servers of a connection string.
    ///
    /// Writes wait for a majority of the servers. A connection string that asks for less, or for the read
    /// concern `available` or `linearizable`, is refused when the store connects.
    ///
    /// With `tls=true` (the default of `mongodb+srv`), the server's certificate must be signed by an authority
    /// in the file that `tlsCAFile` names; without such a file, by one of Mozilla's or of this system's. A
    /// connection string that switches the check off (`tlsInsecure`, `tlsAllowInvalidCertificates`) is refused,
    /// see [`insecure_tls`](Self::insecure_tls).
    pub fn new(uri: impl Into<String>, database: impl Into<String>) -> Self {
        let (mut uri, mut database) = (uri.into(), database.into());
        for text in [&mut uri, &mut database] {
            text.truncate(without_line_end(text).len());
        }
        Self::of(Source::Uri(uri), database)
    }

    /// The database `database` on the servers of a client of yours, whose connections the store shares.
    ///
    /// The client keeps its own options: how long it looks for a server, and how many connections it makes
    /// (say so with [`pool_size`](Self::pool_size) if it isn't the driver's default). Whatever its read
    /// preference and write concern are, the store reads from the primary what decides, and waits for a
    /// majority. A weaker write concern, or the read concern `available` or `linearizable`, is refused when
    /// the store connects. [`MongoStore::close`](crate::MongoStore::close) leaves the client open.
    pub fn from_client(client: Client, database: impl Into<String>) -> Self {
        Self::of(Source::Client(Box::new(client)), database.into())
    }

    fn of(source: Source, database: String) -> Self {
        Self {
            source,
            database,
            timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(10),
            pool_size: None,
            insecure_tls: false,
            clock: Arc::new(SystemClock),
            vault: None,
            passwords: PasswordOptions::new(),
            receipt_lifetime: RECEIPT_LIFETIME,
        }
    }

    /// How long to wait for a server to be found, and for a connection to be made: 10 seconds by default. It
    /// takes precedence over the connection string.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a call of a repository may take: 10 seconds by default. It includes all waiting, for a
    /// connection, for a server or for other callers, all retries, and the commit. Then the call fails with
    /// [`Error::Unavailable`], and it is unknown whether its write took effect; each method says what a repeat
    /// gives. Calls of many steps, such as `record_sends` of very many e-mails, keep the steps that were done.
    ///
    /// A limit is from 1 ms to 24 hours; others are clamped.
    /// [`MongoStore::with_operation_timeout`](crate::MongoStore::with_operation_timeout) makes a handle with
    /// another one. Provisioning, migration, recounts and streams have limits of their own.
    pub fn operation_timeout(mut self, limit: Duration) -> Self {
        self.operation_timeout = clamped(limit);
        self
    }

    /// The largest number of connections to each server: that of the connection string (`maxPoolSize`) by
    /// default, else 10; at least 1, and a store should have 2. Half of them are kept for reads and
    /// transactions, since a write that waits for a document in the server waits with its connection.
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.pool_size = Some(connections.max(1));
        self
    }

    /// Accepts a connection string that switches off the check of the server's certificate. Then whoever is
    /// on the way to the server can read and change everything. For experiments only: a private certificate
    /// needs `tlsCAFile` instead.
    pub fn insecure_tls(mut self) -> Self {
        self.insecure_tls = true;
        self
    }

    /// A clock other than the system's.
    pub fn clock(mut self, clock: Arc<impl Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long provider event ids are remembered at least: 7 days by default. It applies to events that are
    /// recorded from now on. The database removes the ids some time later, by its own clock.
    pub fn receipt_lifetime(mut self, lifetime: Duration) -> Self {
        self.receipt_lifetime = lifetime;
        self
    }

    /// The keys for the secrets of mailboxes. Without them secrets are neither stored nor read.
    pub fn vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self
    }

    /// How the passwords of users are hashed.
    pub fn passwords(mut self, options: PasswordOptions) -> Self {
        self.passwords = options;
        self
    }

    /// The client of these options. Nothing is connected yet.
    pub(super) async fn open(&self, roots: Roots) -> Result<Opened> {
        check_database_name(&self.database)?;
        match &self.source {
            Source::Client(client) => {
                check_read_concern("client", client.read_concern())?;
                Ok(Opened {
                    write_concern: self.majority("client", client.write_concern().cloned())?,
                    client: Client::clone(client),
                    target: "the given client".to_owned(),
                    pool_size: self.pool_size.unwrap_or(POOL_SIZE),
                    owns_client: false,
                    security: Security::UNKNOWN,
                    refusals: None,
                    has_other_roots: false,
                })
            }
            Source::Uri(uri) => {
                let mut options = self.to_client_options(uri).await?;
                let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
                Ok(Opened {
                    write_concern: options.write_concern.clone().unwrap_or_else(WriteConcern::majority),
                    target: hosts.join(","),
                    pool_size: options.max_pool_size.unwrap_or(POOL_SIZE),
                    owns_client: true,
                    security: Security::of(&options),
                    has_other_roots: roots.apply(&mut options) && roots == Roots::BuiltIn,
                    refusals: Some(Refusals::watch(&mut options)),
                    // The cause of a failure can be a TLS file that cannot be read.
                    client: Client::with_options(options)
                        .map_err(|_| Invalid::new("uri", Problem::NotAConnectionString))?,
                })
            }
        }
    }

    /// The driver's options.
    async fn to_client_options(&self, uri: &str) -> Result<ClientOptions> {
        let parsed = tokio::time::timeout(self.timeout, ClientOptions::parse(uri)).await;
        let mut options = match parsed {
            Ok(Ok(options)) => options,
            // A look-up in the name service is the only part that takes time or can fail later.
            Err(_) => return Err(Error::unavailable("the name service", "timed out")),
            Ok(Err(error)) => {
                return Err(match *error.kind {
                    mongodb::error::ErrorKind::DnsResolve { .. } => {
                        Error::unavailable("the name service", "the host name cannot be resolved")
                    }
                    _ => Invalid::new("uri", Problem::NotAConnectionString).into(),
                });
            }
        };
        options.server_selection_timeout = Some(self.timeout);
        options.connect_timeout = Some(self.timeout);
        options.max_pool_size = self.pool_size.or(options.max_pool_size);
        options.app_name.get_or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
        options.write_concern = Some(self.majority("uri", options.write_concern.take())?);
        check_read_concern("uri", options.read_concern.as_ref())?;
        if !self.insecure_tls && Security::of(&options).encryption == Encryption::Unchecked {
            return Err(Invalid::new("uri", Problem::InsecureTls).into());
        }
        Ok(options)
    }

    /// Completes a write concern. A connection string that has only `wtimeoutMS` or `journal` would otherwise
    /// replace the majority that every promise of the store needs.
    fn majority(&self, origin: &'static str, given: Option<WriteConcern>) -> Result<WriteConcern, Invalid> {
        let mut concern = given.unwrap_or_default();
        if concern.journal == Some(false)
            || concern.w.as_ref().is_some_and(|w| *w != Acknowledgment::Majority)
        {
            return Err(Invalid::new(origin, Problem::WeakWriteConcern));
        }
        concern.w = Some(Acknowledgment::Majority);
        // Without it the server would go on waiting for members after the caller has given up.
        concern.w_timeout.get_or_insert(self.operation_timeout);
        Ok(concern)
    }
}

/// A time limit for calls.
pub(in crate::mongo) fn clamped(limit: Duration) -> Duration {
    limit.clamp(Duration::from_millis(1), Duration::from_secs(24 * 3_600))
}

fn check_read_concern(origin: &'static str, given: Option<&ReadConcern>) -> Result<(), Invalid> {
    match given.map(|concern| &concern.level) {
        Some(ReadConcernLevel::Available | ReadConcernLevel::Linearizable) => {
            Err(Invalid::new(origin, Problem::UnsuitableReadConcern))
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for MongoOptions {
    /// Omits the connection string: it can contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoOptions")
            .field("database", &self.database)
            .field("timeout", &self.timeout)
            .field("operation_timeout", &self.operation_timeout)
            .finish_non_exhaustive()
    }
}

/// The server's rules for database names.
fn check_database_name(name: &str) -> Result<(), Invalid> {
    const MAX_LEN: usize = 63;
    let refused = |c: char| c.is_control() || r#"/\. "$*<>:|?"#.contains(c);
    if name.is_empty() || name.len() > MAX_LEN || name.contains(refused) {
        return Err(Invalid::new("database", Problem::NotADatabaseName));
    }
    Ok(())
}
