use thiserror::Error as ThisError;

/// Why a secret cannot be opened or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ThisError)]
#[non_exhaustive]
pub enum SecretProblem {
    /// The store was opened without keys.
    #[error("there are no keys")]
    NoKeys,
    /// The key that sealed it is not in the keyring.
    #[error("key {0} is not in the keyring")]
    UnknownKey(u32),
    /// The key that sealed it is disabled.
    #[error("key {0} is disabled")]
    KeyDisabled(u32),
    /// It is neither sealed nor a text, or the seal is damaged in its form.
    #[error("it is not a well-formed sealed value")]
    Malformed,
    /// It was tampered with, or sealed for another place.
    #[error("it is not authentic here")]
    NotAuthentic,
    /// It is not sealed, and unsealed values are no longer accepted.
    #[error("it is not sealed")]
    PlaintextRefused,
    /// Sealed or not, it is nothing that a secret of this kind can be.
    #[error("it is out of the bounds of its kind")]
    OutOfBounds,
    /// No key of a value can be derived from the master key.
    #[error("its key cannot be derived")]
    Underivable,
    /// The operating system gives no random numbers.
    #[error("there are no random numbers")]
    NoRandomness,
}
