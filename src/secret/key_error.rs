//! The reasons for refusing keys. No error contains any part of a key.

use thiserror::Error as ThisError;

use super::KeyId;

/// The reason why keys were refused. The keyring in use stays in use.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum KeyError {
    /// No keys were given.
    #[error("there are no keys. Give at least one, as ID:BASE64")]
    Missing,
    /// An entry is not of the form `ID:BASE64` or `ID:BASE64:disabled`.
    #[error("the entry at place {place} is not of the form ID:BASE64 or ID:BASE64:disabled")]
    #[non_exhaustive]
    Malformed {
        /// The position of the entry, counted from 1.
        place: usize,
    },
    /// A key does not have 32 bytes.
    #[error("key {0} does not have 32 bytes. Create a key with `openssl rand -base64 32`")]
    WrongLength(KeyId),
    /// All bytes of a key are the same.
    #[error("key {0} is not random: all its bytes are the same. Create a key with `openssl rand -base64 32`")]
    NotRandom(KeyId),
    /// Two keys have the same id.
    #[error("two keys have the id {0}. Give each key its own id")]
    SameId(KeyId),
    /// Two ids have the same key.
    #[error("the ids {0} and {1} have the same key. Remove one of them")]
    SameKey(KeyId, KeyId),
    /// The first key, the primary one, is disabled, so nothing could be sealed.
    #[error("the primary key {0} is disabled. Put the key that seals first")]
    PrimaryDisabled(KeyId),
    /// The key of an id that is in use has changed. The values that the old key sealed could never be opened
    /// again.
    #[error("key {0} has changed. Restore it, and give the new key an id of its own")]
    Changed(KeyId),
    /// The environment variable is not set, or is not valid Unicode.
    #[error("the environment variable {0} is not set, or is not valid Unicode")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// The path leads to something else than a regular file, such as a pipe or a directory.
    #[error("the key file is not a regular file")]
    NotAFile,
    /// The file is larger than any file of keys.
    #[error("the key file has 64 KiB or more")]
    TooLarge,
    /// The file belongs to another user, who can change it.
    #[error("the key file belongs to another user. Give it to the user of this process, or to root")]
    Foreign,
    /// The file's mode gives rights to users other than its owner.
    #[error("the key file is accessible to users other than its owner. Restrict it with `chmod 600`")]
    Exposed,
    /// The provider could not be reached, or did not answer in time.
    #[error("the key provider is unavailable: {0}")]
    Unavailable(String),
}
