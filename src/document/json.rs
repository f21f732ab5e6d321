//! JSON objects as BSON documents. This is not extended JSON: a key such as `$oid` has no special meaning.

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, Document};
use serde_json::{Map, Number, Value};

use super::problem::Problem;

/// The maximum depth of a stored object; a database cannot hold deeper ones.
const MAX_DEPTH: usize = 200;

pub(super) fn to_document(map: &Map<String, Value>) -> Document {
    map.iter().map(|(key, value)| (key.clone(), to_bson(value))).collect()
}

fn to_bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Bson::Int64(number),
            (None, Some(number)) => Bson::Double(number),
            (None, None) => Bson::Null,
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(values) => Bson::Array(values.iter().map(to_bson).collect()),
        Value::Object(map) => Bson::Document(to_document(map)),
    }
}

pub(crate) fn from_raw(value: RawBsonRef<'_>) -> Result<Map<String, Value>, Problem> {
    map_of(value.as_document().ok_or("is not an object")?, MAX_DEPTH)
}

fn map_of(document: &RawDocument, levels: usize) -> Result<Map<String, Value>, Problem> {
    let mut map = Map::new();
    for element in document {
        let (key, value) = element.map_err(|_| "is not well-formed BSON")?;
        map.insert(key.as_str().to_owned(), to_json(value, levels)?);
    }
    Ok(map)
}

fn to_json(value: RawBsonRef<'_>, levels: usize) -> Result<Value, Problem> {
    let Some(levels) = levels.checked_sub(1) else { return Err("is nested too deep") };
    Ok(match value {
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        RawBsonRef::Boolean(value) => Value::Bool(value),
        RawBsonRef::Int32(number) => Value::from(number),
        RawBsonRef::Int64(number) => Value::from(number),
        RawBsonRef::Double(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Value::from(text),
        RawBsonRef::ObjectId(id) => Value::String(id.to_hex()),
        RawBsonRef::DateTime(time) => time.try_to_rfc3339_string().map_or(Value::Null, Value::String),
        RawBsonRef::Document(document) => Value::Object(map_of(document, levels)?),
        RawBsonRef::Array(array) => {
            let values =
                array.into_iter().map(|value| to_json(value.map_err(|_| "is not well-formed BSON")?, levels));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        _ => return Err("holds a value that JSON does not have"),
    })
}
