use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{KeyError, KeyProvider, Vault, vault};
use crate::model::SecretField;

/// How a [`Vault`] is opened.
///
/// ```
/// use campaign_store::{Clock, Keyring, SecretField, SystemClock, VaultOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), campaign_store::KeyError> {
/// let in_a_month = SystemClock.now() + chrono::TimeDelta::days(30);
/// let options = VaultOptions::new().allow_plaintext(SecretField::Password, in_a_month);
/// let vault = options.open(Keyring::ephemeral()?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct VaultOptions {
    /// For each field, the time until which values that are not sealed may be read.
    pub(super) plaintext: [Option<DateTime<Utc>>; SecretField::ALL.len()],
}

impl VaultOptions {
    /// The defaults: values that are not sealed are refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows values of `field` that are not sealed to be read until `until`, for old documents with plain
    /// secrets. A value with the prefix of a sealed one that does not open is still an error.
    ///
    /// During this time, anybody who can write to the database can plant a secret of their choice.
    pub fn allow_plaintext(mut self, field: SecretField, until: DateTime<Utc>) -> Self {
        if let Some(allowed) = self.plaintext.get_mut(field as usize) {
            *allowed = Some(until);
        }
        self
    }

    /// Opens a vault with the provider's keys.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open(self, provider: impl KeyProvider) -> Result<Vault, KeyError> {
        let provider = Arc::new(provider);
        let ring = vault::load(&*provider).await?;
        Ok(Vault::with(provider, ring, self, vault::random))
    }
}
