use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

use super::keyring::MasterKey;
use crate::error::SecretProblem;

/// What tells whether two processes have the same key under an id. It says nothing about the key: it is
/// derived from it like the keys of values, for a purpose of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(super) fn of(key: &MasterKey) -> Result<Self, SecretProblem> {
        let mut fingerprint = [0; 16];
        let hkdf = Hkdf::<Sha256>::from_prk(key.as_bytes()).map_err(|_| SecretProblem::Underivable)?;
        hkdf.expand(b"campaign-store/1 fingerprint", &mut fingerprint)
            .map_err(|_| SecretProblem::Underivable)?;
        Ok(Self(fingerprint))
    }

    /// The one with these bytes, if they are as many.
    #[cfg(feature = "mongo")]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[cfg(feature = "mongo")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint([redacted])")
    }
}
