//! Keys for cases and tests. They protect nothing: anybody can compute them.

use base64ct::{Base64, Encoding};

use crate::secret::{Keyring, Vault};

/// A keyring entry for a key whose bytes are derived from `seed`.
#[must_use]
pub fn key(id: u32, seed: u8) -> String {
    let bytes: Vec<u8> = (0..32).map(|place| seed.wrapping_mul(41).wrapping_add(place)).collect();
    format!("{id}:{}", Base64::encode_string(&bytes))
}

/// A vault with these keys; the first one is the primary key.
pub async fn vault(keys: &[String]) -> Vault {
    let ring: Keyring = keys.join(",").parse().expect("keys that differ");
    Vault::open(ring).await.expect("a ring is its own provider")
}
