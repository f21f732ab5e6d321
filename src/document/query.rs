//! Queries: one description, which the database reads as a filter and the in-memory store as a predicate.

use std::cmp::Ordering;

use bson::oid::ObjectId;
use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};

use super::{Field, ID, Marked, Stored};
use crate::collection::Collection;
use crate::model::{EmailAddress, LoginId};
use crate::page::ListTag;

/// A value that a field can be compared with.
pub(crate) trait Wanted {
    fn wanted(self) -> Bson;
}

impl<T: Stored> Wanted for &T {
    fn wanted(self) -> Bson {
        self.to_bson()
    }
}

impl Wanted for &str {
    fn wanted(self) -> Bson {
        self.into()
    }
}

/// For values that are in their stored form already.
impl Wanted for Bson {
    fn wanted(self) -> Bson {
        self
    }
}

#[cfg(feature = "mongo")]
impl Wanted for bson::oid::ObjectId {
    fn wanted(self) -> Bson {
        self.into()
    }
}

/// A text that older programs stored in another spelling than this store does.
pub(crate) trait Spellings {
    /// The text, and the spelling to prefer.
    fn text(&self) -> &str;

    /// The spellings to ask for besides.
    fn others(&self) -> &[Box<str>];
}

macro_rules! spellings {
    ($($text:ident),+) => {
        $(impl Spellings for $text {
            fn text(&self) -> &str {
                self.as_str()
            }

            fn others(&self) -> &[Box<str>] {
                self.other_spellings()
            }
        })+
    };
}

spellings!(LoginId, EmailAddress);

/// Of rows with one of the spellings of a text, the one with the text itself, or else the first one.
pub(crate) fn nearest<R>(
    rows: impl IntoIterator<Item = R>,
    document: impl Fn(&R) -> &RawDocument,
    field: Field,
    text: &impl Spellings,
) -> Option<R> {
    let mut nearest = None;
    for row in rows {
        if document(&row).get_str(field.as_str()).is_ok_and(|stored| stored == text.text()) {
            return Some(row);
        }
        nearest.get_or_insert(row);
    }
    nearest
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Query(Vec<Condition>);

/// A condition on one field, or on several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The field has this value.
    Is(&'static str, Bson),
    /// The field has one of these values.
    OneOf(&'static str, Vec<Bson>),
    /// The field is a date at or before this one.
    AtMost(&'static str, bson::DateTime),
    /// The field is a date or a text from the first to before the second.
    Within(&'static str, Bson, Bson),
    /// The field is absent or null.
    Absent(&'static str),
    /// The field is a text that is not empty.
    Text(&'static str),
    /// The field is a time that events left, a count over 0, or a flag that is set; see `marks.rs`.
    TimeSet(&'static str),
    CountSet(&'static str),
    FlagSet(&'static str),
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// The same, where few documents match and there is an index for each alternative.
    AnyRare(Vec<Condition>),
    /// None of these holds.
    None(Vec<Condition>),
}

impl Query {
    /// Matches every document.
    pub(crate) fn all() -> Self {
        Self::default()
    }

    /// Also requires `condition`.
    pub(crate) fn and(mut self, condition: Condition) -> Self {
        self.0.push(condition);
        self
    }

    /// Also requires that the field has this value.
    pub(crate) fn is(self, field: Field, value: impl Wanted) -> Self {
        self.and(Condition::Is(field.as_str(), value.wanted()))
    }

    /// Also requires that the field has this value, if there is one.
    pub(crate) fn and_is(self, field: Field, value: Option<impl Wanted>) -> Self {
        match value {
            Some(value) => self.is(field, value),
            None => self,
        }
    }

    /// Also requires that the field has one of these values.
    pub(crate) fn one_of<T: Wanted>(self, field: Field, values: impl IntoIterator<Item = T>) -> Self {
        self.and(Condition::OneOf(field.as_str(), values.into_iter().map(Wanted::wanted).collect()))
    }

    /// Also requires that the field has this text, or another spelling of it.
    pub(crate) fn spelled(self, field: Field, text: &impl Spellings) -> Self {
        match text.others() {
            [] => self.is(field, text.text()),
            others => {
                self.one_of(field, [text.text()].into_iter().chain(others.iter().map(|other| &**other)))
            }
        }
    }

    /// The same, if there is a text.
    pub(crate) fn and_spelled(self, field: Field, text: Option<&impl Spellings>) -> Self {
        match text {
            Some(text) => self.spelled(field, text),
            None => self,
        }
    }

    /// Also requires that the document has another id than this one, if there is one.
    pub(crate) fn except_if(self, id: Option<ObjectId>) -> Self {
        match id {
            Some(id) => self.and(Condition::None(vec![Condition::Is(ID.as_str(), id.into())])),
            None => self,
        }
    }

    /// Also requires that the field is a date at or before this one.
    pub(crate) fn at_most(self, field: Field, time: DateTime<Utc>) -> Self {
        self.and(Condition::AtMost(field.as_str(), time.into()))
    }

    /// Also requires that the field has a value from `start` to before `end`.
    pub(crate) fn within<T: Stored>(self, field: Field, start: &T, end: &T) -> Self {
        self.and(Condition::Within(field.as_str(), start.to_bson(), end.to_bson()))
    }

    /// A tag that tells the list of this query from other lists.
    pub(crate) fn list_tag(&self, collection: Collection) -> ListTag {
        ListTag::new(collection.name(), self.to_filter().to_string().as_bytes())
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// The query as a filter for the database.
    pub(crate) fn to_filter(&self) -> Document {
        let mut filter = Document::new();
        for condition in &self.0 {
            let (key, value) = condition.to_entry();
            if filter.contains_key(key) {
                // A second condition on a field must not replace the first.
                return doc! { "$and": self.0.iter().map(Condition::to_filter).collect::<Vec<_>>() };
            }
            filter.insert(key, value);
        }
        filter
    }

    /// The same, for documents whose `_id` also fulfils `id`, to be read in the order of `_id`.
    ///
    /// The server uses an index for each alternative only if the filter has nothing beside them.
    #[cfg(feature = "mongo")]
    pub(crate) fn to_filter_at(&self, id: &Document) -> Document {
        let is_rare = |condition: &&Condition| matches!(condition, Condition::AnyRare(_));
        let Some(rare) = self.0.iter().find(is_rare) else { return at(self.to_filter(), id) };
        let others = Self(self.0.iter().filter(|condition| !is_rare(condition)).cloned().collect());
        let with_others = |alternative| {
            let mut filter = at(others.to_filter(), id);
            filter.extend(flat(alternative));
            filter
        };
        doc! { "$or": rare.alternatives().into_iter().map(with_others).collect::<Vec<_>>() }
    }

    /// Whether `document` matches the query.
    pub(crate) fn matches(&self, document: &RawDocument) -> bool {
        self.0.iter().all(|condition| condition.matches(document))
    }
}

impl Condition {
    fn to_filter(&self) -> Document {
        let (key, value) = self.to_entry();
        doc! { key: value }
    }

    pub(super) fn to_entry(&self) -> (&'static str, Bson) {
        let all = |conditions: &[Self]| conditions.iter().map(Self::to_filter).collect::<Vec<_>>().into();
        match self {
            Self::Is(field, value) => (field, value.clone()),
            Self::OneOf(field, values) => (field, doc! { "$in": values.clone() }.into()),
            Self::AtMost(field, time) => (field, doc! { "$lte": *time }.into()),
            Self::Within(field, start, end) => {
                (field, doc! { "$gte": start.clone(), "$lt": end.clone() }.into())
            }
            Self::Absent(field) => (field, Bson::Null),
            Self::Text(field) => (field, doc! { "$type": "string", "$ne": "" }.into()),
            Self::TimeSet(_) | Self::CountSet(_) | Self::FlagSet(_) => ("$or", self.alternatives().into()),
            Self::All(conditions) => ("$and", all(conditions)),
            Self::Any(conditions) | Self::AnyRare(conditions) => ("$or", all(conditions)),
            Self::None(conditions) => ("$nor", all(conditions)),
        }
    }

    /// Filters, at least one of which holds if the condition does.
    fn alternatives(&self) -> Vec<Document> {
        match self {
            Self::TimeSet(field) => <Option<DateTime<Utc>>>::is_set_filters(field),
            Self::CountSet(field) => u64::is_set_filters(field),
            Self::FlagSet(field) => bool::is_set_filters(field),
            Self::Any(conditions) | Self::AnyRare(conditions) => {
                conditions.iter().flat_map(Self::alternatives).collect()
            }
            other => vec![other.to_filter()],
        }
    }

    pub(super) fn matches(&self, document: &RawDocument) -> bool {
        let value = |field: &str| document.get(field).ok().flatten();
        let date = |field| value(field).and_then(RawBsonRef::as_datetime);
        match self {
            Self::Is(field, wanted) => value(field).is_some_and(|value| is_same(value, wanted)),
            Self::OneOf(field, wanted) => {
                value(field).is_some_and(|value| wanted.iter().any(|wanted| is_same(value, wanted)))
            }
            Self::AtMost(field, time) => date(field).is_some_and(|value| value <= *time),
            Self::Within(field, start, end) => match (value(field), start, end) {
                (Some(RawBsonRef::DateTime(value)), Bson::DateTime(start), Bson::DateTime(end)) => {
                    (*start..*end).contains(&value)
                }
                (Some(RawBsonRef::String(value)), Bson::String(start), Bson::String(end)) => {
                    start.as_str() <= value && value < end.as_str()
                }
                _ => false,
            },
            Self::Absent(field) => matches!(value(field), None | Some(RawBsonRef::Null)),
            Self::Text(field) => {
                value(field).and_then(RawBsonRef::as_str).is_some_and(|text| !text.is_empty())
            }
            Self::TimeSet(field) => is_set::<Option<DateTime<Utc>>>(value(field)),
            Self::CountSet(field) => is_set::<u64>(value(field)),
            Self::FlagSet(field) => is_set::<bool>(value(field)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.matches(document)),
            Self::Any(conditions) | Self::AnyRare(conditions) => {
                conditions.iter().any(|condition| condition.matches(document))
            }
            Self::None(conditions) => !conditions.iter().any(|condition| condition.matches(document)),
        }
    }
}

/// A filter that the `_id` must fulfil, too.
#[cfg(feature = "mongo")]
fn at(mut filter: Document, id: &Document) -> Document {
    if filter.contains_key("_id") {
        return doc! { "$and": [filter, { "_id": id.clone() }] };
    }
    filter.insert("_id", id.clone());
    filter
}

/// A filter without a conjunction around it. An alternative has a condition on each of its fields.
#[cfg(feature = "mongo")]
fn flat(filter: Document) -> Document {
    match filter.get_array("$and") {
        Ok(parts) => parts
            .iter()
            .filter_map(Bson::as_document)
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        Err(_) => filter,
    }
}

fn is_set<T: Marked>(value: Option<RawBsonRef<'_>>) -> bool {
    match value {
        None | Some(RawBsonRef::Null) => false,
        Some(value) => T::read(value).is_ok_and(|value| value.is_set()),
    }
}

/// Equality of the scalars that filters use.
fn is_same(value: RawBsonRef<'_>, wanted: &Bson) -> bool {
    match (value, wanted) {
        (RawBsonRef::String(value), Bson::String(wanted)) => value == wanted,
        (RawBsonRef::ObjectId(value), Bson::ObjectId(wanted)) => value == *wanted,
        (RawBsonRef::Boolean(value), Bson::Boolean(wanted)) => value == *wanted,
        (RawBsonRef::DateTime(value), Bson::DateTime(wanted)) => value.cmp(wanted) == Ordering::Equal,
        (RawBsonRef::Binary(value), Bson::Binary(wanted)) => {
            value.subtype == wanted.subtype && value.bytes == wanted.bytes
        }
        _ => false,
    }
}
