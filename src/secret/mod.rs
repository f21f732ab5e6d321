//! The protection of secrets: passwords are hashed, and the secrets of mailboxes are sealed before they
//! leave the process.

pub(crate) mod envelope;
mod fingerprint;
mod key_error;
mod key_ledger;
mod key_provider;
mod keyring;
mod login;
mod login_throttle;
mod password_hash;
mod password_options;
mod password_policy;
mod passwords;
mod reencrypt;
mod reencrypt_report;
mod sealed_credentials;
mod sealed_document;
mod sealed_original;
mod secret_place;
mod secret_storage;
mod token_buckets;
mod turns;
mod vault;
mod vault_options;

pub use key_error::KeyError;
pub use key_provider::{EnvKeys, FileKeys, KeyProvider};
pub use keyring::{KeyId, KeyState, Keyring};
pub use login_throttle::LoginThrottle;
pub use password_options::PasswordOptions;
pub use password_policy::PasswordPolicy;
pub use reencrypt::ReencryptPlan;
pub use reencrypt_report::{OriginalsReport, ReencryptReport, UnreadableSecret};
pub use secret_place::SecretPlace;
pub use token_buckets::TokenBuckets;
pub use vault::{ReloadReport, Vault};
pub use vault_options::VaultOptions;

#[cfg(feature = "mongo")]
pub(crate) use envelope::is_sealed;
#[cfg(feature = "mongo")]
pub(crate) use fingerprint::Fingerprint;
pub(crate) use key_ledger::KeyLedger;
pub(crate) use login::{Logins, StoredLogin, verify};
#[cfg(feature = "contract")]
pub(crate) use password_hash::PasswordHash;
pub(crate) use passwords::Passwords;
pub(crate) use reencrypt::reencrypt;
pub(crate) use sealed_credentials::{Reencrypted, SealedCredentials, SealedField, StoredSecret, seal};
pub(crate) use sealed_original::SealedOriginal;
pub(crate) use secret_storage::{SealedMailbox, SecretStorage, credentials, refresh_tokens};
