//! Rows are named by their numbers in `docs/hostile-inputs.md`.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use proptest::prelude::*;

use super::*;
use crate::model::SecretField;

const KEYS: [u32; 3] = [2, 1, 3];

/// Key 2 is primary, key 1 only opens, and key 3 is disabled. The bytes of key `n` follow from `n`.
fn ring() -> Keyring {
    ring_of(KEYS[0])
}

/// The same keys with another primary key.
fn ring_of(primary: u32) -> Keyring {
    let entry = |id: u32, state: &str| {
        let bytes: Vec<u8> = (0..32).map(|place| u8::try_from(id).unwrap() * 41 + place).collect();
        format!("{id}:{}{state}", Base64::encode_string(&bytes))
    };
    let state = |id| if id == 3 && primary != 3 { ":disabled" } else { "" };
    let others = KEYS.into_iter().filter(|id| *id != primary);
    let entries: Vec<_> = [primary].into_iter().chain(others).map(|id| entry(id, state(id))).collect();
    entries.join(",").parse().unwrap()
}

const TOKEN: &str = "ya29.a0AfH6";

fn place() -> SecretPlace {
    let id = |byte| bson::oid::ObjectId::from_bytes([byte; 12]);
    SecretPlace { mailbox: id(0x11).into(), owner: id(0x22).into(), field: SecretField::AccessToken }
}

fn random(bytes: &mut [u8]) -> Result<(), SecretProblem> {
    getrandom::fill(bytes).map_err(|_| SecretProblem::NoRandomness)
}

fn sealed(primary: u32, text: &str) -> String {
    seal(&ring_of(primary), place(), text, random).unwrap()
}

fn opened(text: &str) -> Result<String, SecretProblem> {
    open(&ring(), place(), text).map(|(_, text)| text.to_string())
}

fn bytes_of(sealed: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(sealed.rsplit('.').next().unwrap()).unwrap()
}

fn text_of(id: u32, bytes: &[u8]) -> String {
    format!("enc1.{id}.{}", Base64UrlUnpadded::encode_string(bytes))
}

/// A value that key 2 sealed, with changed bytes.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = bytes_of(&sealed(2, TOKEN));
    change(&mut bytes);
    text_of(2, &bytes)
}

fn set(at: usize, value: u8) -> String {
    changed(|bytes| bytes[at] = value)
}

/// An authentic value around a body that no text gives.
fn around(body: &[u8]) -> String {
    let (ring, id) = (ring(), KeyId::new(2).unwrap());
    let (salt, context) = ([7; 24], context(id, place()));
    let derived = Derived::from(ring.get(id).unwrap().1, &salt, &context).unwrap();
    let mut body = body.to_vec();
    derived.cipher().unwrap().encrypt_in_place(&derived.nonce().unwrap(), &context, &mut body).unwrap();
    let head = [&HEADER[..], &2_u32.to_be_bytes(), &salt, derived.commitment()].concat();
    text_of(2, &[head, body].concat())
}

/// Computed by another implementation, Python's `hmac` and `cryptography`.
#[test]
fn the_form_is_pinned() {
    let golden = concat!(
        "enc1.1.AQEAAAABAAECAwQFBgcICQoLDA0ODxAREhMUFRYXc6C-ojeS4Rk221k04B1fpp5P",
        "UELb3vxWcMa_cZBv0Yj05-cNcEqv7AOAockgBtfSk86FE8wZaDdU0Y2TxKycxkXG",
        "qZVqhd3pOXce8MvosBO5ezMf4xw8DL1CPQAwZ8fgd-eVdyhVuTpqhJUxqzi3Zg",
    );
    let salt = |bytes: &mut [u8]| {
        bytes.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
        Ok(())
    };
    assert_eq!(seal(&ring_of(1), place(), TOKEN, salt).unwrap(), golden);
    assert_eq!(opened(golden).unwrap(), TOKEN);
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn a_damaged_value_is_refused() {
    use SecretProblem::{KeyDisabled, Malformed, NotAuthentic, UnknownKey};
    let valid = sealed(2, TOKEN);
    let bytes = bytes_of(&valid);
    let other = bytes_of(&sealed(1, TOKEN));
    let with_key = |id: u32| changed(|bytes| bytes[KEY_ID].copy_from_slice(&id.to_be_bytes()));
    let renamed = |id: u32| with_key(id).replacen(".2.", &format!(".{id}."), 1);
    let rows = [
        ("1: nothing", String::new(), Malformed),
        ("1: a prefix alone", "enc1.".into(), Malformed),
        ("1: no bytes", "enc1.2.".into(), Malformed),
        ("3: a byte more", changed(|bytes| bytes.push(0)), Malformed),
        ("4: a block of zeros more", changed(|bytes| bytes.extend([0; 64])), NotAuthentic),
        ("6: version 0", set(0, 0), Malformed),
        ("6: version 2", set(0, 2), Malformed),
        ("6: version 255", set(0, 255), Malformed),
        ("7: suite 0", set(1, 0), Malformed),
        ("7: suite 2", set(1, 2), Malformed),
        ("7: suite 255", set(1, 255), Malformed),
        ("8: key 0", renamed(0), Malformed),
        ("9: an unknown key", renamed(9), UnknownKey(9)),
        ("9: the last key", renamed(u32::MAX), UnknownKey(u32::MAX)),
        ("10: a disabled key", sealed(3, TOKEN), KeyDisabled(3)),
        ("11: another known key", renamed(1), NotAuthentic),
        (
            "12: commitment of another key",
            changed(|b| b[COMMITMENT].copy_from_slice(&other[COMMITMENT])),
            NotAuthentic,
        ),
        ("13: a commitment to nothing", changed(|b| b[COMMITMENT].fill(0)), NotAuthentic),
        ("14: no tag", changed(|b| b.truncate(b.len() - TAG)), Malformed),
        (
            "14: a tag of zeros",
            changed(|b| {
                let tag = b.len() - TAG;
                b[tag..].fill(0);
            }),
            NotAuthentic,
        ),
        ("14: a tag of 12 bytes", changed(|b| b.truncate(b.len() - 4)), Malformed),
        ("15: the salt of another", changed(|b| b[SALT].copy_from_slice(&other[SALT])), NotAuthentic),
        ("16: no padding", around(&[b'x'; 64]), Malformed),
        ("16: zeros alone", around(&[0; 64]), Malformed),
        ("16: no text", around(&[&[0xff, 0x80][..], &[0; 62]].concat()), Malformed),
        ("16: no body", around(&[]), Malformed),
        ("18: 16 MiB", format!("enc1.2.{}", "A".repeat(16 << 20)), Malformed),
        ("19: another key in the text", valid.replacen(".2.", ".1.", 1), Malformed),
        ("19: another key in the bytes", with_key(1), Malformed),
        ("23: padding", format!("{valid}=="), Malformed),
        ("23: a line break", format!("{valid}\n"), Malformed),
        ("23: a space", valid.replacen(".2.", ".2. ", 1), Malformed),
        ("23: the other alphabet", format!("enc1.2.{}", Base64::encode_string(&bytes)), Malformed),
        ("23: upper case", valid.replacen("enc1", "ENC1", 1), Malformed),
        ("23: a space in front", format!(" {valid}"), Malformed),
        ("23: no dot", valid.replacen(".2.", ".2", 1), Malformed),
        ("23: a part more", format!("{valid}.{valid}"), Malformed),
        ("23: key +2", valid.replacen(".2.", ".+2.", 1), Malformed),
        ("23: key 02", valid.replacen(".2.", ".02.", 1), Malformed),
        ("23: key -2", valid.replacen(".2.", ".-2.", 1), Malformed),
        ("23: no key", valid.replacen(".2.", "..", 1), Malformed),
        ("23: key 2^32", valid.replacen(".2.", ".4294967296.", 1), Malformed),
        ("23: a NUL", format!("{valid}\0"), Malformed),
        ("23: another version's prefix", valid.replacen("enc1", "enc2", 1), Malformed),
    ];
    for (row, text, expected) in rows {
        assert_eq!(opened(&text), Err(expected), "{row}");
    }
    assert_eq!(opened(&valid).as_deref(), Ok(TOKEN));
}

/// Only 4 bits of the last character of 142 bytes are used.
#[test]
fn a_last_character_with_other_bits_is_refused() {
    let valid = sealed(2, TOKEN);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let same =
        alphabet.chars().filter(|last| opened(&format!("{}{last}", &valid[..valid.len() - 1])).is_ok());
    assert_eq!(same.count(), 1, "23");
}

#[test]
fn every_prefix_and_every_flipped_bit_is_refused() {
    let valid = sealed(2, TOKEN);
    for len in 0..valid.len() {
        assert!(opened(&valid[..len]).is_err(), "2: {len} characters");
    }
    let bytes = bytes_of(&valid);
    for len in 0..bytes.len() {
        assert!(opened(&text_of(2, &bytes[..len])).is_err(), "2: {len} bytes");
    }
    for bit in 0..bytes.len() * 8 {
        let flipped = changed(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert!(opened(&flipped).is_err(), "5: bit {bit}");
    }
}

#[test]
fn a_value_opens_in_its_own_place_alone() {
    let (id, valid) = (KeyId::new(2).unwrap(), sealed(2, TOKEN));
    let other = bson::oid::ObjectId::from_bytes([0x33; 12]);
    let swapped = SecretPlace {
        mailbox: place().owner.as_object_id().into(),
        owner: place().mailbox.as_object_id().into(),
        ..place()
    };
    let rows = [
        ("24: password", SecretPlace { field: SecretField::Password, ..place() }),
        ("24: refresh token", SecretPlace { field: SecretField::RefreshToken, ..place() }),
        ("25: another mailbox", SecretPlace { mailbox: other.into(), ..place() }),
        ("28: another owner", SecretPlace { owner: other.into(), ..place() }),
        ("29: mailbox and owner exchanged", swapped),
    ];
    for (row, elsewhere) in rows {
        assert_eq!(open(&ring(), elsewhere, &valid).unwrap_err(), SecretProblem::NotAuthentic, "{row}");
        assert_ne!(context(id, elsewhere), context(id, place()), "{row}");
    }
    assert_eq!(opened(&valid).as_deref(), Ok(TOKEN), "31: as often as it is asked for");
}

/// 26, 27 and 29: the collection and the type of the id are bound too, and no part runs into the next.
#[test]
fn the_context_has_every_part_after_its_length() {
    let context = context(KeyId::new(2).unwrap(), place());
    let expected = [
        &b"campaign-store/1\x01\x01\0\0\0\x02\0\x09mailboxes\0\x01\x07\0\x0c"[..],
        &[0x11; 12],
        b"\0\x0caccess_token\0\x0c",
        &[0x22; 12],
    ];
    assert_eq!(context, expected.concat());
}

#[test]
fn the_length_is_hidden_in_steps_of_64() {
    for (len, expected) in
        [(0, 142), (1, 142), (63, 142), (64, 206), (127, 206), (2_048, 2_190), (16_384, 16_526)]
    {
        let sealed = sealed(2, &"x".repeat(len));
        assert_eq!(bytes_of(&sealed).len(), expected, "{len}");
        assert!(sealed.len() <= MAX_TEXT, "17: the largest secret opens");
        assert_eq!(opened(&sealed).unwrap().len(), len);
    }
}

#[test]
fn no_two_of_many_values_are_alike() {
    let ring = ring();
    let salts: std::collections::HashSet<Vec<u8>> = (0..1 << 14)
        .map(|_| bytes_of(&seal(&ring, place(), TOKEN, random).unwrap())[SALT].to_vec())
        .collect();
    assert_eq!(salts.len(), 1 << 14, "43");
}

#[test]
fn without_random_numbers_nothing_is_sealed() {
    let refused = seal(&ring(), place(), TOKEN, |_| Err(SecretProblem::NoRandomness));
    assert_eq!(refused, Err(SecretProblem::NoRandomness), "44");
}

proptest! {
    #[test]
    fn any_text_opens_to_itself(text in proptest::collection::vec(any::<char>(), 0..500)) {
        let text: String = text.into_iter().collect();
        prop_assert_eq!(opened(&sealed(2, &text)).unwrap(), text);
    }

    #[test]
    fn any_change_is_refused(text in "\\PC{0,200}", at: prop::sample::Index, mask in 1_u8..) {
        let mut bytes = bytes_of(&sealed(2, &text));
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        prop_assert!(opened(&text_of(2, &bytes)).is_err());
    }

    #[test]
    fn any_other_place_is_refused(mailbox: [u8; 12], owner: [u8; 12], field in 0..3_usize) {
        let [mailbox, owner] = [mailbox, owner].map(bson::oid::ObjectId::from_bytes);
        let elsewhere = SecretPlace { mailbox: mailbox.into(), owner: owner.into(), field: SecretField::ALL[field] };
        let opened = open(&ring(), elsewhere, &sealed(2, TOKEN));
        prop_assert_eq!(opened.unwrap_err(), SecretProblem::NotAuthentic);
    }

    #[test]
    fn any_text_that_nobody_sealed_is_refused(text in "enc1\\.[0-9]{1,2}\\.[A-Za-z0-9_-]{190}|\\PC{0,300}") {
        prop_assert!(opened(&text).is_err());
    }
}
