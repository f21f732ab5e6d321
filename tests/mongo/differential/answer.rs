//! The answer of a store, in a form that is the same for stores with different ids.

use std::collections::HashMap;
use std::fmt;

use campaign_store::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// What a call returned.
#[derive(Debug)]
pub(super) struct Reply {
    /// What kind of success it was, in words of its own.
    kinds: Vec<&'static str>,
    value: Value,
}

impl Reply {
    pub(super) fn new(kinds: impl IntoIterator<Item = &'static str>, value: &impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("records have a JSON form");
        Self { kinds: kinds.into_iter().collect(), value }
    }

    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self::new(["ok"], value)
    }

    pub(super) fn found(value: Option<&impl Serialize>) -> Self {
        Self::new([if value.is_some() { "some" } else { "none" }], &value)
    }

    pub(super) fn several(values: &[impl Serialize]) -> Self {
        Self::new([if values.is_empty() { "none" } else { "some" }], &values)
    }
}

/// A reply or an error, with an ordinal in place of each id.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    kinds: Vec<String>,
    text: String,
}

impl Answer {
    pub(super) fn of(result: Result<Reply>, ids: &mut Ids) -> Self {
        let (kinds, text) = match result {
            Ok(reply) => (reply.kinds.iter().map(ToString::to_string).collect(), reply.value.to_string()),
            Err(error) => (vec![kind(&error)], format!("{error:?}")),
        };
        Self { kinds, text: ids.replace_in(&text) }
    }

    pub(super) fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// Whether it is of known kinds alone.
    pub(super) fn is_one_of(&self, kinds: &[&str]) -> bool {
        self.kinds.iter().all(|kind| kinds.contains(&kind.as_str()))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kinds.join(" "), self.text)
    }
}

/// The name of the violated index, or of the error's variant.
fn kind(error: &Error) -> String {
    if let Some(index) = error.unique_index() {
        return index.to_owned();
    }
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The ids that a store was seen to use, each by the place of its first appearance.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, usize>);

impl Ids {
    /// The text with every id replaced.
    pub(super) fn replace_in(&mut self, text: &str) -> String {
        let is_of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
        let mut replaced = String::with_capacity(text.len());
        for part in text.split_inclusive(|c| !is_of_id(c)) {
            let word = part.trim_end_matches(|c| !is_of_id(c));
            if is_id(word) {
                let next = self.0.len() + 1;
                let ordinal = self.0.entry(word.to_owned()).or_insert(next);
                replaced.push('#');
                replaced.push_str(&ordinal.to_string());
                replaced.push_str(part.strip_prefix(word).unwrap_or_default());
            } else {
                replaced.push_str(part);
            }
        }
        replaced
    }
}

/// Whether a word has the form of an `ObjectId` or a UUID.
fn is_id(word: &str) -> bool {
    match word.len() {
        24 => !word.contains('-'),
        36 => word.matches('-').count() == 4,
        _ => false,
    }
}
