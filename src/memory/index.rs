//! An index of a table.

use std::collections::{BTreeSet, HashMap};

use bson::Bson;
use bson::oid::ObjectId;
use bson::raw::{RawBinaryRef, RawBsonRef, RawDocument};

use crate::document::{Condition, Query};
use crate::schema::{IndexSpec, Only};

/// Rows by the values of the fields in a spec.
pub(super) struct Index {
    pub(super) spec: &'static IndexSpec,
    rows: HashMap<Key, BTreeSet<ObjectId>>,
}

/// The indexed values of a row, each with its type. A missing value is null, as in the database.
type Key = Vec<u8>;

impl Index {
    pub(super) fn new(spec: &'static IndexSpec) -> Self {
        Self { spec, rows: HashMap::new() }
    }

    /// Whether a row other than `id` has the keys of `document` in a unique index.
    pub(super) fn refuses(&self, id: ObjectId, document: &RawDocument) -> bool {
        self.spec.unique
            && self
                .key_of(document)
                .and_then(|key| self.rows.get(&key))
                .is_some_and(|rows| rows.iter().any(|row| *row != id))
    }

    pub(super) fn insert(&mut self, id: ObjectId, document: &RawDocument) {
        if let Some(key) = self.key_of(document) {
            self.rows.entry(key).or_default().insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: ObjectId, document: &RawDocument) {
        let Some(key) = self.key_of(document) else { return };
        if let Some(rows) = self.rows.get_mut(&key) {
            rows.remove(&id);
            if rows.is_empty() {
                self.rows.remove(&key);
            }
        }
    }

    /// Whether `before` and `after` have the same place in the index.
    pub(super) fn is_unchanged(&self, before: &RawDocument, after: &RawDocument) -> bool {
        self.key_of(before) == self.key_of(after)
    }

    /// The rows that can match `query`, one list per key; `None` if this index cannot tell.
    pub(super) fn candidates(&self, query: &Query) -> Option<Vec<&BTreeSet<ObjectId>>> {
        if self.spec.only_where.is_some() {
            return None;
        }
        let keys = self.keys_of_alternatives(query).or_else(|| {
            let values: Option<Vec<&Bson>> =
                self.spec.keys.iter().map(|field| required_value(query, field)).collect();
            Some(vec![key_of_values(&values?)])
        })?;
        Some(keys.iter().filter_map(|key| self.rows.get(key)).collect())
    }

    /// The keys that a list of values in the query allows.
    fn keys_of_alternatives(&self, query: &Query) -> Option<Vec<Key>> {
        let [field] = self.spec.keys else { return None };
        query.conditions().iter().find_map(|condition| match condition {
            Condition::OneOf(name, values) if name == field => {
                Some(values.iter().map(|value| key_of_values(&[value])).collect())
            }
            _ => None,
        })
    }

    /// The key of a document; `None` if the document is not in the index.
    fn key_of(&self, document: &RawDocument) -> Option<Key> {
        let value = |field: &str| document.get(field).ok().flatten();
        if let Some(Only::True(field)) = self.spec.only_where
            && value(field) != Some(RawBsonRef::Boolean(true))
        {
            return None;
        }
        let mut key = Key::new();
        let mut absent = 0;
        for field in self.spec.keys {
            let value = value(field);
            absent += usize::from(value.is_none());
            append(&mut key, value.unwrap_or(RawBsonRef::Null));
        }
        (!self.spec.sparse || absent < self.spec.keys.len()).then_some(key)
    }
}

fn required_value<'a>(query: &'a Query, field: &str) -> Option<&'a Bson> {
    query.conditions().iter().find_map(|condition| match condition {
        Condition::Is(name, value) if *name == field => Some(value),
        _ => None,
    })
}

fn key_of_values(values: &[&Bson]) -> Key {
    let mut key = Key::new();
    for value in values {
        append(
            &mut key,
            match value {
                Bson::String(text) => RawBsonRef::String(text),
                Bson::ObjectId(id) => RawBsonRef::ObjectId(*id),
                Bson::Boolean(value) => RawBsonRef::Boolean(*value),
                Bson::DateTime(time) => RawBsonRef::DateTime(*time),
                Bson::Binary(binary) => {
                    RawBsonRef::Binary(RawBinaryRef { subtype: binary.subtype, bytes: &binary.bytes })
                }
                _ => RawBsonRef::Null,
            },
        );
    }
    key
}

fn append(key: &mut Key, value: RawBsonRef<'_>) {
    key.push(value.element_type() as u8);
    match value {
        RawBsonRef::String(text) => {
            key.extend((text.len() as u64).to_le_bytes());
            key.extend(text.as_bytes());
        }
        RawBsonRef::ObjectId(id) => key.extend(id.bytes()),
        RawBsonRef::Boolean(value) => key.push(value.into()),
        RawBsonRef::DateTime(time) => key.extend(time.timestamp_millis().to_le_bytes()),
        RawBsonRef::Binary(binary) => {
            key.push(binary.subtype.into());
            key.extend((binary.bytes.len() as u64).to_le_bytes());
            key.extend(binary.bytes);
        }
        // No index covers a field of another type.
        _ => {}
    }
}
