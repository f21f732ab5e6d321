//! Password hashes in the PHC string format, `$argon2id$v=19$m=…,t=…,p=…$SALT$TAG`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64Unpadded, Encoding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::PasswordPolicy;
use crate::model::normalised;

const SALT_LEN: usize = 16;
const TAG_LEN: usize = 32;
const PREFIX: &str = "$argon2id$v=19$";

/// A hash that is safe to compute: its form and its bounds have been checked.
#[derive(Clone)]
pub(crate) struct PasswordHash {
    policy: PasswordPolicy,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl PasswordHash {
    /// Hashes a password. `None` if there is not enough memory or no randomness.
    pub(super) fn new(policy: PasswordPolicy, password: &str) -> Option<Self> {
        let mut hash = Self { policy, salt: random(SALT_LEN)?, tag: vec![0; TAG_LEN] };
        hash.tag = hash.compute(password)?.to_vec();
        Some(hash)
    }

    /// A hash that no password has. Comparing with it takes as much work as with any other.
    pub(super) fn dummy(policy: PasswordPolicy) -> Option<Self> {
        Some(Self { policy, salt: random(SALT_LEN)?, tag: random(TAG_LEN)? })
    }

    /// Parses a stored hash. `None` unless it is argon2id of version 19, with each parameter once, in order
    /// and within the bounds. Other parameters are never computed.
    pub(crate) fn parse(stored: &str) -> Option<Self> {
        const MAX_LEN: usize = 256;
        if stored.len() > MAX_LEN {
            return None;
        }
        let mut parts = stored.strip_prefix(PREFIX)?.split('$');
        let (params, salt, tag) = (parts.next()?, parts.next()?, parts.next()?);
        let mut params = params.split(',');
        let mut param = |name: &str| -> Option<u32> {
            let digits = params.next()?.strip_prefix(name)?.strip_prefix('=')?;
            digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
        };
        let policy = PasswordPolicy { memory_kib: param("m")?, passes: param("t")?, lanes: param("p")? };
        let bytes = |text| Base64Unpadded::decode_vec(text).ok();
        let hash = Self { policy, salt: bytes(salt)?, tag: bytes(tag)? };
        let is_complete = params.next().is_none() && parts.next().is_none();
        let is_bounded = policy.may_be_computed()
            && (8..=64).contains(&hash.salt.len())
            && (16..=64).contains(&hash.tag.len());
        (is_complete && is_bounded).then_some(hash)
    }

    /// The stored form.
    pub(crate) fn to_stored(&self) -> String {
        let PasswordPolicy { memory_kib, passes, lanes } = self.policy;
        let (salt, tag) =
            (Base64Unpadded::encode_string(&self.salt), Base64Unpadded::encode_string(&self.tag));
        format!("{PREFIX}m={memory_kib},t={passes},p={lanes}${salt}${tag}")
    }

    /// The parameters that it was computed with.
    pub(super) fn policy(&self) -> PasswordPolicy {
        self.policy
    }

    /// Whether it is the hash of this password. `None` if there is not enough memory.
    pub(super) fn is_of(&self, password: &str) -> Option<bool> {
        Some(self.compute(password)?.ct_eq(&self.tag).into())
    }

    /// Whether `policy` requires a stronger hash.
    pub(super) fn is_outgrown_by(&self, policy: PasswordPolicy) -> bool {
        policy.outgrows(self.policy)
            || policy == self.policy && (self.salt.len() < SALT_LEN || self.tag.len() < TAG_LEN)
    }

    fn compute(&self, password: &str) -> Option<Zeroizing<Vec<u8>>> {
        let PasswordPolicy { memory_kib, passes, lanes } = self.policy;
        let params = Params::new(memory_kib, passes, lanes, Some(self.tag.len())).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut tag = Zeroizing::new(vec![0; self.tag.len()]);
        argon2.hash_password_into(normalised(password).as_bytes(), &self.salt, &mut tag).ok()?;
        Some(tag)
    }
}

fn random(len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordPolicy = PasswordPolicy::insecure_for_tests();

    #[test]
    fn a_hash_is_stored_and_read_back() {
        let hash = PasswordHash::new(CHEAP, "correct horse").unwrap();
        let stored = hash.to_stored();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        let read = PasswordHash::parse(&stored).unwrap();
        assert_eq!(read.is_of("correct horse"), Some(true));
        assert_eq!(read.is_of("correct horsf"), Some(false));
        assert_ne!(PasswordHash::new(CHEAP, "correct horse").unwrap().to_stored(), stored, "each has a salt");
    }

    /// Computed by the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 64 -p 1 -l 24 -e`.
    #[test]
    fn it_is_argon2id() {
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert_eq!(PasswordHash::parse(stored).unwrap().is_of("password"), Some(true));
    }

    #[test]
    fn passwords_differ_in_every_byte_and_not_in_their_unicode_form() {
        let hash = |password: &str| PasswordHash::new(CHEAP, password).unwrap();
        let long = "x".repeat(73);
        for (one, other, is_same) in [
            ("caf\u{e9} latte", "cafe\u{301} latte", true),
            ("password ", "password", false),
            ("pass\0word", "pass", false),
            (long.as_str(), &long[..72], false),
        ] {
            assert_eq!(hash(one).is_of(other), Some(is_same), "{one:?}");
        }
        let expanding = "\u{fdfa}".repeat(341);
        assert_eq!(hash(&expanding).is_of(&expanding), Some(true));
    }

    const SALT: &str = "c29tZXNhbHRzYWx0c2FsdA";
    const TAG: &str = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    fn good(params: &str) -> String {
        format!("$argon2id$v=19${params}${SALT}${TAG}")
    }

    #[test]
    fn parameters_out_of_bounds_are_never_obeyed() {
        assert!(PasswordHash::parse(&good("m=19456,t=2,p=1")).is_some());
        for params in [
            "m=4294967295,t=2,p=1",
            "m=1073741824,t=2,p=1",
            "m=262145,t=2,p=1",
            "m=7,t=1,p=1",
            "m=8,t=1,p=2",
            "m=19456,t=0,p=1",
            "m=19456,t=17,p=1",
            "m=19456,t=4294967295,p=1",
            "m=19456,t=2,p=0",
            "m=19456,t=2,p=5",
            "m=19456,t=2,p=16777215",
            "m=19456,m=8,t=2,p=1",
            "m=8,m=19456,t=2,p=1",
            "m=+8,t=1,p=1",
            "m=08,t=1,p=1",
            "m=19456,t=2",
            "t=2,m=19456,p=1",
            "m=19456,t=2,p=1,data=AAAA",
            "m=19456,t=2,p=1,keyid=AAAA",
            "m=19456,t=2,p=1,",
            "",
            "m=99999999999,t=2,p=1",
        ] {
            assert!(PasswordHash::parse(&good(params)).is_none(), "{params}");
        }
    }

    #[test]
    fn what_is_no_argon2id_hash_is_never_computed() {
        let (salt, tag) = (SALT, TAG);
        let valid = good("m=19456,t=2,p=1");
        let long = Base64Unpadded::encode_string(&[1; 65]);
        for stored in [
            String::new(),
            "$".into(),
            "$$$$$".into(),
            "!".into(),
            "hunter2".into(),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into(),
            "5f4dcc3b5aa765d61d8327deb882cf99".into(),
            valid.replace("argon2id", "argon2i"),
            valid.replace("argon2id", "argon2d"),
            valid.replace("v=19", "v=16"),
            valid.replace("v=19", "v=42"),
            valid.replace("v=19$", ""),
            format!("{valid}\n"),
            format!(" {valid}"),
            format!("{valid}$"),
            format!("{valid}$AAAA"),
            valid.replace(salt, ""),
            valid.replace(tag, ""),
            valid.replace(salt, "AAAA"),
            valid.replace(tag, "AAAAAA"),
            valid.replace(tag, &long),
            valid.replace(salt, &long),
            valid.replace(salt, &format!("{salt}==")),
            format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
            "$argon2id$v=19$m=19456,t=2,p=1".into(),
            "x".repeat(100_000),
        ] {
            assert!(PasswordHash::parse(&stored).is_none(), "{stored}");
        }
    }
}
