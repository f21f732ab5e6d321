//! Texts that are looked up in several spellings.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

/// A login id or an address, and the other spellings in which a document may have it.
///
/// This store writes such texts in one form. Older programs stored them as they were typed, and their documents
/// stay as they are until an operator has them [rewritten](crate::MongoStore::rewrite_logins). Until then every
/// look-up asks for several spellings: the form that is written, the text as the caller has it, and its
/// [comparison forms](super::comparison). A document in another spelling is not found: which of all
/// spellings are the same text only a scan of the collection can say.
///
/// Only the first spelling counts when two texts are compared.
#[derive(Clone)]
pub(super) struct Spelled {
    text: String,
    others: Box<[Box<str>]>,
}

impl Spelled {
    /// A text, and others to ask for besides.
    pub(super) fn new(text: String, others: impl IntoIterator<Item = String>) -> Self {
        let mut spellings: Vec<Box<str>> = Vec::new();
        for other in others.into_iter().map(String::into_boxed_str) {
            if *other != *text && !spellings.contains(&other) {
                spellings.push(other);
            }
        }
        Self { text, others: spellings.into() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The spellings to ask for besides the text itself.
    pub(super) fn others(&self) -> &[Box<str>] {
        &self.others
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

    #[test]
    fn a_spelling_is_asked_for_once() {
        let spelled = Spelled::new("ada".to_owned(), ["Ada", "ada", "ADA", "Ada"].map(str::to_owned));
        assert_eq!(spelled.others(), ["Ada".into(), "ADA".into()] as [Box<str>; 2]);
    }

    #[test]
    fn the_other_spellings_make_no_difference_to_a_comparison() {
        let [one, other] =
            [vec!["Ada".to_owned()], vec![]].map(|others| Spelled::new("ada".to_owned(), others));
        assert!(one == other);
        assert_eq!(one.cmp(&other), Ordering::Equal);
        assert!(one != Spelled::new("Ada".to_owned(), []));
    }
}
