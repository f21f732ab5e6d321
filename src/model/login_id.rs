//! The names that users log in with.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::debug::discreet_debug;
use super::spelled::Spelled;
use super::text;
use crate::error::Invalid;

/// The name that a user logs in with: an e-mail address or a user name, trimmed and in lower case.
///
/// Look-ups also find the text as it was given, which an older program may have stored. See
/// [`MongoStore::rewrite_logins`](crate::MongoStore::rewrite_logins).
///
/// ```
/// use campaign_store::LoginId;
///
/// assert_eq!(LoginId::new("Ada")?, LoginId::new(" ada ")?);
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct LoginId(Spelled);

discreet_debug!(LoginId {});

impl LoginId {
    /// The largest number of bytes, as for e-mail addresses.
    pub const MAX_LEN: usize = 254;

    /// Normalises and checks a login id.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, longer than [`LoginId::MAX_LEN`], or contains white space or
    /// a control character.
    pub fn new(login_id: impl AsRef<str>) -> Result<Self, Invalid> {
        let login_id = Spelled::given(text::token("login_id", login_id.as_ref(), Self::MAX_LEN)?);
        // Lower case can be longer.
        text::token("login_id", login_id.as_str(), Self::MAX_LEN)?;
        Ok(Self(login_id))
    }

    pub(crate) fn from_stored(login_id: &str) -> Self {
        Self(Spelled::from_stored(login_id))
    }

    /// The spelling that a look-up asks for besides this one.
    pub(crate) fn other_spelling(&self) -> Option<&str> {
        self.0.other()
    }

    /// The login id as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LoginId {
    type Err = Invalid;

    fn from_str(login_id: &str) -> Result<Self, Invalid> {
        Self::new(login_id)
    }
}

impl<'de> Deserialize<'de> for LoginId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn white_space_and_control_characters_are_refused() {
        for login_id in ["", "  ", "ada lovelace", "a\nda", "ada\0", &"a".repeat(255), &"İ".repeat(100)] {
            assert!(LoginId::new(login_id).is_err(), "{login_id:?}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(login_id in "\\PC{1,40}") {
            if let Ok(once) = LoginId::new(&login_id) {
                prop_assert_eq!(LoginId::new(once.as_str()).unwrap(), once);
            }
        }
    }
}
