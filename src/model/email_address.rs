//! E-mail addresses.

use std::fmt;
use std::str::FromStr;

use email_address::Options;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::debug::discreet_debug;
use super::spelled::Spelled;
use super::{comparison, text};
use crate::error::{Invalid, Problem};

/// An e-mail address, trimmed and in lower case.
///
/// Look-ups of users and mailboxes also find the text as it was given, which an older program may have
/// stored, and the other forms of its domain: `bücher.example` is `xn--bcher-kva.example`. See [`MongoStore::rewrite_logins`](crate::MongoStore::rewrite_logins).
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
    /// [`Invalid`] when it is empty, longer than [`EmailAddress::MAX_LEN`], contains white space, a control
    /// character or an invisible one (such as a zero-width space or a soft hyphen), or is not an address by RFC 5321.
    /// Display names (`Ada <ada@example.com>`), quoted local parts (`"ada"@example.com`) and
    /// address literals (`ada@[127.0.0.1]`) are refused.
    pub fn new(address: impl AsRef<str>) -> Result<Self, Invalid> {
        Self::of_field("email", address.as_ref())
    }

    /// The same, with errors that name the input `field`.
    pub(crate) fn of_field(field: &'static str, address: &str) -> Result<Self, Invalid> {
        let given = text::token(field, address, Self::MAX_LEN)?;
        let stored = given.to_lowercase();
        // Lower case can be longer.
        text::token(field, &stored, Self::MAX_LEN)?;
        if given.chars().any(comparison::is_invisible) {
            return Err(Invalid::new(field, Problem::InvisibleCharacter));
        }
        let options = Options::default().without_display_text().without_domain_literal();
        // A quoted local part can look like a list of addresses to the programs that it passes.
        if stored.starts_with('"')
            || email_address::EmailAddress::parse_with_options(&stored, options).is_err()
        {
            return Err(Invalid::new(field, Problem::NotAnEmailAddress));
        }
        let others = other_forms(&stored).chain([given.to_owned()]).collect::<Vec<_>>();
        Ok(Self(Spelled::new(stored, others)))
    }

    /// A stored address. An older program may have stored one that is not valid by today's rules.
    pub(crate) fn from_stored(address: &str) -> Self {
        if comparison::is_plain(address) {
            return Self(Spelled::new(address.to_owned(), []));
        }
        let form = address.trim().to_lowercase();
        let others = other_forms(&form).collect::<Vec<_>>();
        Self(Spelled::new(address.to_owned(), [form].into_iter().chain(others)))
    }

    /// The spellings that a look-up of a user or a mailbox asks for besides this one.
    pub(crate) fn other_spellings(&self) -> &[Box<str>] {
        self.0.others()
    }

    /// The address as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The comparison form of an address, and the same with its domain in ASCII.
fn other_forms(address: &str) -> impl Iterator<Item = String> + use<> {
    let form = comparison::of_address(address);
    let ascii = form.as_deref().and_then(comparison::with_ascii_domain);
    form.into_iter().chain(ascii)
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
            "\"ada\"@example.com",
            "\"<x@evil.example>,\"@example.com",
            "ada@exam\u{ad}ple.com",
            "a\u{200b}da@example.com",
            "\u{202e}ada@example.com",
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
