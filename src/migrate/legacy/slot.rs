use bson::raw::RawBsonRef;

use super::reason::{Reason, Rejection, Repair};
use crate::document::Field;

/// A field of the schema, and what the document holds for it.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    pub(super) name: &'static str,
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

    /// Takes the value of a field that is this one under some spelling of its name. Says what that
    /// repairs, or why it cannot be.
    pub(super) fn fill(&mut self, key: &'a str, value: RawBsonRef<'a>) -> Result<Option<Repair>, Rejection> {
        let is_repeated = self.key == Some(key);
        self.key.get_or_insert(key);
        let value = Some(value).filter(|value| !matches!(value, RawBsonRef::Null | RawBsonRef::Undefined));
        if is_repeated || (self.value.is_some() && value.is_some() && self.value != value) {
            return Err(Rejection::ConflictingFields);
        }
        if value.is_none() {
            return Ok(None);
        }
        let is_renamed = self.value.is_some() || key != self.name;
        self.value = value;
        Ok(is_renamed.then_some(Repair::RenamedFields))
    }
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
