//! Where keys come from.

use std::env;
use std::fmt::Debug;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{KeyError, Keyring};

/// Gives the keys, when the process starts and whenever they are reloaded. The seam for a key
/// management service: fetch or unwrap 32 bytes per key, and parse them into a [`Keyring`].
#[async_trait]
pub trait KeyProvider: Debug + Send + Sync + 'static {
    /// The keys as they are now.
    ///
    /// # Errors
    /// Whatever keeps the keys away. It must not hold any part of them.
    async fn load(&self) -> Result<Keyring, KeyError>;
}

/// These keys, always.
#[async_trait]
impl KeyProvider for Keyring {
    async fn load(&self) -> Result<Keyring, KeyError> {
        Ok(self.clone())
    }
}

/// The keys in an environment variable, in the form that [`Keyring`] reads.
#[derive(Debug, Clone)]
pub struct EnvKeys(String);

impl EnvKeys {
    /// The usual variable.
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

/// The keys in a file: an entry `ID:BASE64` or `ID:BASE64:disabled` on each line, the primary key
/// first. Empty lines and lines that start with `#` are left out. Nobody but its owner may be able to
/// read the file.
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
