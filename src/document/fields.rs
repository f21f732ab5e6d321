//! Reading a stored document field by field.

use std::borrow::Cow;
use std::cell::Cell;
use std::str::FromStr;

use bson::oid::ObjectId;
use bson::raw::{RawBsonRef, RawDocument};
use chrono::{DateTime, Utc};

use super::field::{self, Field};
use crate::collection::Collection;
use crate::error::{Error, Result};

/// What is wrong with a value; never the value itself.
pub(crate) type Problem = &'static str;

/// The fields of a document.
///
/// Look-ups go on from where the last one ended, so reading fields in their stored order costs one
/// pass.
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

    /// A field that must be there.
    pub(crate) fn required<T>(
        &self,
        name: Field,
        read: impl FnOnce(RawBsonRef<'a>) -> Result<T, Problem>,
    ) -> Result<T> {
        self.optional(name, read)?.ok_or_else(|| self.corrupt(name.as_str(), "is missing"))
    }

    /// A field that may be absent. An explicit null is absent too: old documents have them.
    pub(crate) fn optional<T>(
        &self,
        name: Field,
        read: impl FnOnce(RawBsonRef<'a>) -> Result<T, Problem>,
    ) -> Result<Option<T>> {
        match self.find(name.as_str()) {
            None | Some(RawBsonRef::Null | RawBsonRef::Undefined) => Ok(None),
            Some(value) => read(value).map(Some).map_err(|problem| self.corrupt(name.as_str(), problem)),
        }
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
        let id = match self.find(field::ID.as_str()) {
            Some(RawBsonRef::ObjectId(id)) => id.to_hex(),
            _ => "unknown".to_owned(),
        };
        Error::Corrupt { collection: self.collection, id, path: Cow::Borrowed(path), problem }
    }
}

/// The `_id` of a document.
pub(crate) fn id_of(collection: Collection, document: &RawDocument) -> Result<ObjectId> {
    Fields::of(collection, document)?.required(field::ID, object_id)
}

pub(super) fn object_id(value: RawBsonRef<'_>) -> Result<ObjectId, Problem> {
    value.as_object_id().ok_or("is not an ObjectId")
}

pub(super) fn text(value: RawBsonRef<'_>) -> Result<&str, Problem> {
    value.as_str().ok_or("is not a string")
}

pub(super) fn string(value: RawBsonRef<'_>) -> Result<String, Problem> {
    text(value).map(str::to_owned)
}

pub(super) fn boolean(value: RawBsonRef<'_>) -> Result<bool, Problem> {
    value.as_bool().ok_or("is not a boolean")
}

pub(super) fn time(value: RawBsonRef<'_>) -> Result<DateTime<Utc>, Problem> {
    let millis = value.as_datetime().ok_or("is not a date")?.timestamp_millis();
    DateTime::from_timestamp_millis(millis).ok_or("is a date out of the calendar")
}

pub(super) fn number(value: RawBsonRef<'_>) -> Result<f64, Problem> {
    match value {
        RawBsonRef::Double(number) => Ok(number),
        RawBsonRef::Int32(number) => Ok(number.into()),
        #[expect(clippy::cast_precision_loss, reason = "rates and hours are small")]
        RawBsonRef::Int64(number) => Ok(number as f64),
        _ => Err("is not a number"),
    }
}

/// A count: not negative, and of any number type, because old documents have them all.
pub(super) fn count(value: RawBsonRef<'_>) -> Result<u64, Problem> {
    /// Up to here every whole number is a double.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let count = match value {
        RawBsonRef::Int32(number) => u64::try_from(number).ok(),
        RawBsonRef::Int64(number) => u64::try_from(number).ok(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        RawBsonRef::Double(number) if (0.0..=MAX_EXACT).contains(&number) && number.fract() == 0.0 => {
            Some(number as u64)
        }
        RawBsonRef::Double(_) => None,
        _ => return Err("is not a number"),
    };
    count.ok_or("is not a count")
}

/// A text of a fixed form, such as a UUID or a status.
pub(super) fn parsed<T: FromStr>(value: RawBsonRef<'_>) -> Result<T, Problem> {
    text(value)?.parse().map_err(|_| "does not have the form of its kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::raw::cstr;
    use bson::rawdoc;

    #[test]
    fn counts_are_read_from_any_number_type() {
        for value in [RawBsonRef::Int32(7), RawBsonRef::Int64(7), RawBsonRef::Double(7.0)] {
            assert_eq!(count(value), Ok(7));
        }
        for value in [
            RawBsonRef::Int32(-1),
            RawBsonRef::Int64(i64::MIN),
            RawBsonRef::Double(0.5),
            RawBsonRef::Double(f64::NAN),
            RawBsonRef::Double(1e300),
            RawBsonRef::String("7"),
        ] {
            assert!(count(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn fields_are_found_in_any_order_and_the_first_of_two_wins() {
        let document = rawdoc! { "a": 1, "b": 2, "c": 3 };
        let fields = Fields::of(Collection::Users, &document).unwrap();
        for (name, value) in [(cstr!("c"), 3), (cstr!("a"), 1), (cstr!("b"), 2), (cstr!("b"), 2)] {
            assert_eq!(fields.required(name, count).unwrap(), value);
        }
        assert_eq!(fields.optional(cstr!("d"), count).unwrap(), None);
        let empty = rawdoc! {};
        assert_eq!(Fields::of(Collection::Users, &empty).unwrap().optional(cstr!("a"), count).unwrap(), None);
    }

    #[test]
    fn a_bad_value_is_named_by_place_and_never_shown() {
        let id = ObjectId::from_bytes([7; 12]);
        let document = rawdoc! { "_id": id, "opens": "hunter2" };
        let fields = Fields::of(Collection::EmailTracking, &document).unwrap();
        let error = fields.required(field::OPENS, count).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("email_tracking: document {id} cannot be read: opens: is not a number")
        );
        assert!(!format!("{error:?}").contains("hunter2"));
        let error = fields.required(field::SUBJECT, text).unwrap_err();
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
