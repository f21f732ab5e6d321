//! The marks that events leave in a row, in stored form: the meaning of each BSON type. Other programs wrote
//! rows with other types, and an opt-out must not be lost because of that. The reader, the filters and the
//! aggregations all follow this file.
//!
//! | | Means none | Means a value | Anything else |
//! |---|---|---|---|
//! | time | absent, null, `false`, a text such as `""` or `"None"` | a date, a text that is a date | unreadable |
//! | count | absent, null, `false`, `""`, a number or text of digits that is 0 | a whole number over 0, a text of its digits | unreadable |
//! | flag | absent, null, `false`, 0, `""`, `"false"` | `true`, 1, `"true"` | unreadable |
//!
//! Rows of older programs have three more signs: `opened`, `clicked` and `replied` are `true` without a
//! time or a count, which counts as one; `bounce_reason` without `bounced` is a bounce; and
//! `unsubscribed_at` is an opt-out, whatever `unsubscribed` says.
#![cfg_attr(not(feature = "mongo"), expect(dead_code, reason = "types are for aggregations"))]

use bson::raw::{RawBson, RawBsonRef};
use bson::{Document, doc};
use chrono::{DateTime, Utc};

use super::date_text;
use super::{Condition, Fields, Problem, Query, Stored};
use crate::model::{EmailTracking, Signal};
#[cfg(feature = "mongo")]
use crate::model::{Mark, Rule};

/// Texts that mean that there is no time, in lower case.
pub(super) const NO_TIME: [&str; 7] = ["", "none", "null", "undefined", "nan", "false", "0"];

/// A value that events leave in a row.
pub(crate) trait Marked: Default + PartialEq {
    /// The BSON types of the values that the store itself writes.
    const TYPES: &[&str];

    /// The JSON schema of the values that the store itself writes.
    fn schema() -> Document;

    /// Reads a value, tolerantly.
    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem>;

    /// The stored form; absent if there is none.
    fn to_stored(&self) -> Option<RawBson>;

    /// Whether the value says that something happened.
    fn is_set(&self) -> bool;

    /// Conditions for the server, one of which holds if a readable value says that something happened. Each
    /// fits the partial indexes of the schema.
    fn is_set_filters(name: &'static str) -> Vec<Document>;
}

impl Marked for Option<DateTime<Utc>> {
    const TYPES: &[&str] = &["date", "null"];

    fn schema() -> Document {
        <DateTime<Utc> as Stored>::schema()
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        match value {
            RawBsonRef::Boolean(false) => Ok(None),
            RawBsonRef::String(text) if NO_TIME.contains(&text.trim().to_lowercase().as_str()) => Ok(None),
            RawBsonRef::String(text) => date_text::parse(text).map(Some).ok_or("is a text that is no date"),
            value => <DateTime<Utc> as Stored>::read(value).map(Some),
        }
    }

    fn to_stored(&self) -> Option<RawBson> {
        self.as_ref().map(Stored::to_raw)
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn is_set_filters(name: &'static str) -> Vec<Document> {
        let words = NO_TIME.join("|");
        let no_time = doc! { "$regex": format!(r"^\s*({words})\s*$"), "$options": "i" };
        vec![doc! { name: { "$type": ["date", "string"], "$not": no_time } }]
    }
}

impl Marked for u64 {
    const TYPES: &[&str] = &["int", "long", "null"];

    fn schema() -> Document {
        <Self as Stored>::schema()
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        match value {
            RawBsonRef::Boolean(false) => Ok(0),
            RawBsonRef::String(text) => match text.trim() {
                "" => Ok(0),
                digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    digits.parse().map_err(|_| "is not a count")
                }
                _ => Err("is a text that is no count"),
            },
            value => <Self as Stored>::read(value),
        }
    }

    fn to_stored(&self) -> Option<RawBson> {
        Some(self.to_raw())
    }

    fn is_set(&self) -> bool {
        *self > 0
    }

    fn is_set_filters(name: &'static str) -> Vec<Document> {
        let text = doc! { "$type": "string", "$regex": r"^\s*0*[1-9][0-9]*\s*$" };
        vec![doc! { name: { "$gt": 0_i64 } }, doc! { name: text }]
    }
}

impl Marked for bool {
    const TYPES: &[&str] = &["bool", "null"];

    fn schema() -> Document {
        <Self as Stored>::schema()
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        match value {
            RawBsonRef::Boolean(value) => Ok(value),
            RawBsonRef::String(text) => match text.trim().to_lowercase().as_str() {
                "true" | "1" => Ok(true),
                "" | "false" | "0" => Ok(false),
                _ => Err("is a text that is neither true nor false"),
            },
            value => match f64::read(value) {
                Ok(1.0) => Ok(true),
                Ok(0.0) => Ok(false),
                Ok(_) => Err("is a number that is neither 0 nor 1"),
                Err(_) => Err("is not a boolean"),
            },
        }
    }

    fn to_stored(&self) -> Option<RawBson> {
        Some(self.to_raw())
    }

    fn is_set(&self) -> bool {
        *self
    }

    fn is_set_filters(name: &'static str) -> Vec<Document> {
        let text = doc! { "$type": "string", "$regex": r"^\s*(true|1)\s*$", "$options": "i" };
        vec![doc! { name: { "$in": [true, 1_i64] } }, doc! { name: text }]
    }
}

/// The flags of older programs.
pub(super) fn old_flags() -> impl Iterator<Item = &'static str> {
    Signal::ALL.iter().filter_map(|signal| signal.rule().old_flag)
}

/// Adds the further signs of older programs to a row that was read.
pub(super) fn settle(row: &mut EmailTracking, fields: &Fields<'_>) {
    for rule in Signal::ALL.iter().map(|signal| signal.rule()) {
        if let (Some(count), Some(old_flag)) = (rule.count, rule.old_flag)
            && !rule.is_marked_in(row)
            && fields.value(old_flag).and_then(RawBsonRef::as_bool) == Some(true)
        {
            *(count.slot)(row) = 1;
        }
        let Some(flag) = rule.flag else { continue };
        let has_time = rule.time.is_some_and(|time| (time.get)(row).is_some());
        let has_reason = rule.reason.is_some_and(|reason| {
            (reason.get)(row).as_ref().is_some_and(|text| !text.is_empty())
                && fields.value(flag.name).is_none()
        });
        *(flag.slot)(row) |= has_time || has_reason;
    }
}

impl Signal {
    /// The conditions, any of which shows the signal in a row; a bounce, which voids some signals, is not
    /// considered.
    fn signs(self) -> Vec<Condition> {
        let mut signs = Vec::new();
        for rule in self.evidence() {
            signs.extend(rule.time.map(|mark| Condition::TimeSet(mark.name)));
            signs.extend(rule.count.map(|mark| Condition::CountSet(mark.name)));
            signs.extend(rule.flag.map(|mark| Condition::FlagSet(mark.name)));
            signs.extend(rule.old_flag.map(|name| Condition::Is(name, true.into())));
            if let (Some(flag), Some(reason)) = (rule.flag, rule.reason) {
                let alone = [Condition::Absent(flag.name), Condition::Text(reason.name)];
                signs.push(Condition::All(alone.into()));
            }
        }
        signs
    }
}

/// The rows that count as this state.
pub(super) fn in_state(query: Query, state: Signal) -> Query {
    let query = query.and(Condition::Any(state.state().signs()));
    unless_void(query, state)
}

/// The same, for a state that few of the query's rows have: each sign of it has an index.
pub(super) fn in_rare_state(query: Query, state: Signal) -> Query {
    let query = query.and(Condition::AnyRare(state.state().signs()));
    unless_void(query, state)
}

/// Whether few of the rows of a campaign or of a user are in the state.
pub(super) fn is_rare(state: Signal) -> bool {
    match state {
        Signal::Delivered | Signal::Opened | Signal::Clicked => false,
        Signal::Replied | Signal::Bounced | Signal::Unsubscribed | Signal::Complained => true,
    }
}

fn unless_void(query: Query, state: Signal) -> Query {
    if state.rule().is_voided { query.and(Condition::None(Signal::Bounced.signs())) } else { query }
}

/// The rows that bar their user from writing to the recipient again.
pub(super) fn suppressing(query: Query) -> Query {
    let reasons = Signal::states().filter(|state| state.rule().suppresses);
    query.and(Condition::Any(reasons.flat_map(Signal::signs).collect()))
}

/// The marks of all signals, with the types that the store writes.
#[cfg(feature = "mongo")]
fn marks() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    fn of<T: Marked>(mark: Option<Mark<T>>) -> Option<(&'static str, &'static [&'static str])> {
        mark.map(|mark| (mark.name, T::TYPES))
    }
    Signal::ALL
        .iter()
        .map(|signal| signal.rule())
        .flat_map(|Rule { time, count, flag, .. }| [of(time), of(count), of(flag)].into_iter().flatten())
}

/// The flags beside which there is a reason.
#[cfg(feature = "mongo")]
fn reasons() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rules = Signal::ALL.iter().map(|signal| signal.rule());
    rules.filter_map(|rule| Some((rule.flag?.name, rule.reason?.name)))
}

/// An expression for the rows that an aggregation cannot count by itself: those with types or signs of older
/// programs. The reader decides what they mean.
#[cfg(feature = "mongo")]
pub(super) fn is_odd() -> Document {
    let mut signs = Vec::new();
    for (name, types) in marks() {
        let types = types.iter().copied().chain(["missing"]).collect::<Vec<_>>();
        let field = format!("${name}");
        signs.push(doc! { "$not": [{ "$in": [{ "$type": &field }, types.clone()] }] });
        if types.contains(&"long") {
            // Null and missing values are less than any number.
            signs.push(doc! { "$and": [{ "$lt": [&field, 0] }, { "$gt": [&field, null] }] });
        }
    }
    signs.extend(old_flags().map(|name| doc! { "$eq": [format!("${name}"), true] }));
    signs.extend(reasons().map(|(flag, reason)| {
        doc! { "$and": [{ "$lte": [format!("${flag}"), null] }, { "$gt": [format!("${reason}"), null] }] }
    }));
    doc! { "$or": signs }
}
