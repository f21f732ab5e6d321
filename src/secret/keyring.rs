//! The keys that seal and open secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use serde::{Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::KeyError;
use super::fingerprint::Fingerprint;
use crate::error::{Invalid, Problem, SecretProblem};
use crate::model::text::without_line_end;

/// The number of a key. The operator assigns it. It is never zero, and never reused for another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(NonZeroU32);

impl KeyId {
    /// The id with this number; `None` for zero.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match NonZeroU32::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = Invalid;

    /// Parses a decimal number without a sign or leading zeros.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let id = text.parse().ok().and_then(Self::new).filter(|id| id.to_string() == text);
        id.ok_or(Invalid::new("key_id", Problem::NotAnId))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.get())
    }
}

/// The permitted uses of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyState {
    /// It seals and opens.
    Primary,
    /// It only opens the values that it sealed before.
    DecryptOnly,
    /// It neither seals nor opens. Its values are refused with an error that names the key. This is the last
    /// step before a key is destroyed.
    Disabled,
}

/// One or more keys of 32 bytes. Exactly one of them is the primary key, which seals.
///
/// Its text form is `ID:BASE64,ID:BASE64:disabled,…`, with the primary key first.
///
/// ```
/// use campaign_store::Keyring;
///
/// // `openssl rand -base64 32` makes a key.
/// let ring: Keyring = "2:r0LbzWCrnJ3jVfP0vRCqIQx3O1C2bTf2k8rQeUeXh2k=,1:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
///     .parse()?;
/// assert_eq!(ring.primary().get(), 2);
/// # Ok::<(), campaign_store::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    primary: KeyId,
    keys: Arc<BTreeMap<KeyId, (KeyState, MasterKey)>>,
}

/// It is not `Clone`, so a key is in memory only once.
pub(super) struct MasterKey(Zeroizing<[u8; MasterKey::LEN]>);

impl MasterKey {
    const LEN: usize = 32;

    pub(super) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn is_equal(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Keyring {
    /// Creates a keyring with one random key, which is lost when the process ends. For tests and for the
    /// in-memory store.
    ///
    /// # Errors
    /// `Unavailable` when the operating system provides no random numbers.
    pub fn ephemeral() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; MasterKey::LEN]);
        getrandom::fill(key.as_mut_slice())
            .map_err(|_| KeyError::Unavailable("there are no random numbers".to_owned()))?;
        let id = KeyId(NonZeroU32::MIN);
        Self::of(vec![(id, KeyState::Primary, MasterKey(key))])
    }

    /// Parses entries. The first one is the primary key.
    pub(super) fn from_entries<'a>(entries: impl Iterator<Item = &'a str>) -> Result<Self, KeyError> {
        let entry = |(place, text): (usize, &str)| entry(place, text);
        Self::of(entries.enumerate().map(entry).collect::<Result<_, _>>()?)
    }

    fn of(entries: Vec<(KeyId, KeyState, MasterKey)>) -> Result<Self, KeyError> {
        let primary = match entries.first() {
            None => return Err(KeyError::Missing),
            Some((id, KeyState::Disabled, _)) => return Err(KeyError::PrimaryDisabled(*id)),
            Some((id, ..)) => *id,
        };
        let mut keys = BTreeMap::new();
        for (id, state, key) in entries {
            if key.as_bytes().windows(2).all(|pair| pair.first() == pair.last()) {
                return Err(KeyError::NotRandom(id));
            }
            if keys.contains_key(&id) {
                return Err(KeyError::SameId(id));
            }
            let same = keys.iter().find(|(_, (_, other)): &(_, &(_, MasterKey))| key.is_equal(other));
            if let Some((other, _)) = same {
                return Err(KeyError::SameKey(*other, id));
            }
            keys.insert(id, (state, key));
        }
        Ok(Self { primary, keys: Arc::new(keys) })
    }

    /// The id of the primary key, which seals.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.primary
    }

    /// The ids of all keys and their states, in the order of the ids.
    pub fn states(&self) -> impl Iterator<Item = (KeyId, KeyState)> + '_ {
        self.keys.iter().map(|(id, (state, _))| (*id, *state))
    }

    pub(super) fn get(&self, id: KeyId) -> Option<(KeyState, &MasterKey)> {
        self.keys.get(&id).map(|(state, key)| (*state, key))
    }

    /// The ids of all keys and what tells the keys apart.
    pub(super) fn fingerprints(&self) -> Result<Vec<(KeyId, Fingerprint)>, SecretProblem> {
        self.keys.iter().map(|(id, (_, key))| Ok((*id, Fingerprint::of(key)?))).collect()
    }

    /// The id of a key that has other bytes in `newer` than in this keyring.
    pub(super) fn changed_in(&self, newer: &Self) -> Option<KeyId> {
        let differs = |(id, (_, key)): &(&KeyId, &(KeyState, MasterKey))| {
            newer.get(**id).is_some_and(|(_, other)| !key.is_equal(other))
        };
        self.keys.iter().find(differs).map(|(id, _)| *id)
    }
}

impl FromStr for Keyring {
    type Err = KeyError;

    /// Parses `ID:BASE64,ID:BASE64:disabled,…`. The first key is the primary one; the others only open, or
    /// are disabled. Spaces and a line break at the end are refused.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = without_line_end(text);
        if text.is_empty() {
            return Err(KeyError::Missing);
        }
        Self::from_entries(text.split(','))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.states()).finish()
    }
}

fn entry(index: usize, text: &str) -> Result<(KeyId, KeyState, MasterKey), KeyError> {
    let malformed = || KeyError::Malformed { place: index + 1 };
    let (id, rest) = text.split_once(':').ok_or_else(malformed)?;
    let id = id.parse().map_err(|_| malformed())?;
    let (key, state) = match rest.split_once(':') {
        None if index == 0 => (rest, KeyState::Primary),
        None => (rest, KeyState::DecryptOnly),
        Some((key, "disabled")) => (key, KeyState::Disabled),
        Some(_) => return Err(malformed()),
    };
    let bytes = Zeroizing::new(Base64::decode_vec(key).map_err(|_| malformed())?);
    let mut key = Zeroizing::new([0; MasterKey::LEN]);
    if bytes.len() != key.len() {
        return Err(KeyError::WrongLength(id));
    }
    key.copy_from_slice(&bytes);
    Ok((id, state, MasterKey(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> String {
        let bytes: Vec<u8> = (0..32).map(|i| seed.wrapping_add(i)).collect();
        Base64::encode_string(&bytes)
    }

    fn refusal(text: &str) -> KeyError {
        text.parse::<Keyring>().expect_err("a refusal")
    }

    #[test]
    fn a_ring_that_could_do_harm_is_refused() {
        let (a, b) = (key(1), key(2));
        let id = |n| KeyId::new(n).unwrap();
        assert_eq!(refusal(""), KeyError::Missing);
        assert_eq!(refusal("\n"), KeyError::Missing);
        assert!(format!("1:{a}\r\n").parse::<Keyring>().is_ok(), "an environment variable from a file");
        assert_eq!(refusal(&format!("1:{a},1:{b}")), KeyError::SameId(id(1)));
        assert_eq!(refusal(&format!("2:{a},1:{a}")), KeyError::SameKey(id(2), id(1)));
        assert_eq!(refusal(&format!("1:{a}:disabled,2:{b}")), KeyError::PrimaryDisabled(id(1)));
        for len in [0, 31, 33] {
            let short = Base64::encode_string(&vec![7; len]);
            assert_eq!(refusal(&format!("1:{short}")), KeyError::WrongLength(id(1)));
        }
        for byte in [0, 0xff] {
            let same = Base64::encode_string(&[byte; 32]);
            assert_eq!(refusal(&format!("1:{same}")), KeyError::NotRandom(id(1)));
        }
        for text in [
            "0:K",
            "+1:K",
            "01:K",
            "4294967296:K",
            "1",
            "K",
            "\n1:K",
            "1:K\n,2:K",
            " 1:K",
            "1:K ",
            "1:K:off",
            "1:K,",
        ] {
            let refused = refusal(&text.replace('K', &a));
            assert!(matches!(refused, KeyError::Malformed { .. }), "{text}");
            assert!(!format!("{refused} {refused:?}").contains(&a[..8]));
        }
        assert_eq!(refusal(&format!("1:{a},2:!{}", &b[1..])), KeyError::Malformed { place: 2 });
    }

    #[test]
    fn a_ring_shows_ids_and_states_only() {
        let ring: Keyring = format!("3:{},2:{},1:{}:disabled", key(3), key(2), key(1)).parse().unwrap();
        assert_eq!(ring.primary().get(), 3);
        assert_eq!(format!("{ring:?}"), "{KeyId(1): Disabled, KeyId(2): DecryptOnly, KeyId(3): Primary}");
    }
}
