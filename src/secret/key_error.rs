//! Why keys were refused. Nothing here holds any part of a key.

use thiserror::Error as ThisError;

use super::KeyId;

/// Why keys were refused. A keyring that is in use stays in use.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum KeyError {
    /// No keys were given.
    #[error("there are no keys")]
    Missing,
    /// An entry is not of the form `ID:BASE64` or `ID:BASE64:disabled`.
    #[error("the entry at place {place} is not of the form ID:BASE64 or ID:BASE64:disabled")]
    #[non_exhaustive]
    Malformed {
        /// The place of the entry, counted from 1.
        place: usize,
    },
    /// A key does not have 32 bytes.
    #[error("key {0} does not have 32 bytes")]
    WrongLength(KeyId),
    /// All bytes of a key are the same.
    #[error("key {0} is not random")]
    NotRandom(KeyId),
    /// Two keys have the same id.
    #[error("key {0} is there twice")]
    SameId(KeyId),
    /// Two ids have the same key.
    #[error("keys {0} and {1} are the same")]
    SameKey(KeyId, KeyId),
    /// The first key is disabled: nothing could be sealed.
    #[error("the primary key {0} is disabled")]
    PrimaryDisabled(KeyId),
    /// An id that is in use has other bytes now: values under it could never be opened again.
    #[error("key {0} is another one than before")]
    Changed(KeyId),
    /// The environment variable is not there, or is no text.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// Others than its owner can read the file.
    #[error("the key file can be read by others than its owner")]
    Exposed,
    /// The provider could not be reached, or did not answer in time.
    #[error("the key provider did not answer: {0}")]
    Unavailable(String),
}
