//! The sources of keys.

use std::env;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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
/// The file must be a regular one of less than 64 KiB. On Unix it must belong to the user of the process or to
/// root, and its mode must give no right to others. It is read on a thread for blocking work.
///
/// [`load`](KeyProvider::load) fails with [`KeyError::Unreadable`] if the file cannot be read, with
/// [`KeyError::NotAFile`], [`KeyError::TooLarge`], [`KeyError::Foreign`] or [`KeyError::Exposed`] if it is not
/// such a file, and with the errors of parsing.
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
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || read_file(&path));
        let text = read.await.unwrap_or(Err(KeyError::Unreadable(io::ErrorKind::Other)))?;
        Keyring::from_entries(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    /// Enough for a thousand keys.
    const MAX_LEN: u16 = u16::MAX;
    let unreadable = |error: io::Error| KeyError::Unreadable(error.kind());
    let file = open(path).map_err(unreadable)?;
    // Of the file that is open, whatever the path leads to by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile);
    }
    refuse_accessible(&metadata)?;
    // Room for all of it, since growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::from(MAX_LEN) + 1));
    let len = file.take(u64::from(MAX_LEN) + 1).read_to_string(&mut text).map_err(unreadable)?;
    if len > usize::from(MAX_LEN) { Err(KeyError::TooLarge) } else { Ok(text) }
}

/// Opens a file. A pipe is opened too, without waiting for somebody to write into it.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn refuse_accessible(metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    const ROOT: u32 = 0;
    const OTHERS: u32 = 0o077;
    if ![ROOT, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(KeyError::Foreign);
    }
    if metadata.permissions().mode() & OTHERS == 0 { Ok(()) } else { Err(KeyError::Exposed) }
}

#[cfg(not(unix))]
fn refuse_accessible(_: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}
