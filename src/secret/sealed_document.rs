//! Sealed documents: quarantined documents that cannot be read.
//!
//! | Offset | Length | Content |
//! |---|---|---|
//! | 0 | 2 | version 1, suite 3; suite 2 is the same without padding |
//! | 2 | 4 | key id, big endian |
//! | 6 | 24 | salt, random |
//! | 30 | 32 | commitment |
//! | 62 | n | AES-256-GCM ciphertext of the document, 0x80, and zeros up to a multiple of 1,024 |
//! | 62+n | 16 | tag |
//!
//! Key, nonce and commitment are derived as for the [secrets of mailboxes](super::envelope). The padding hides
//! the length of the document, and so that of the passwords in it.

use aes_gcm::aead::AeadInOut;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::envelope::{COMMITMENT, Derived, HEAD, KEY_ID, SALT, TAG};
use super::{KeyId, KeyState, Keyring};
use crate::error::SecretProblem;

const HEADER: [u8; 2] = [1, 3];
/// Of version 0.1.
const UNPADDED: [u8; 2] = [1, 2];
const BLOCK: usize = 1_024;
const END: u8 = 0x80;

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
    let context = context(HEADER, id, place);
    let derived = Derived::from(key, &salt, &context)?;
    let padded = (document.len() / BLOCK + 1) * BLOCK;
    // Room for the tag, since growing would leave a copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(padded + TAG));
    body.extend(document);
    body.push(END);
    body.resize(padded, 0);
    derived
        .cipher()?
        .encrypt_in_place(&derived.nonce()?, &context, &mut *body)
        .map_err(|_| SecretProblem::OutOfBounds)?;
    Ok([&HEADER[..], &id.get().to_be_bytes(), &salt, derived.commitment(), &body].concat())
}

/// Opens a document that was sealed for this place, and returns the id of its key and the document.
pub(super) fn open(
    ring: &Keyring,
    place: &[u8],
    sealed: &[u8],
) -> Result<(KeyId, Zeroizing<Vec<u8>>), SecretProblem> {
    let header = [HEADER, UNPADDED].into_iter().find(|header| sealed.starts_with(header));
    let (Some(header), Some(id), Some(salt), Some(commitment), Some(body)) =
        (header, key_of(sealed), sealed.get(SALT), sealed.get(COMMITMENT), sealed.get(HEAD..))
    else {
        return Err(SecretProblem::Malformed);
    };
    let key = match ring.get(id) {
        None => return Err(SecretProblem::UnknownKey(id.get())),
        Some((KeyState::Disabled, _)) => return Err(SecretProblem::KeyDisabled(id.get())),
        Some((_, key)) => key,
    };
    let context = context(header, id, place);
    let derived = Derived::from(key, salt, &context)?;
    let mut body = Zeroizing::new(body.to_vec());
    let decrypted = derived.cipher()?.decrypt_in_place(&derived.nonce()?, &context, &mut *body);
    let is_committed = bool::from(derived.commitment().ct_eq(commitment));
    if decrypted.is_err() || !is_committed {
        return Err(SecretProblem::NotAuthentic);
    }
    if header == HEADER {
        let end = body.iter().rposition(|byte| *byte != 0).filter(|end| body.get(*end) == Some(&END));
        body.truncate(end.ok_or(SecretProblem::Malformed)?);
    }
    Ok((id, body))
}

/// The key that a sealed document names, whether it opens or not.
pub(super) fn key_of(sealed: &[u8]) -> Option<KeyId> {
    sealed.get(KEY_ID)?.try_into().ok().map(u32::from_be_bytes).and_then(KeyId::new)
}

/// The context that a document is bound to.
fn context(header: [u8; 2], id: KeyId, place: &[u8]) -> Vec<u8> {
    [b"campaign-store/1", &header[..], &id.get().to_be_bytes(), place].concat()
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
    fn the_length_of_a_document_is_not_shown() {
        let ring = Keyring::ephemeral().unwrap();
        let len = |n| seal(&ring, b"a", &vec![7; n], fill).unwrap().len();
        assert_eq!([len(0), len(1), len(1_023)], [HEAD + 1_024 + TAG; 3]);
        assert_eq!(len(1_024), HEAD + 2_048 + TAG);
        for document in [&[0x80, 0, 0][..], &[0; 3], &[], &[7; 1_024]] {
            let sealed = seal(&ring, b"a", document, fill).unwrap();
            assert_eq!(&**open(&ring, b"a", &sealed).unwrap().1, document);
        }
    }

    /// As version 0.1 sealed them.
    #[test]
    fn documents_without_padding_open() {
        let id = KeyId::new(1).unwrap();
        let ring = Keyring::ephemeral().unwrap();
        let (_, key) = ring.get(id).unwrap();
        let (salt, context) = ([7; 24], context(UNPADDED, id, b"17"));
        let derived = Derived::from(key, &salt, &context).unwrap();
        let mut body = b"hunter2".to_vec();
        let cipher = derived.cipher().unwrap();
        cipher.encrypt_in_place(&derived.nonce().unwrap(), &context, &mut body).unwrap();
        let head = [&UNPADDED[..], &1_u32.to_be_bytes(), &salt, derived.commitment()].concat();
        let mut sealed = [head, body].concat();
        assert_eq!(&**open(&ring, b"17", &sealed).unwrap().1, b"hunter2");
        // It cannot be passed off as one with padding.
        sealed[1] = 3;
        assert_eq!(open(&ring, b"17", &sealed).unwrap_err(), SecretProblem::NotAuthentic);
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
