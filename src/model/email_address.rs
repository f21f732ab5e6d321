//! E-mail addresses.

use std::fmt;
use std::str::FromStr;

use email_address::Options;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::debug::discreet_debug;
use super::spelled::Spelled;
use super::text;
use crate::error::{Invalid, Problem};

/// An e-mail address, trimmed and in lower case, so equal addresses are equal texts.
///
/// Look-ups of users and mailboxes also find the text as it was given, which an older program may have
/// stored. See [`MongoStore::rewrite_logins`](crate::MongoStore::rewrite_logins).
///
/// ```
/// use campaign_store::EmailAddress;
///
/// assert_eq!(EmailAddress::new(" Ada@Example.com ")?.as_str(), "ada@example.com");
/// assert!(EmailAddress::new("Ada <ada@example.com>").is_err());
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(Spelled);

discreet_debug!(EmailAddress {});

impl EmailAddress {
    /// The largest number of bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
    pub const MAX_LEN: usize = 254;

    /// Normalises and checks an address.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, longer than [`EmailAddress::MAX_LEN`], contains white space or a
    /// control character, or is not an address by RFC 5321. Display names (`Ada <ada@example.com>`) and
    /// address literals (`ada@[127.0.0.1]`) are refused.
    pub fn new(address: impl AsRef<str>) -> Result<Self, Invalid> {
        Self::of_field("email", address.as_ref())
    }

    /// The same, with errors that name the input `field`.
    pub(crate) fn of_field(field: &'static str, address: &str) -> Result<Self, Invalid> {
        let address = Spelled::given(text::token(field, address, Self::MAX_LEN)?);
        // Lower case can be longer.
        let stored = text::token(field, address.as_str(), Self::MAX_LEN)?;
        let options = Options::default().without_display_text().without_domain_literal();
        match email_address::EmailAddress::parse_with_options(stored, options) {
            Ok(_) => Ok(Self(address)),
            Err(_) => Err(Invalid::new(field, Problem::NotAnEmailAddress)),
        }
    }

    /// A stored address. An older program may have stored one that is not valid by today's rules.
    pub(crate) fn from_stored(address: &str) -> Self {
        Self(Spelled::from_stored(address))
    }

    /// The spelling that a look-up of a user or a mailbox asks for besides this one.
    pub(crate) fn other_spelling(&self) -> Option<&str> {
        self.0.other()
    }

    /// The address as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EmailAddress {
    type Err = Invalid;

    fn from_str(address: &str) -> Result<Self, Invalid> {
        Self::new(address)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_normalised() {
        assert_eq!(EmailAddress::new("\u{a0}ADA+x@EXAMPLE.com ").unwrap().as_str(), "ada+x@example.com");
        assert_eq!(EmailAddress::new("ÉVA@exämple.com").unwrap().as_str(), "éva@exämple.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("{}@{}.com", "a".repeat(60), "b".repeat(250));
        for address in [
            "",
            " ",
            "ada",
            "ada@",
            "@example.com",
            "a@b@c.com",
            "ada@exam ple.com",
            "a\r\nb@example.com",
            "ada@example.com\0",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "ada@[127.0.0.1]",
            "ada..x@example.com",
            ".ada@example.com",
            "ada@-example.com",
            &long_local,
            &long,
        ] {
            let error = EmailAddress::new(address).unwrap_err();
            assert!(address.len() < 3 || !error.to_string().contains(address), "{error}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(address in "\\PC{1,20}@\\PC{1,20}\\.[a-z]{2,5}") {
            if let Ok(once) = EmailAddress::new(&address) {
                prop_assert_eq!(EmailAddress::new(once.as_str()).unwrap(), once);
            }
        }
    }
}
