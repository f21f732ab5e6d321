//! The names that users log in with.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::debug::discreet_debug;
use super::spelled::Spelled;
use super::{comparison, text};
use crate::error::{Invalid, Problem};

/// The name that a user logs in with: an e-mail address or a user name.
///
/// Login ids are compared and stored by RFC 8265 (profile `UsernameCaseMapped`): trimmed, in lower case, wide
/// letters as usual ones, accents composed; the domain of an address by UTS 46, in Unicode. What the RFC refuses,
/// such as symbols and invisible characters, no new user can have; whoever has it already is found by the text in
/// lower case.
///
/// Look-ups also find the text as it was given, which an older program may have stored. See
/// [`MongoStore::rewrite_logins`](crate::MongoStore::rewrite_logins).
///
/// ```
/// use campaign_store::LoginId;
///
/// assert_eq!(LoginId::new("Ada")?, LoginId::new(" ada ")?);
/// assert_eq!(LoginId::new("ada@bücher.example")?, LoginId::new("ada@xn--bcher-kva.example")?);
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
        let given = text::token("login_id", login_id.as_ref(), Self::MAX_LEN)?;
        let login_id = stored_form(given);
        // Lower case can be longer, and other forms, too.
        text::token("login_id", &login_id, Self::MAX_LEN)?;
        let others = other_forms(&login_id, given).chain([given.to_owned()]);
        Ok(Self(Spelled::new(login_id, others)))
    }

    /// A login id that is given to a user.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when RFC 8265 refuses it, or it contains an invisible character.
    pub(super) fn of_new_user(login_id: &str) -> Result<Self, Invalid> {
        let new = Self::new(login_id)?;
        let problem = if new.as_str().chars().any(comparison::is_invisible) {
            Problem::InvisibleCharacter
        } else if comparison::of_login_id(new.as_str()).as_deref() != Some(new.as_str()) {
            Problem::NotALoginId
        } else {
            return Ok(new);
        };
        Err(Invalid::new("login_id", problem))
    }

    pub(crate) fn from_stored(login_id: &str) -> Self {
        if comparison::is_plain(login_id) {
            return Self(Spelled::new(login_id.to_owned(), []));
        }
        let form = stored_form(login_id.trim());
        let others = other_forms(&form, login_id.trim()).collect::<Vec<_>>();
        Self(Spelled::new(login_id.to_owned(), [form].into_iter().chain(others)))
    }

    /// The spellings that a look-up asks for besides this one.
    pub(crate) fn other_spellings(&self) -> &[Box<str>] {
        self.0.others()
    }

    /// The login id as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The form in which this store writes a login id.
fn stored_form(text: &str) -> String {
    comparison::of_login_id(text).unwrap_or_else(|| text.to_lowercase())
}

/// The forms in which others may have written it: what version 0.1 stored, and a domain in ASCII.
fn other_forms(form: &str, text: &str) -> impl Iterator<Item = String> + use<> {
    [text.to_lowercase()].into_iter().chain(comparison::with_ascii_domain(form))
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
    fn a_look_up_asks_for_the_stored_form_and_others() {
        let spellings = |id: LoginId| {
            let others = id.other_spellings().iter().map(ToString::to_string);
            [id.as_str().to_owned()].into_iter().chain(others).collect::<Vec<_>>()
        };
        for (given, expected) in [
            ("ada", &["ada"][..]),
            (" ada ", &["ada"]),
            ("Ada@Example.com", &["ada@example.com", "Ada@Example.com"]),
            ("ŁUCJA", &["łucja", "ŁUCJA"]),
            ("ＡＤＡ", &["ada", "ａｄａ", "ＡＤＡ"]),
            ("a@bücher.example", &["a@bücher.example", "a@xn--bcher-kva.example"]),
            ("a@xn--bcher-kva.example", &["a@bücher.example", "a@xn--bcher-kva.example"]),
            ("Ada☃", &["ada☃", "Ada☃"]),
        ] {
            assert_eq!(spellings(LoginId::new(given).unwrap()), expected, "{given}");
        }
        for (stored, expected) in [
            ("ada@example.com", &["ada@example.com"][..]),
            ("Ada", &["Ada", "ada"]),
            (" ada", &[" ada", "ada"]),
            ("ａｄａ", &["ａｄａ", "ada"]),
            ("a@xn--bcher-kva.example", &["a@xn--bcher-kva.example", "a@bücher.example"]),
        ] {
            assert_eq!(spellings(LoginId::from_stored(stored)), expected, "{stored}");
        }
    }

    #[test]
    fn new_users_have_login_ids_by_rfc_8265() {
        for text in
            ["ada", "Ada@Example.com", "ŁUCJA", "ＡＤＡ", "a@bücher.example", "יעל", "o'hara+x@example.com"]
        {
            assert!(LoginId::of_new_user(text).is_ok(), "{text}");
        }
        for (text, problem) in [
            ("in\u{200b}fo", Problem::InvisibleCharacter),
            ("ada\u{202e}", Problem::InvisibleCharacter),
            ("ada☃", Problem::NotALoginId),
            ("\u{fb01}fi", Problem::NotALoginId),
            ("abcיעל", Problem::NotALoginId),
            ("ada@xn--a.example", Problem::NotALoginId),
        ] {
            assert!(LoginId::new(text).is_ok(), "{text}");
            assert_eq!(LoginId::of_new_user(text), Err(Invalid::new("login_id", problem)), "{text:?}");
        }
    }

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
