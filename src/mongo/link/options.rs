use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, ReadConcernLevel, WriteConcern};

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Invalid, Problem, Result};
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
    uri: String,
    pub(in crate::mongo) database: String,
    pub(in crate::mongo) timeout: Duration,
    pub(in crate::mongo) clock: Arc<dyn Clock>,
    pub(in crate::mongo) vault: Option<Vault>,
    pub(in crate::mongo) passwords: PasswordOptions,
    pub(in crate::mongo) receipt_lifetime: Duration,
}

impl MongoOptions {
    /// The database `database` on the servers of a connection string.
    ///
    /// Writes wait for a majority of the servers. A connection string that asks for less, or for the read
    /// concern `available` or `linearizable`, is refused when the store connects.
    pub fn new(uri: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            database: database.into(),
            timeout: Duration::from_secs(10),
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

    /// The driver's options.
    pub(in crate::mongo) async fn to_client_options(&self) -> Result<ClientOptions> {
        check_database_name(&self.database)?;
        let parsed = tokio::time::timeout(self.timeout, ClientOptions::parse(&self.uri)).await;
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
        options.app_name.get_or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
        options.write_concern = Some(majority(options.write_concern.take())?);
        check_read_concern(options.read_concern.as_ref())?;
        Ok(options)
    }
}

/// Completes a write concern. A connection string that has only `wtimeoutMS` or `journal` would otherwise
/// replace the majority that every promise of the store needs.
fn majority(given: Option<WriteConcern>) -> Result<WriteConcern, Invalid> {
    let mut concern = given.unwrap_or_default();
    if concern.journal == Some(false) || concern.w.as_ref().is_some_and(|w| *w != Acknowledgment::Majority) {
        return Err(Invalid::new("uri", Problem::WeakWriteConcern));
    }
    concern.w = Some(Acknowledgment::Majority);
    Ok(concern)
}

fn check_read_concern(given: Option<&ReadConcern>) -> Result<(), Invalid> {
    match given.map(|concern| &concern.level) {
        Some(ReadConcernLevel::Available | ReadConcernLevel::Linearizable) => {
            Err(Invalid::new("uri", Problem::UnsuitableReadConcern))
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
