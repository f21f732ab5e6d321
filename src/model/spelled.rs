//! Texts that are looked up in two spellings.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

/// A login id or an address, and the other spelling in which a document of an older program may have it.
///
/// This store writes such texts trimmed and in lower case. Older programs stored them as they were typed, and
/// their documents stay as they are until an operator has them
/// [rewritten](crate::MongoStore::rewrite_logins). Until then every look-up asks for two spellings: the stored
/// form, and the text as the caller has it. A document in a third spelling is not found: which of all
/// spellings are the same text only a scan of the collection can say.
///
/// Only the first spelling counts when two texts are compared.
#[derive(Clone)]
pub(super) struct Spelled {
    text: String,
    other: Option<Box<str>>,
}

/// The form in which this store writes a text.
fn stored_form(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Spelled {
    /// The stored form of a text that a caller gave.
    pub(super) fn given(text: &str) -> Self {
        let text = text.trim();
        let stored = stored_form(text);
        let other = (stored != text).then(|| text.into());
        Self { text: stored, other }
    }

    /// A text as a document has it. An older program may have written it.
    pub(super) fn from_stored(text: &str) -> Self {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
        let other = if is_plain { None } else { Some(stored_form(text)).filter(|stored| stored != text) };
        Self { text: text.to_owned(), other: other.map(String::into_boxed_str) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The spelling to ask for besides the text itself.
    pub(super) fn other(&self) -> Option<&str> {
        self.other.as_deref()
    }
}

impl PartialEq for Spelled {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Spelled {}

impl Hash for Spelled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Spelled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Spelled {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Serialize for Spelled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(text: &Spelled) -> (&str, Option<&str>) {
        (text.as_str(), text.other())
    }

    #[test]
    fn a_look_up_asks_for_the_stored_form_and_the_given_one() {
        assert_eq!(spellings(&Spelled::given("ada")), ("ada", None));
        assert_eq!(spellings(&Spelled::given(" ada ")), ("ada", None));
        assert_eq!(
            spellings(&Spelled::given("Ada@Example.com")),
            ("ada@example.com", Some("Ada@Example.com"))
        );
        assert_eq!(spellings(&Spelled::given("ŁUCJA")), ("łucja", Some("ŁUCJA")));
    }

    #[test]
    fn what_was_read_is_asked_for_as_it_is_and_in_the_stored_form() {
        for plain in ["ada", "ada@example.com", "łucja", "o'hara+x@example.com"] {
            assert_eq!(spellings(&Spelled::from_stored(plain)), (plain, None));
        }
        for (stored, other) in [("Ada", "ada"), (" ada", "ada"), ("ŁUCJA", "łucja"), ("ada\u{a0}", "ada")] {
            assert_eq!(spellings(&Spelled::from_stored(stored)), (stored, Some(other)));
        }
    }

    #[test]
    fn the_given_spelling_makes_no_difference_to_a_comparison() {
        assert!(Spelled::given("Ada") == Spelled::given("ada"));
        assert!(Spelled::from_stored("Ada") != Spelled::given("Ada"));
        assert_eq!(Spelled::given("Ada").cmp(&Spelled::given("ada")), Ordering::Equal);
    }
}
