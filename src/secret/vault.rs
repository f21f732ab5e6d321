//! The keyring in use.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use zeroize::Zeroizing;

#[cfg(feature = "mongo")]
use super::fingerprint::Fingerprint;
use super::{
    KeyError, KeyId, KeyLedger, KeyProvider, KeyState, Keyring, SecretPlace, VaultOptions, envelope,
    sealed_document,
};
use crate::error::{Error, SecretProblem};

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
    options: VaultOptions,
    /// The databases that this vault is used with.
    ledgers: Mutex<Vec<Weak<dyn KeyLedger>>>,
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
        VaultOptions::new().open(provider).await
    }

    /// A vault with a random key, which no other process has. `None` if the operating system provides no
    /// random numbers.
    pub(crate) fn ephemeral() -> Option<Self> {
        let ring = Keyring::ephemeral().ok()?;
        Some(Self::with(Arc::new(ring.clone()), ring, VaultOptions::new(), random))
    }

    pub(super) fn with(
        provider: Arc<dyn KeyProvider>,
        ring: Keyring,
        options: VaultOptions,
        random: fn(&mut [u8]) -> Result<(), SecretProblem>,
    ) -> Self {
        Self(Arc::new(Inner {
            provider,
            ring: RwLock::new(ring),
            options,
            ledgers: Mutex::default(),
            reloaded: tokio::sync::Mutex::default(),
            random,
        }))
    }

    /// Reloads the keys from the provider. On an error, the keys in use stay in use.
    ///
    /// # Errors
    /// [`KeyError`], such as `Changed` when a key has other bytes than before, or than the database of a store
    /// with this vault knows, or `Unavailable` when the provider does not answer within 10 s, or the database
    /// does not.
    pub async fn reload(&self) -> Result<ReloadReport, KeyError> {
        let newer = load(&*self.0.provider).await?;
        let fingerprints = newer.fingerprints().map_err(underivable)?;
        let ledgers = self.ledgers().clone();
        for ledger in ledgers.iter().filter_map(Weak::upgrade) {
            ledger.check(&fingerprints).await.map_err(|error| match error {
                Error::Keys(error) => error,
                error => KeyError::Unavailable(error.to_string()),
            })?;
        }
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

    /// Has a database check the keys, now and at every reload, for as long as `ledger` exists.
    #[cfg(feature = "mongo")]
    pub(crate) async fn check_with(&self, ledger: &Arc<dyn KeyLedger>) -> Result<(), Error> {
        {
            let mut ledgers = self.ledgers();
            ledgers.retain(|ledger| ledger.strong_count() > 0);
            ledgers.push(Arc::downgrade(ledger));
        }
        let fingerprints = self.ring().fingerprints().map_err(underivable)?;
        ledger.check(&fingerprints).await
    }

    /// The primary key and what tells it apart.
    #[cfg(feature = "mongo")]
    pub(crate) fn primary_fingerprint(&self) -> Result<(KeyId, Fingerprint), KeyError> {
        let ring = self.ring();
        let fingerprints = ring.fingerprints().map_err(underivable)?;
        let primary = fingerprints.into_iter().find(|(id, _)| *id == ring.primary());
        primary.ok_or(KeyError::Missing)
    }

    fn ledgers(&self) -> MutexGuard<'_, Vec<Weak<dyn KeyLedger>>> {
        self.0.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) fn seal_document(&self, place: &[u8], document: &[u8]) -> Result<Vec<u8>, SecretProblem> {
        sealed_document::seal(&self.ring(), place, document, self.0.random)
    }

    /// Opens a document that was sealed for this place, and returns the id of its key and the document.
    pub(crate) fn unseal_document(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<(KeyId, Zeroizing<Vec<u8>>), SecretProblem> {
        sealed_document::open(&self.ring(), place, sealed)
    }

    /// The text of a stored value, and the key that sealed it. The key is `None` for a value that is not
    /// sealed, which can be read only while [`allow_plaintext`](VaultOptions::allow_plaintext) allows it.
    pub(super) fn open_stored(
        &self,
        place: SecretPlace,
        stored: &str,
        now: DateTime<Utc>,
    ) -> Result<(Option<KeyId>, Zeroizing<String>), SecretProblem> {
        if envelope::is_sealed(stored) {
            return envelope::open(&self.ring(), place, stored).map(|(id, text)| (Some(id), text));
        }
        match self.0.options.plaintext.get(place.field as usize) {
            Some(Some(until)) if now < *until => Ok((None, Zeroizing::new(stored.to_owned()))),
            _ => Err(SecretProblem::PlaintextRefused),
        }
    }

    fn ring(&self) -> Keyring {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn underivable(_: SecretProblem) -> KeyError {
    KeyError::Unavailable("no fingerprint can be derived from a key".to_owned())
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), SecretProblem> {
    getrandom::fill(bytes).map_err(|_| SecretProblem::NoRandomness)
}

pub(super) async fn load(provider: &dyn KeyProvider) -> Result<Keyring, KeyError> {
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
