//! The sealed form of a secret.
//!
//! The text is `enc1.<key id>.<base64url of the bytes>`. The bytes, with numbers in big-endian order:
//!
//! | Offset | Length | Content |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | suite, 1: the algorithms below |
//! | 2 | 4 | key id |
//! | 6 | 24 | salt, random for each value |
//! | 30 | 32 | commitment |
//! | 62 | n | AES-256-GCM ciphertext of the text, 0x80, and zeros up to a multiple of 64 |
//! | 62+n | 16 | tag |
//!
//! HKDF-SHA256 (RFC 5869) derives the key, nonce and commitment of a value from the master key, the salt
//! and the context. Therefore no nonce is ever used twice with a key, a value opens only in the place
//! that it was sealed for, and no second key opens it to another text. The padding hides the length.

use std::ops::Range;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::keyring::MasterKey;
use super::{KeyId, KeyState, Keyring, SecretPlace};
use crate::collection::Collection;
use crate::error::SecretProblem;

const PREFIX: &str = "enc1.";
const HEADER: [u8; 2] = [1, 1];
pub(super) const KEY_ID: Range<usize> = 2..6;
pub(super) const SALT: Range<usize> = 6..30;
pub(super) const COMMITMENT: Range<usize> = 30..62;
pub(super) const HEAD: usize = 62;
pub(super) const TAG: usize = 16;
const BLOCK: usize = 64;
/// The largest sealed text that is parsed, in bytes. The largest secret needs less.
const MAX_TEXT: usize = 32 * 1024;

/// Whether a stored text has the prefix of a sealed value.
pub(crate) fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// What a value under this key begins with.
pub(super) fn prefix(key: KeyId) -> String {
    format!("{PREFIX}{key}.")
}

/// The key that a sealed text names, whether it opens or not.
pub(super) fn key_of(text: &str) -> Option<KeyId> {
    text.strip_prefix(PREFIX)?.split_once('.')?.0.parse().ok()
}

/// Seals a text with the primary key. `random` fills the salt.
pub(crate) fn seal(
    ring: &Keyring,
    place: SecretPlace,
    text: &str,
    random: impl FnOnce(&mut [u8]) -> Result<(), SecretProblem>,
) -> Result<String, SecretProblem> {
    let id = ring.primary();
    let (_, key) = ring.get(id).ok_or(SecretProblem::UnknownKey(id.get()))?;
    let padded = (text.len() / BLOCK + 1) * BLOCK;
    let mut bytes = Vec::with_capacity(HEAD + padded + TAG);
    bytes.extend(HEADER);
    bytes.extend(id.get().to_be_bytes());
    let mut salt = [0; SALT.end - SALT.start];
    random(&mut salt)?;
    bytes.extend(salt);
    let context = context(id, place);
    let derived = Derived::from(key, &salt, &context)?;
    bytes.extend(derived.commitment());

    bytes.extend(text.as_bytes());
    bytes.push(0x80);
    bytes.resize(HEAD + padded, 0);
    // Encrypted in place, so there is no copy of the text to wipe.
    let body = bytes.get_mut(HEAD..).ok_or(SecretProblem::OutOfBounds)?;
    let tag = derived
        .cipher()?
        .encrypt_inout_detached(&derived.nonce()?, &context, body.into())
        .map_err(|_| SecretProblem::OutOfBounds)?;
    bytes.extend(tag);
    let mut sealed = prefix(id);
    BASE64_URL_SAFE_NO_PAD.encode_string(bytes, &mut sealed);
    Ok(sealed)
}

/// Opens a sealed text, and returns the id of its key and the text.
pub(crate) fn open(
    ring: &Keyring,
    place: SecretPlace,
    text: &str,
) -> Result<(KeyId, Zeroizing<String>), SecretProblem> {
    let (id, bytes) = parse(text)?;
    // It is decrypted in place, so it will hold the text.
    let mut bytes = Zeroizing::new(bytes);
    let key = match ring.get(id) {
        None => return Err(SecretProblem::UnknownKey(id.get())),
        Some((KeyState::Disabled, _)) => return Err(SecretProblem::KeyDisabled(id.get())),
        Some((_, key)) => key,
    };
    let (head, body) = bytes.split_at_mut_checked(HEAD).ok_or(SecretProblem::Malformed)?;
    let (body, tag) = body.split_last_chunk_mut::<TAG>().ok_or(SecretProblem::Malformed)?;
    let (Some(salt), Some(commitment)) = (head.get(SALT), head.get(COMMITMENT)) else {
        return Err(SecretProblem::Malformed);
    };
    let context = context(id, place);
    let derived = Derived::from(key, salt, &context)?;
    let cipher = derived.cipher()?;
    let decrypted =
        cipher.decrypt_inout_detached(&derived.nonce()?, &context, (&mut *body).into(), &Tag::from(*tag));
    // Both are always checked, and both failures give the same error.
    let is_committed = bool::from(derived.commitment().ct_eq(commitment));
    if decrypted.is_err() || !is_committed {
        return Err(SecretProblem::NotAuthentic);
    }
    let end = body.iter().rposition(|byte| *byte != 0).filter(|end| body.get(*end) == Some(&0x80));
    let plain = end.and_then(|end| body.get(..end)).and_then(|plain| std::str::from_utf8(plain).ok());
    plain.map(|plain| (id, Zeroizing::new(plain.to_owned()))).ok_or(SecretProblem::Malformed)
}

/// Parses the key id and the bytes of a sealed text. Only the canonical form is accepted.
fn parse(text: &str) -> Result<(KeyId, Vec<u8>), SecretProblem> {
    if text.len() > MAX_TEXT {
        return Err(SecretProblem::Malformed);
    }
    let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.'));
    let (id, bytes) = parts.ok_or(SecretProblem::Malformed)?;
    let id: KeyId = id.parse().map_err(|_| SecretProblem::Malformed)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(bytes).map_err(|_| SecretProblem::Malformed)?;
    let body = bytes.len().checked_sub(HEAD + TAG).ok_or(SecretProblem::Malformed)?;
    let is_well_formed = bytes.starts_with(&HEADER)
        && bytes.get(KEY_ID) == Some(&id.get().to_be_bytes())
        && body > 0
        && body.is_multiple_of(BLOCK);
    if is_well_formed { Ok((id, bytes)) } else { Err(SecretProblem::Malformed) }
}

/// The context that a value is bound to: the header and the place. Each part of the place has its length
/// in front, so no two places give the same bytes. The name of the database is not part of it, since a
/// backup can be restored under another name.
fn context(id: KeyId, place: SecretPlace) -> Vec<u8> {
    const OBJECT_ID: u8 = 0x07;
    let (mailbox, owner) = (place.mailbox.as_object_id().bytes(), place.owner.as_object_id().bytes());
    let mut context = Vec::with_capacity(96);
    context.extend(b"campaign-store/1");
    context.extend(HEADER);
    context.extend(id.get().to_be_bytes());
    let mut part = |bytes: &[u8]| {
        // All parts are short.
        context.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
        context.extend(bytes);
    };
    part(Collection::Mailboxes.name().as_bytes());
    part(&[OBJECT_ID]);
    part(&mailbox);
    part(place.field.as_str().as_bytes());
    part(&owner);
    context
}

/// Key, nonce and commitment of one value.
pub(super) struct Derived(Zeroizing<[u8; 76]>);

impl Derived {
    pub(super) fn from(key: &MasterKey, salt: &[u8], context: &[u8]) -> Result<Self, SecretProblem> {
        let mut okm = Zeroizing::new([0; 76]);
        // A master key is uniform, so the extract step is skipped (RFC 5869, section 3.3). 32 bytes are
        // enough for a key, and 76 bytes are below the limit of the output.
        let hkdf = Hkdf::<Sha256>::from_prk(key.as_bytes()).map_err(|_| SecretProblem::Underivable)?;
        hkdf.expand_multi_info(&[b"key+nonce+commit", salt, context], okm.as_mut_slice())
            .map_err(|_| SecretProblem::Underivable)?;
        Ok(Self(okm))
    }

    pub(super) fn cipher(&self) -> Result<Aes256Gcm, SecretProblem> {
        let key = self.0.get(..32).ok_or(SecretProblem::Malformed)?;
        Aes256Gcm::new_from_slice(key).map_err(|_| SecretProblem::Malformed)
    }

    pub(super) fn nonce(&self) -> Result<Nonce<aes_gcm::aead::consts::U12>, SecretProblem> {
        let nonce = self.0.get(32..44).ok_or(SecretProblem::Malformed)?;
        nonce.try_into().map_err(|_| SecretProblem::Malformed)
    }

    pub(super) fn commitment(&self) -> &[u8] {
        self.0.get(44..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
