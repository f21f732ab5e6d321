//! Sealed documents: quarantined documents that cannot be read.
//!
//! | Offset | Length | Content |
//! |---|---|---|
//! | 0 | 2 | version 1, suite 2 |
//! | 2 | 4 | key id, big endian |
//! | 6 | 24 | salt, random |
//! | 30 | 32 | commitment |
//! | 62 | n | AES-256-GCM ciphertext of the document |
//! | 62+n | 16 | tag |
//!
//! Key, nonce and commitment are derived as for the [secrets of mailboxes](super::envelope).

use aes_gcm::aead::AeadInOut;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::envelope::{COMMITMENT, Derived, HEAD, KEY_ID, SALT};
use super::{KeyId, KeyState, Keyring};
use crate::error::SecretProblem;

const HEADER: [u8; 2] = [1, 2];

/// Seals a document for its place with the primary key. `random` fills the salt.
pub(super) fn seal(
    ring: &Keyring,
    place: &[u8],
    document: &[u8],
    random: impl FnOnce(&mut [u8]) -> Result<(), SecretProblem>,
) -> Result<Vec<u8>, SecretProblem> {
    let id = ring.primary();
    let (_, key) = ring.get(id).ok_or(SecretProblem::UnknownKey(id.get()))?;
    let mut salt = [0; SALT.end - SALT.start];
    random(&mut salt)?;
    let context = context(id, place);
    let derived = Derived::from(key, &salt, &context);
    let mut body = document.to_vec();
    derived
        .cipher()?
        .encrypt_in_place(&derived.nonce()?, &context, &mut body)
        .map_err(|_| SecretProblem::OutOfBounds)?;
    Ok([&HEADER[..], &id.get().to_be_bytes(), &salt, derived.commitment(), &body].concat())
}

/// Opens a document that was sealed for this place, and returns the id of its key and the document.
pub(super) fn open(
    ring: &Keyring,
    place: &[u8],
    sealed: &[u8],
) -> Result<(KeyId, Zeroizing<Vec<u8>>), SecretProblem> {
    let id = sealed.get(KEY_ID).and_then(|id| <[u8; 4]>::try_from(id).ok()).map(u32::from_be_bytes);
    let id = id.filter(|_| sealed.starts_with(&HEADER)).and_then(KeyId::new);
    let (Some(id), Some(salt), Some(commitment), Some(body)) =
        (id, sealed.get(SALT), sealed.get(COMMITMENT), sealed.get(HEAD..))
    else {
        return Err(SecretProblem::Malformed);
    };
    let key = match ring.get(id) {
        None => return Err(SecretProblem::UnknownKey(id.get())),
        Some((KeyState::Disabled, _)) => return Err(SecretProblem::KeyDisabled(id.get())),
        Some((_, key)) => key,
    };
    let context = context(id, place);
    let derived = Derived::from(key, salt, &context);
    let mut body = Zeroizing::new(body.to_vec());
    let decrypted = derived.cipher()?.decrypt_in_place(&derived.nonce()?, &context, &mut *body);
    let is_committed = bool::from(derived.commitment().ct_eq(commitment));
    if decrypted.is_ok() && is_committed { Ok((id, body)) } else { Err(SecretProblem::NotAuthentic) }
}

/// The context that a document is bound to.
fn context(id: KeyId, place: &[u8]) -> Vec<u8> {
    [b"campaign-store/1", &HEADER[..], &id.get().to_be_bytes(), place].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(bytes: &mut [u8]) -> Result<(), SecretProblem> {
        getrandom::fill(bytes).map_err(|_| SecretProblem::NoRandomness)
    }

    #[test]
    fn a_document_opens_in_its_place_only() {
        let ring = Keyring::ephemeral().unwrap();
        let sealed = seal(&ring, b"17", b"hunter2", fill).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(&**open(&ring, b"17", &sealed).unwrap().1, b"hunter2");
        for place in ["18", "171", ""] {
            assert_eq!(open(&ring, place.as_bytes(), &sealed).unwrap_err(), SecretProblem::NotAuthentic);
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let ring = Keyring::ephemeral().unwrap();
        let sealed = seal(&ring, b"a", b"", fill).unwrap();
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert!(open(&ring, b"a", &changed).is_err(), "{byte}");
            assert!(open(&ring, b"a", &sealed[..byte]).is_err(), "{byte}");
        }
        let other = Keyring::ephemeral().unwrap();
        assert_eq!(open(&other, b"a", &sealed).unwrap_err(), SecretProblem::NotAuthentic);
    }
}
