//! The sources of keys.

use std::env;
use std::fmt::Debug;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{KeyError, Keyring};

/// A source of keys. A [`Vault`](super::Vault) loads them when it is opened and whenever it reloads.
///
/// Implement it for a secret manager or a key management service: fetch or unwrap 32 bytes per key, and
/// parse them into a [`Keyring`]. A vault waits at most 10 s for an answer.
///
/// ```
/// use async_trait::async_trait;
/// use campaign_store::{KeyError, KeyProvider, Keyring, Vault};
///
/// #[derive(Debug)]
/// struct SecretManager;
///
/// #[async_trait]
/// impl KeyProvider for SecretManager {
///     async fn load(&self) -> Result<Keyring, KeyError> {
///         // Fetch the text from the secret manager here.
///         "1:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=".parse()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), KeyError> {
/// let vault = Vault::open(SecretManager).await?;
/// assert_eq!(vault.primary().get(), 1);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait KeyProvider: Debug + Send + Sync + 'static {
    /// Loads the current keys.
    ///
    /// # Errors
    /// The reason why there are no usable keys. It must not contain any part of a key.
    async fn load(&self) -> Result<Keyring, KeyError>;
}

/// Always provides these keys.
#[async_trait]
impl KeyProvider for Keyring {
    async fn load(&self) -> Result<Keyring, KeyError> {
        Ok(self.clone())
    }
}

/// The keys in an environment variable, in the form that [`Keyring`] parses.
///
/// [`load`](KeyProvider::load) fails with [`KeyError::NotSet`] if the variable is not set, and with the
/// errors of parsing.
#[derive(Debug, Clone)]
pub struct EnvKeys(String);

impl EnvKeys {
    /// The default variable.
    pub const VARIABLE: &'static str = "CAMPAIGN_STORE_KEYS";

    /// The keys in [`EnvKeys::VARIABLE`].
    #[must_use]
    pub fn new() -> Self {
        Self::named(Self::VARIABLE)
    }

    /// The keys in this variable.
    pub fn named(variable: impl Into<String>) -> Self {
        Self(variable.into())
    }
}

impl Default for EnvKeys {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl KeyProvider for EnvKeys {
    async fn load(&self) -> Result<Keyring, KeyError> {
        let keys = env::var(&self.0).map_err(|_| KeyError::NotSet(self.0.clone()))?;
        Zeroizing::new(keys).parse()
    }
}

/// The keys in a file: one entry `ID:BASE64` or `ID:BASE64:disabled` per line, the primary key first.
/// Empty lines and lines that start with `#` are ignored.
///
/// [`load`](KeyProvider::load) fails with [`KeyError::Unreadable`] if the file cannot be read, with
/// [`KeyError::Exposed`] if its mode gives any right to users other than its owner (on Unix), and with
/// the errors of parsing.
///
/// ```no_run
/// use campaign_store::{FileKeys, Vault};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), campaign_store::KeyError> {
/// let vault = Vault::open(FileKeys::new("/run/secrets/campaign-store.keys")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FileKeys(PathBuf);

impl FileKeys {
    /// The keys in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

#[async_trait]
impl KeyProvider for FileKeys {
    async fn load(&self) -> Result<Keyring, KeyError> {
        let unreadable = |error: std::io::Error| KeyError::Unreadable(error.kind());
        let mut file = File::open(&self.0).map_err(unreadable)?;
        refuse_exposed(&file.metadata().map_err(unreadable)?)?;
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(unreadable)?;
        Keyring::from_entries(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')))
    }
}

#[cfg(unix)]
fn refuse_exposed(metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;
    if metadata.permissions().mode() & OTHERS == 0 { Ok(()) } else { Err(KeyError::Exposed) }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}
