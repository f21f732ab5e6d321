//! Reading a stored document field by field.

use std::borrow::Cow;
use std::cell::Cell;

use bson::oid::ObjectId;
use bson::raw::{RawBsonRef, RawDocument};

use super::problem::Problem;
use super::{Field, ID, Marked, Stored};
use crate::collection::Collection;
use crate::error::{Error, Result};

/// The fields of a document.
///
/// Look-ups continue where the last one ended, so reading fields in stored order takes one pass.
pub(crate) struct Fields<'a> {
    collection: Collection,
    all: Vec<(&'a str, RawBsonRef<'a>)>,
    next: Cell<usize>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(collection: Collection, document: &'a RawDocument) -> Result<Self> {
        let mut fields = Self { collection, all: Vec::with_capacity(24), next: Cell::default() };
        for element in document {
            let Ok((name, value)) = element else {
                return Err(fields.corrupt("(document)", "is not well-formed BSON"));
            };
            fields.all.push((name.as_str(), value));
        }
        Ok(fields)
    }

    /// A required field.
    pub(crate) fn required<T: Stored>(&self, name: Field) -> Result<T> {
        self.required_named(name.as_str())
    }

    /// The same, for a name that is not a constant of the record.
    pub(crate) fn required_named<T: Stored>(&self, name: &'static str) -> Result<T> {
        self.read(name, T::read)?.ok_or_else(|| self.corrupt(name, "is missing"))
    }

    /// An optional field.
    pub(crate) fn optional<T: Stored>(&self, name: Field) -> Result<Option<T>> {
        self.read(name.as_str(), T::read)
    }

    /// The mark that events left in a row.
    pub(crate) fn mark<T: Marked>(&self, name: Field) -> Result<T> {
        self.read(name.as_str(), T::read).map(Option::unwrap_or_default)
    }

    /// The value of a field. An explicit null counts as absent: old documents have them.
    pub(crate) fn value(&self, name: &str) -> Option<RawBsonRef<'a>> {
        self.find(name).filter(is_there)
    }

    fn read<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(RawBsonRef<'a>) -> Result<T, Problem>,
    ) -> Result<Option<T>> {
        let read = self.find(name).filter(is_there).map(read).transpose();
        read.map_err(|problem| self.corrupt(name, problem))
    }

    fn find(&self, name: &str) -> Option<RawBsonRef<'a>> {
        let start = self.next.get();
        let (before, after) = self.all.split_at_checked(start)?;
        let found = after.iter().chain(before).position(|(other, _)| *other == name)?;
        let place = (start + found) % self.all.len();
        self.next.set(place + 1);
        self.all.get(place).map(|(_, value)| *value)
    }

    fn corrupt(&self, path: &'static str, problem: Problem) -> Error {
        let id = match self.find(ID.as_str()) {
            Some(RawBsonRef::ObjectId(id)) => id.to_hex(),
            _ => "unknown".to_owned(),
        };
        Error::Corrupt { collection: self.collection, id, path: Cow::Borrowed(path), problem }
    }
}

fn is_there(value: &RawBsonRef<'_>) -> bool {
    !matches!(value, RawBsonRef::Null | RawBsonRef::Undefined)
}

/// The `_id` of a document.
pub(crate) fn id_of(collection: Collection, document: &RawDocument) -> Result<ObjectId> {
    Fields::of(collection, document)?.required(ID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::raw::cstr;
    use bson::rawdoc;

    #[test]
    fn fields_are_found_in_any_order_and_the_first_of_two_wins() {
        let document = rawdoc! { "a": 1, "b": 2, "c": 3 };
        let fields = Fields::of(Collection::Users, &document).unwrap();
        for (name, value) in [(cstr!("c"), 3), (cstr!("a"), 1), (cstr!("b"), 2), (cstr!("b"), 2)] {
            assert_eq!(fields.required::<u64>(name).unwrap(), value);
        }
        assert_eq!(fields.optional::<u64>(cstr!("d")).unwrap(), None);
        let empty = rawdoc! {};
        assert_eq!(Fields::of(Collection::Users, &empty).unwrap().optional::<u64>(cstr!("a")).unwrap(), None);
    }

    #[test]
    fn a_bad_value_is_named_by_place_and_never_shown() {
        let id = ObjectId::from_bytes([7; 12]);
        let document = rawdoc! { "_id": id, "opens": "hunter2" };
        let fields = Fields::of(Collection::EmailTracking, &document).unwrap();
        let error = fields.required::<u64>(cstr!("opens")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("email_tracking: document {id} cannot be read: opens: is not a number")
        );
        assert!(!format!("{error:?}").contains("hunter2"));
        let error = fields.required::<String>(cstr!("subject")).unwrap_err();
        assert!(error.to_string().ends_with("subject: is missing"));
    }

    #[test]
    fn bytes_that_are_no_document_are_an_error() {
        let mut bytes = rawdoc! { "_id": 1, "a": "text" }.into_bytes();
        let last = bytes.len() - 3;
        bytes[last - 8] = 0xff;
        if let Ok(document) = RawDocument::from_bytes(&bytes) {
            assert!(Fields::of(Collection::Users, document).is_err());
        }
    }
}
