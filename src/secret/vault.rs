//! The keyring in use.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use zeroize::Zeroizing;

#[cfg(feature = "mongo")]
use super::sealed_document;
use super::{KeyError, KeyId, KeyProvider, KeyState, Keyring, SecretPlace, envelope};
use crate::error::SecretProblem;
use crate::model::SecretField;

/// The time limit for a provider.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of the largest kind of secret, in bytes.
const MAX_SECRET: usize = 16 * 1024;
/// The shortest time between two reloads because of unknown keys.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Seals and opens the secrets of mailboxes.
///
/// Pass it to [`MongoOptions::vault`](crate::MongoOptions) or
/// [`MemoryStore::with_vault`](crate::MemoryStore::with_vault). A clone shares the keys.
///
/// # Rotation
///
/// 1. Add the new key after the primary one in the provider, and [`reload`](Self::reload) in every
///    process. Now every process can open what the new key will seal.
/// 2. Move the new key to the front, and reload again. Now it is the primary key, and seals.
/// 3. [Re-encrypt](crate::MailboxSecretsRepository::reencrypt) until no secret is under the old key.
/// 4. Mark the old key `disabled`, and reload. Destroy it once nothing has failed for lack of it for a
///    while, and no backup needs it.
///
/// ```
/// use campaign_store::{EnvKeys, Keyring, Vault};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), campaign_store::KeyError> {
/// # if false {
/// let vault = Vault::open(EnvKeys::new()).await?;
/// # }
/// let vault = Vault::open(Keyring::ephemeral()?).await?;
/// assert_eq!(vault.primary().get(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    provider: Arc<dyn KeyProvider>,
    ring: RwLock<Keyring>,
    /// For each field, the time until which values that are not sealed may be read.
    plaintext: [Option<DateTime<Utc>>; SecretField::ALL.len()],
    /// When an unknown key last caused a reload. Locked during the reload.
    reloaded: tokio::sync::Mutex<Option<Instant>>,
    random: fn(&mut [u8]) -> Result<(), SecretProblem>,
}

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReloadReport {
    /// The primary key before the reload.
    pub previous_primary: KeyId,
    /// The primary key after the reload.
    pub primary: KeyId,
    /// All keys and their states after the reload.
    pub keys: Vec<(KeyId, KeyState)>,
}

impl Vault {
    /// Opens a vault with the provider's keys.
    ///
    /// # Errors
    /// [`KeyError`] when the provider has no usable keys, or does not answer within 10 s.
    pub async fn open(provider: impl KeyProvider) -> Result<Self, KeyError> {
        let provider = Arc::new(provider);
        let ring = load(&*provider).await?;
        Ok(Self::new(provider, ring))
    }

    /// A vault with a random key, which no other process has. `None` if the operating system provides no
    /// random numbers.
    pub(crate) fn ephemeral() -> Option<Self> {
        let ring = Keyring::ephemeral().ok()?;
        Some(Self::new(Arc::new(ring.clone()), ring))
    }

    fn new(provider: Arc<dyn KeyProvider>, ring: Keyring) -> Self {
        let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| SecretProblem::NoRandomness);
        Self::with(provider, ring, Default::default(), random)
    }

    fn with(
        provider: Arc<dyn KeyProvider>,
        ring: Keyring,
        plaintext: [Option<DateTime<Utc>>; SecretField::ALL.len()],
        random: fn(&mut [u8]) -> Result<(), SecretProblem>,
    ) -> Self {
        Self(Arc::new(Inner {
            provider,
            ring: RwLock::new(ring),
            plaintext,
            reloaded: tokio::sync::Mutex::default(),
            random,
        }))
    }

    /// Allows values of `field` that are not sealed to be read until `until`, for old documents with plain
    /// secrets. A value with the prefix of a sealed one that does not open is still an error.
    ///
    /// During this time, anybody who can write to the database can plant a secret of their choice.
    #[must_use]
    pub fn allow_plaintext(self, field: SecretField, until: DateTime<Utc>) -> Self {
        let mut plaintext = self.0.plaintext;
        if let Some(allowed) = plaintext.get_mut(field as usize) {
            *allowed = Some(until);
        }
        Self::with(self.0.provider.clone(), self.ring(), plaintext, self.0.random)
    }

    /// Reloads the keys from the provider. On an error, the keys in use stay in use.
    ///
    /// # Errors
    /// [`KeyError`], such as `Changed` when a key has other bytes than before, or `Unavailable` when the
    /// provider does not answer within 10 s.
    pub async fn reload(&self) -> Result<ReloadReport, KeyError> {
        let newer = load(&*self.0.provider).await?;
        let mut ring = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = ring.changed_in(&newer) {
            return Err(KeyError::Changed(id));
        }
        let previous_primary = ring.primary();
        *ring = newer;
        Ok(ReloadReport { previous_primary, primary: ring.primary(), keys: ring.states().collect() })
    }

    /// Reloads the keys because a value is under an unknown key, at most once per [`RELOAD_INTERVAL`].
    /// Callers that come during a reload wait for it.
    pub(super) async fn reload_for_unknown_key(&self) {
        let mut reloaded = self.0.reloaded.lock().await;
        if reloaded.is_none_or(|at| at.elapsed() >= RELOAD_INTERVAL) {
            // If this fails, the keys in use stay, and the value does not open.
            let _ = self.reload().await;
            *reloaded = Some(Instant::now());
        }
    }

    /// The id of the primary key, which seals.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.ring().primary()
    }

    /// The ids of all keys and their states, in the order of the ids.
    #[must_use]
    pub fn keys(&self) -> Vec<(KeyId, KeyState)> {
        self.ring().states().collect()
    }

    /// Seals a secret for its place with the primary key. The repositories do this themselves.
    ///
    /// ```
    /// use campaign_store::{Keyring, MailboxId, SecretField, SecretPlace, UserId, Vault};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let vault = Vault::open(Keyring::ephemeral()?).await?;
    /// let place = SecretPlace::new(MailboxId::new(), UserId::new(), SecretField::Password);
    /// let sealed = vault.seal(place, "hunter2")?;
    /// assert_eq!(vault.unseal(place, &sealed)?.as_str(), "hunter2");
    ///
    /// let elsewhere = SecretPlace::new(MailboxId::new(), place.owner, place.field);
    /// assert!(vault.unseal(elsewhere, &sealed).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SecretProblem`]: `OutOfBounds` for more than 16 KiB; `NoRandomness`.
    pub fn seal(&self, place: SecretPlace, text: &str) -> Result<String, SecretProblem> {
        if text.len() > MAX_SECRET {
            return Err(SecretProblem::OutOfBounds);
        }
        envelope::seal(&self.ring(), place, text, self.0.random)
    }

    /// Opens a value that was sealed for this place. The repositories do this themselves. The text is wiped
    /// from memory when it is dropped.
    ///
    /// # Errors
    /// [`SecretProblem`]: `Malformed`, `UnknownKey`, `KeyDisabled` or `NotAuthentic`.
    pub fn unseal(&self, place: SecretPlace, sealed: &str) -> Result<Zeroizing<String>, SecretProblem> {
        envelope::open(&self.ring(), place, sealed).map(|(_, text)| text)
    }

    /// Seals a document for its place with the primary key.
    #[cfg(feature = "mongo")]
    pub(crate) fn seal_document(&self, place: &[u8], document: &[u8]) -> Result<Vec<u8>, SecretProblem> {
        sealed_document::seal(&self.ring(), place, document, self.0.random)
    }

    /// Opens a document that was sealed for this place, and returns the id of its key and the document.
    #[cfg(feature = "mongo")]
    pub(crate) fn unseal_document(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<(KeyId, Zeroizing<Vec<u8>>), SecretProblem> {
        sealed_document::open(&self.ring(), place, sealed)
    }

    /// The text of a stored value, and the key that sealed it. The key is `None` for a value that is not
    /// sealed, which can be read only while [`allow_plaintext`](Self::allow_plaintext) allows it.
    pub(super) fn open_stored(
        &self,
        place: SecretPlace,
        stored: &str,
        now: DateTime<Utc>,
    ) -> Result<(Option<KeyId>, Zeroizing<String>), SecretProblem> {
        if envelope::is_sealed(stored) {
            return envelope::open(&self.ring(), place, stored).map(|(id, text)| (Some(id), text));
        }
        match self.0.plaintext.get(place.field as usize) {
            Some(Some(until)) if now < *until => Ok((None, Zeroizing::new(stored.to_owned()))),
            _ => Err(SecretProblem::PlaintextRefused),
        }
    }

    fn ring(&self) -> Keyring {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn load(provider: &dyn KeyProvider) -> Result<Keyring, KeyError> {
    let late = |_| KeyError::Unavailable("no answer within 10 s".to_owned());
    tokio::time::timeout(PROVIDER_TIMEOUT, provider.load()).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keys", &self.ring()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
