//! The fields of a legacy document.

use bson::raw::{RawBsonRef, RawDocument};

use super::Mapped;
use super::findings::Findings;
use super::reason::{Reason, Rejection, Repair};
use crate::document::field::Field;

/// A field of the schema, and what the document holds for it.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    name: &'static str,
    /// The name under which it was found first.
    key: Option<&'a str>,
    /// The value; an explicit null is none.
    pub(super) value: Option<RawBsonRef<'a>>,
}

impl<'a> Slot<'a> {
    pub(super) fn absent(name: Field) -> Self {
        Self { name: name.as_str(), key: None, value: None }
    }

    pub(super) fn reason(&self, code: Rejection) -> Reason {
        Reason { code, path: self.name, bson_type: self.value.map_or("missing", type_name) }
    }

    fn fill(&mut self, key: &'a str, value: RawBsonRef<'a>, findings: &mut Findings) {
        let is_repeated = self.key == Some(key);
        self.key.get_or_insert(key);
        let value = Some(value).filter(|value| !matches!(value, RawBsonRef::Null | RawBsonRef::Undefined));
        if is_repeated || (self.value.is_some() && value.is_some() && self.value != value) {
            findings.reject(Rejection::ConflictingFields, *self);
        } else if value.is_some() {
            if self.value.is_some() || key != self.name {
                findings.repair(Repair::RenamedFields);
            }
            self.value = value;
        }
    }
}

/// The fields of these names, in one pass. Other fields are passed over.
///
/// # Errors
/// The document is malformed.
pub(super) fn read<'a, const N: usize>(
    document: &'a RawDocument,
    names: [Field; N],
    findings: &mut Findings,
) -> Mapped<[Slot<'a>; N]> {
    let mut slots = names.map(Slot::absent);
    let mut expected = 0;
    for element in document.iter_elements() {
        let element = element.map_err(|_| malformed())?;
        let key = element.key().as_str();
        // Documents have their fields in much the same order, so the next one is mostly the next one.
        let place = find(&slots, expected, |name| key == name)
            .or_else(|| find(&slots, expected, |name| is_spelling_of(name, key)));
        if let Some((place, slot)) = place.and_then(|place| Some((place, slots.get_mut(place)?))) {
            slot.fill(key, element.value().map_err(|_| malformed())?, findings);
            expected = place + 1;
        }
    }
    Ok(slots)
}

fn find(slots: &[Slot<'_>], start: usize, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    let (before, after) = slots.split_at_checked(start)?;
    let position = |part: &[Slot<'_>]| part.iter().position(|slot| is_it(slot.name));
    position(after).map(|place| start + place).or_else(|| position(before))
}

/// Whether a key is the name in other words: `userId`, `UserID` or `user-id` for `user_id`.
pub(super) fn is_spelling_of(name: &str, key: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> {
        text.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase())
    }
    // `id` is not `_id`.
    !name.starts_with('_') && !key.starts_with('_') && letters(name).eq(letters(key))
}

fn malformed() -> Vec<Reason> {
    vec![Reason { code: Rejection::MalformedBson, path: "(document)", bson_type: "object" }]
}

/// The name that `$type` has for the type of a value.
fn type_name(value: RawBsonRef<'_>) -> &'static str {
    match value {
        RawBsonRef::Double(_) => "double",
        RawBsonRef::String(_) => "string",
        RawBsonRef::Array(_) => "array",
        RawBsonRef::Document(_) => "object",
        RawBsonRef::Boolean(_) => "bool",
        RawBsonRef::Null => "null",
        RawBsonRef::RegularExpression(_) => "regex",
        RawBsonRef::JavaScriptCode(_) => "javascript",
        RawBsonRef::JavaScriptCodeWithScope(_) => "javascriptWithScope",
        RawBsonRef::Int32(_) => "int",
        RawBsonRef::Int64(_) => "long",
        RawBsonRef::Timestamp(_) => "timestamp",
        RawBsonRef::Binary(_) => "binData",
        RawBsonRef::ObjectId(_) => "objectId",
        RawBsonRef::DateTime(_) => "date",
        RawBsonRef::Symbol(_) => "symbol",
        RawBsonRef::Decimal128(_) => "decimal",
        RawBsonRef::Undefined => "undefined",
        RawBsonRef::MaxKey => "maxKey",
        RawBsonRef::MinKey => "minKey",
        RawBsonRef::DbPointer(_) => "dbPointer",
    }
}
