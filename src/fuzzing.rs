//! The bodies of the fuzz targets in `tests/fuzz`, which `tests/secrets` runs with random input. Each body
//! accepts any input, and panics if a property does not hold. Not part of the API.
#![expect(clippy::expect_used, reason = "a body fails by a panic")]

use std::str::from_utf8;

use bson::oid::ObjectId;
use bson::raw::RawDocument;

use crate::document::Decode;
use crate::error::{Error, SecretProblem};
use crate::model::{
    Campaign, CampaignMetrics, EmailTracking, LoginAttempt, LoginId, Mailbox, SecretField, User,
};
use crate::secret::envelope;
use crate::secret::{Keyring, PasswordHash, SealedCredentials, SecretPlace, StoredLogin};

/// Only sealed values open. A sealed value opens to its text, and does not open after any change.
pub fn envelope(input: &[u8]) {
    let ring = Keyring::ephemeral().expect("random numbers");
    let id = ObjectId::from_bytes([7; 12]);
    let place = SecretPlace::new(id.into(), id.into(), SecretField::Password);
    let Ok(text) = from_utf8(input) else { return };
    for foreign in [text.to_owned(), format!("enc1.1.{text}")] {
        assert!(envelope::open(&ring, place, &foreign).is_err());
    }
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| SecretProblem::NoRandomness);
    // Longer texts are refused before they are sealed.
    let Ok(sealed) = envelope::seal(&ring, place, text, random) else { return };
    if sealed.len() <= 32 * 1024 {
        let (_, opened) = envelope::open(&ring, place, &sealed).expect("what was just sealed");
        assert_eq!(*opened, text);
    }
    let at = input.iter().map(|byte| usize::from(*byte)).sum::<usize>() % sealed.len();
    let other = if sealed.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" };
    let mut changed = sealed;
    changed.replace_range(at..=at, other);
    assert!(envelope::open(&ring, place, &changed).is_err());
}

/// An accepted hash has one form, which is within the bounds.
pub fn password_hash(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    for text in [text.to_owned(), format!("$argon2id$v=19${text}")] {
        if let Some(hash) = PasswordHash::parse(&text) {
            assert_eq!(hash.to_stored(), text);
            assert!(text.len() <= 256);
        }
    }
}

/// Normalising a login id is idempotent and keeps the bounds, and any text can be tried.
pub fn login_id(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let attempt = LoginAttempt::new(&*text, &*text);
    assert_eq!(format!("{attempt:?}"), "LoginAttempt([redacted])");
    assert!(!attempt.login_id().as_str().is_empty());
    if let Ok(login_id) = LoginId::new(&*text) {
        assert!(login_id.as_str().len() <= LoginId::MAX_LEN);
        assert!(!login_id.as_str().contains(|c: char| c.is_control() || c.is_whitespace()));
        assert_eq!(LoginId::new(login_id.as_str()).as_ref(), Ok(&login_id));
        assert_eq!(attempt.login_id(), &login_id);
    }
}

/// Any document gives a record, or an error that does not repeat its values.
pub fn document(input: &[u8]) {
    let Ok(document) = RawDocument::from_bytes(input) else { return };
    decode::<User>(document);
    decode::<StoredLogin>(document);
    decode::<Mailbox>(document);
    decode::<SealedCredentials>(document);
    decode::<Campaign>(document);
    decode::<CampaignMetrics>(document);
    decode::<EmailTracking>(document);
}

fn decode<T: Decode>(document: &RawDocument) {
    if let Err(error) = T::decode(document) {
        assert!(matches!(error, Error::Corrupt { .. }));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
