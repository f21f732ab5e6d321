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

/// How long a provider may take.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of the largest kind of secret, in bytes.
const MAX_SECRET: usize = 16 * 1024;
/// How long to wait until values under unknown keys lead to a reload again.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Seals and opens the secrets of mailboxes.
///
/// Give one to [`MongoOptions::vault`](crate::MongoOptions) or
/// [`MemoryStore::with_vault`](crate::MemoryStore::with_vault). A clone shares the keys.
///
/// # Rotation
///
/// 1. Add the new key behind the primary one in the provider, and [`reload`](Self::reload) in every
///    process: now all can open what it will seal.
/// 2. Move it to the front, and reload again: now it seals.
/// 3. [`reencrypt`](crate::MailboxRepository::reencrypt) until nothing is under the old key.
/// 4. Mark the old key `disabled`, and reload. When nobody missed it for a while, destroy it.
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
    /// For each field, until when values that are not sealed may be read.
    plaintext: [Option<DateTime<Utc>>; SecretField::ALL.len()],
    /// When an unknown key last led to a reload. Held while it does.
    reloaded: tokio::sync::Mutex<Option<Instant>>,
    random: fn(&mut [u8]) -> Result<(), SecretProblem>,
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReloadReport {
    /// The key that sealed before.
    pub previous_primary: KeyId,
    /// The key that seals now.
    pub primary: KeyId,
    /// All keys, and what they may do now.
    pub keys: Vec<(KeyId, KeyState)>,
}

impl Vault {
    /// Opens a vault with the provider's keys.
    ///
    /// # Errors
    /// [`KeyError`] when there are no usable keys.
    pub async fn open(provider: impl KeyProvider) -> Result<Self, KeyError> {
        let provider = Arc::new(provider);
        let ring = load(&*provider).await?;
        Ok(Self::new(provider, ring))
    }

    /// A vault with a key of its own, which no other process can open. `None` when the system has no
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

    /// Lets values of `field` that are not sealed be read until `until`, while old documents are being
    /// migrated. A value that claims to be sealed and does not open is an error all the same.
    ///
    /// Whoever can write to the database can put in a secret of his choice as long as this lasts.
    #[must_use]
    pub fn allow_plaintext(self, field: SecretField, until: DateTime<Utc>) -> Self {
        let mut plaintext = self.0.plaintext;
        if let Some(allowed) = plaintext.get_mut(field as usize) {
            *allowed = Some(until);
        }
        Self::with(self.0.provider.clone(), self.ring(), plaintext, self.0.random)
    }

    /// Takes the provider's present keys into use. On any error the ones in use stay.
    ///
    /// # Errors
    /// [`KeyError`]; `Changed` when a key has other bytes than before.
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

    /// Reloads because a value is under a key that is not known, but not for each such value. Whoever
    /// comes while that is under way waits for it.
    pub(super) async fn reload_for_unknown_key(&self) {
        let mut reloaded = self.0.reloaded.lock().await;
        if reloaded.is_none_or(|at| at.elapsed() >= RELOAD_INTERVAL) {
            // Without new keys the ones in use stay, and the value stays closed.
            let _ = self.reload().await;
            *reloaded = Some(Instant::now());
        }
    }

    /// The key that seals.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.ring().primary()
    }

    /// All keys, and what they may do.
    #[must_use]
    pub fn keys(&self) -> Vec<(KeyId, KeyState)> {
        self.ring().states().collect()
    }

    /// Seals a secret for its place, with the primary key. The repositories do this by themselves.
    ///
    /// # Errors
    /// `NoRandomness`; `OutOfBounds` for more than 16 KiB.
    pub fn seal(&self, place: SecretPlace, text: &str) -> Result<String, SecretProblem> {
        if text.len() > MAX_SECRET {
            return Err(SecretProblem::OutOfBounds);
        }
        envelope::seal(&self.ring(), place, text, self.0.random)
    }

    /// Opens a value that was sealed for this place. The repositories do this by themselves.
    ///
    /// # Errors
    /// `Malformed`, `UnknownKey`, `KeyDisabled`, `NotAuthentic`.
    pub fn unseal(&self, place: SecretPlace, sealed: &str) -> Result<Zeroizing<String>, SecretProblem> {
        envelope::open(&self.ring(), place, sealed).map(|(_, text)| text)
    }

    /// Seals a document for its place, with the primary key.
    #[cfg(feature = "mongo")]
    pub(crate) fn seal_document(&self, place: &[u8], document: &[u8]) -> Result<Vec<u8>, SecretProblem> {
        sealed_document::seal(&self.ring(), place, document, self.0.random)
    }

    /// Opens a document that was sealed for this place, and says with which key.
    #[cfg(feature = "mongo")]
    pub(crate) fn unseal_document(
        &self,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<(KeyId, Zeroizing<Vec<u8>>), SecretProblem> {
        sealed_document::open(&self.ring(), place, sealed)
    }

    /// The text of a stored value, and the key that sealed it. `None` for one that is not sealed, which
    /// may be read only for a time.
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
    let late = |_| KeyError::Unavailable("no answer in time".to_owned());
    tokio::time::timeout(PROVIDER_TIMEOUT, provider.load()).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keys", &self.ring()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
