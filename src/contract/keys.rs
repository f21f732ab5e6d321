//! Keys for cases and tests. They protect nothing: everybody can compute them.

use base64ct::{Base64, Encoding};

use crate::secret::{Keyring, Vault};

/// The entry of a key in a keyring: its bytes follow from `seed`.
#[must_use]
pub fn key(id: u32, seed: u8) -> String {
    let bytes: Vec<u8> = (0..32).map(|place| seed.wrapping_mul(41).wrapping_add(place)).collect();
    format!("{id}:{}", Base64::encode_string(&bytes))
}

/// A vault with these keys, the first of which is the primary one.
pub async fn vault(keys: &[String]) -> Vault {
    let ring: Keyring = keys.join(",").parse().expect("keys that differ");
    Vault::open(ring).await.expect("a ring is its own provider")
}
