//! Which documents to find: one description, which the database reads as a filter and the
//! in-memory store as a predicate.

use std::cmp::Ordering;

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, Document, doc};

use super::field::Field;
use crate::collection::Collection;
use crate::page::ListTag;

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Query(Vec<Condition>);

/// What must hold of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// It has this value.
    Is(Field, Bson),
    /// It has one of these values.
    OneOf(Field, Vec<Bson>),
    /// It is a date at or before this one.
    AtMost(Field, bson::DateTime),
    /// It is there and not null.
    Present(Field),
    /// It is a number over 0.
    Positive(Field),
    /// It is a date or a text from the first to before the second.
    Within(Field, Bson, Bson),
    /// It is not `true`.
    NotTrue(Field),
    /// At least one of these holds.
    Any(Vec<Condition>),
}

impl Query {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self::default()
    }

    /// Also requires `condition`.
    pub(crate) fn and(mut self, condition: Condition) -> Self {
        self.0.push(condition);
        self
    }

    /// Also requires that the field has this value.
    pub(crate) fn is(self, field: Field, value: impl Into<Bson>) -> Self {
        self.and(Condition::Is(field, value.into()))
    }

    /// Also requires that the field has this value, if there is one to require.
    pub(crate) fn and_is<T: Into<Bson>>(self, field: Field, value: Option<T>) -> Self {
        match value {
            Some(value) => self.is(field, value),
            None => self,
        }
    }

    /// Also requires that the field has one of these values.
    pub(crate) fn one_of<T: Into<Bson>>(self, field: Field, values: impl IntoIterator<Item = T>) -> Self {
        self.and(Condition::OneOf(field, values.into_iter().map(Into::into).collect()))
    }

    /// What tells the list of what the query finds from other lists.
    pub(crate) fn list_tag(&self, collection: Collection) -> ListTag {
        ListTag::new(collection.name(), self.to_filter().to_string().as_bytes())
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// The query as the database's filter.
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

    /// Whether the query finds `document`.
    pub(crate) fn matches(&self, document: &RawDocument) -> bool {
        self.0.iter().all(|condition| condition.matches(document))
    }
}

impl Condition {
    fn to_filter(&self) -> Document {
        let (key, value) = self.to_entry();
        doc! { key: value }
    }

    fn to_entry(&self) -> (&'static str, Bson) {
        match self {
            Self::Is(field, value) => (field.as_str(), value.clone()),
            Self::OneOf(field, values) => (field.as_str(), doc! { "$in": values.clone() }.into()),
            Self::AtMost(field, time) => (field.as_str(), doc! { "$lte": *time }.into()),
            Self::Present(field) => (field.as_str(), doc! { "$ne": Bson::Null }.into()),
            Self::Positive(field) => (field.as_str(), doc! { "$gt": 0_i64 }.into()),
            Self::Within(field, start, end) => {
                (field.as_str(), doc! { "$gte": start.clone(), "$lt": end.clone() }.into())
            }
            Self::NotTrue(field) => (field.as_str(), doc! { "$ne": true }.into()),
            Self::Any(any) => ("$or", any.iter().map(Self::to_filter).collect::<Vec<_>>().into()),
        }
    }

    fn matches(&self, document: &RawDocument) -> bool {
        let value = |field: Field| document.get(field.as_str()).ok().flatten();
        match self {
            Self::Is(field, wanted) => value(*field).is_some_and(|value| is_same(value, wanted)),
            Self::OneOf(field, wanted) => {
                value(*field).is_some_and(|value| wanted.iter().any(|wanted| is_same(value, wanted)))
            }
            Self::AtMost(field, time) => {
                value(*field).and_then(RawBsonRef::as_datetime).is_some_and(|value| value <= *time)
            }
            Self::Present(field) => !matches!(value(*field), None | Some(RawBsonRef::Null)),
            Self::Positive(field) => value(*field).is_some_and(is_positive),
            Self::Within(field, start, end) => match (value(*field), start, end) {
                (Some(RawBsonRef::DateTime(value)), Bson::DateTime(start), Bson::DateTime(end)) => {
                    (*start..*end).contains(&value)
                }
                (Some(RawBsonRef::String(value)), Bson::String(start), Bson::String(end)) => {
                    start.as_str() <= value && value < end.as_str()
                }
                _ => false,
            },
            Self::NotTrue(field) => value(*field).and_then(RawBsonRef::as_bool) != Some(true),
            Self::Any(any) => any.iter().any(|condition| condition.matches(document)),
        }
    }
}

fn is_positive(value: RawBsonRef<'_>) -> bool {
    match value {
        RawBsonRef::Int32(number) => number > 0,
        RawBsonRef::Int64(number) => number > 0,
        RawBsonRef::Double(number) => number > 0.0,
        _ => false,
    }
}

/// Equality of the scalars that filters use.
fn is_same(value: RawBsonRef<'_>, wanted: &Bson) -> bool {
    match (value, wanted) {
        (RawBsonRef::String(value), Bson::String(wanted)) => value == wanted,
        (RawBsonRef::ObjectId(value), Bson::ObjectId(wanted)) => value == *wanted,
        (RawBsonRef::Boolean(value), Bson::Boolean(wanted)) => value == *wanted,
        (RawBsonRef::DateTime(value), Bson::DateTime(wanted)) => value.cmp(wanted) == Ordering::Equal,
        _ => false,
    }
}
