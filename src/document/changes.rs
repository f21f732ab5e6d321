//! Changes of a document: one description, which the database runs as an update and the in-memory store
//! applies itself.

use bson::raw::{RawBson, RawBsonRef, RawDocument, RawDocumentBuf};
#[cfg(feature = "mongo")]
use bson::{Bson, Document, doc, rawdoc};
use chrono::{DateTime, Utc};

use super::{Field, Stored, UPDATED_AT};
use crate::clock::next_version;
use crate::model::Change;

/// Fields to set and to remove, together with the version if the document has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Changes {
    version: Option<(Field, DateTime<Utc>)>,
    set: Vec<(Field, RawBson)>,
    unset: Vec<Field>,
    add: Option<(Field, u32)>,
}

impl Changes {
    /// Changes only the version, `updated_at`.
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        Self::versioned_by(UPDATED_AT, now)
    }

    /// The same, with another field as the version.
    pub(crate) fn versioned_by(version: Field, now: DateTime<Utc>) -> Self {
        Self { version: Some((version, now)), ..Self::unversioned() }
    }

    /// The same, without a version.
    pub(crate) fn unversioned() -> Self {
        Self { version: None, set: Vec::new(), unset: Vec::new(), add: None }
    }

    /// Also sets a field.
    pub(crate) fn set(self, field: Field, value: &impl Stored) -> Self {
        self.set_raw(field, value.to_raw())
    }

    /// Also sets a field to a value in its stored form.
    pub(crate) fn set_raw(mut self, field: Field, value: RawBson) -> Self {
        self.set.push((field, value));
        self
    }

    /// Also removes a field.
    pub(crate) fn unset(mut self, field: Field) -> Self {
        self.unset.push(field);
        self
    }

    /// Also sets a field, if there is a value for it.
    pub(crate) fn set_if(self, field: Field, value: Option<&impl Stored>) -> Self {
        match value {
            Some(value) => self.set(field, value),
            None => self,
        }
    }

    /// Also makes this change to a field.
    pub(crate) fn change(self, field: Field, change: &Change<impl Stored>) -> Self {
        match change {
            Change::Keep => self,
            Change::Set(value) => self.set(field, value),
            Change::Clear => self.unset(field),
        }
    }

    /// Also adds to a field that holds a count.
    pub(crate) fn add(mut self, field: Field, n: u32) -> Self {
        self.add = Some((field, n));
        self
    }

    /// The changes as an update pipeline of the database.
    #[cfg(feature = "mongo")]
    pub(crate) fn to_pipeline(&self) -> Vec<Document> {
        let reference = |field: Field| format!("${}", field.as_str());
        let mut set = Document::new();
        for (field, value) in &self.set {
            // Without `$literal`, a text that starts with `$` would be read as a field name.
            set.insert(field.as_str(), doc! { "$literal": bson(value) });
        }
        if let Some((field, n)) = self.add {
            let sum = doc! { "$add": [{ "$ifNull": [reference(field), 0_i64] }, i64::from(n)] };
            set.insert(field.as_str(), sum);
        }
        // The rule of `next_version`.
        if let Some((version, now)) = self.version {
            let after_previous = doc! { "$add": [reference(version), 1] };
            let next = doc! { "$max": [bson::DateTime::from_chrono(now), after_previous] };
            set.insert(version.as_str(), next);
        }
        let mut pipeline = vec![doc! { "$set": set }];
        if !self.unset.is_empty() {
            let fields: Vec<_> = self.unset.iter().map(|field| field.as_str()).collect();
            pipeline.push(doc! { "$unset": fields });
        }
        pipeline
    }

    /// The changes as a plain update, which only sets fields to values known here. The server runs it faster
    /// than a pipeline. A version must already be the next one.
    #[cfg(feature = "mongo")]
    pub(crate) fn to_plain_update(&self) -> RawDocumentBuf {
        let mut set = RawDocumentBuf::new();
        for (field, value) in &self.set {
            set.append(field, value);
        }
        if let Some((version, now)) = self.version {
            set.append(version, bson::DateTime::from(now));
        }
        rawdoc! { "$set": set }
    }

    /// The document after the changes.
    pub(crate) fn apply_to(&self, document: &RawDocument) -> RawDocumentBuf {
        let mut values: Vec<(Field, Option<RawBson>)> = Vec::with_capacity(self.set.len() + 2);
        for (field, value) in &self.set {
            values.push((*field, Some(value.clone())));
        }
        if let Some((field, n)) = self.add {
            let sum = count_in(document, field).saturating_add(n.into());
            values.push((field, Some(RawBson::Int64(sum))));
        }
        if let Some((version, now)) = self.version {
            let previous = document.get_datetime(version.as_str()).ok().map(bson::DateTime::to_chrono);
            let next = previous.map_or(now, |previous| next_version(now, previous));
            values.push((version, Some(RawBson::DateTime(next.into()))));
        }

        let mut changed = RawDocumentBuf::new();
        for (name, old) in document.iter().flatten() {
            let new = values.iter_mut().find(|(field, _)| *field == name).and_then(|(_, value)| value.take());
            match new {
                Some(new) => changed.append(name, new),
                None if self.unset.contains(&name) => {}
                None => changed.append(name, old),
            }
        }
        for (field, value) in values {
            if let Some(value) = value {
                changed.append(field, value);
            }
        }
        changed
    }
}

#[cfg(feature = "mongo")]
fn bson(value: &RawBson) -> Bson {
    Bson::try_from(value.clone()).unwrap_or(Bson::Null)
}

fn count_in(document: &RawDocument, field: Field) -> i64 {
    match document.get(field.as_str()) {
        Ok(Some(RawBsonRef::Int64(number))) => number,
        Ok(Some(RawBsonRef::Int32(number))) => number.into(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use bson::raw::cstr;
    use bson::rawdoc;

    use super::*;

    #[test]
    fn fields_are_set_in_place_added_at_the_end_and_removed() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap_or_default();
        let before = rawdoc! {
            "_id": 1, "email": "a", "opens": 5, "subject": "s", "updated_at": bson::DateTime::from_millis(1_000),
        };
        let (text, status) = ("$t".to_owned(), "active".to_owned());
        let changes = Changes::at(at(10))
            .change(cstr!("email"), &Change::<String>::Clear)
            .set(cstr!("subject"), &text)
            .set(cstr!("status"), &status)
            .add(cstr!("opens"), 2);
        let after = rawdoc! {
            "_id": 1, "opens": 7_i64, "subject": "$t", "updated_at": bson::DateTime::from_millis(1_001), "status": "active",
        };
        assert_eq!(changes.apply_to(&before), after);
    }
}
