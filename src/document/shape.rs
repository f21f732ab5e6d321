//! The shape of the documents of a collection, for the database to check.

use bson::{Bson, Document, doc};

use super::{Field, Marked, Part, Stored};

/// The fields of a document, which can have others too.
#[derive(Debug)]
pub(crate) struct Shape {
    required: Vec<Bson>,
    properties: Document,
}

impl Shape {
    /// The shape of a document without fields.
    pub(crate) fn new() -> Self {
        Self { required: Vec::new(), properties: Document::new() }
    }

    /// A required field. The field of the record that holds it determines its type.
    pub(crate) fn required<R, T: Stored>(mut self, name: Field, _field: impl Fn(&R) -> &T) -> Self {
        self.required.push(name.as_str().into());
        self.properties.insert(name.as_str(), T::schema());
        self
    }

    /// An optional field; null means the same as absent.
    pub(crate) fn optional<R, T: Stored>(self, name: Field, _field: impl Fn(&R) -> &Option<T>) -> Self {
        self.nullable(name, T::schema())
    }

    /// The same, for a field that has a default.
    pub(crate) fn default<R, T: Stored>(self, name: Field, _field: impl Fn(&R) -> &T) -> Self {
        self.nullable(name, T::schema())
    }

    /// The same, for a mark that events leave. Its schema asks for the types that the store writes, fewer
    /// than it reads.
    pub(crate) fn mark<R, T: Marked>(self, name: Field, _field: impl Fn(&R) -> &T) -> Self {
        self.nullable(name, T::schema())
    }

    /// The fields of a part.
    pub(crate) fn part<R, T: Part>(self, _field: impl Fn(&R) -> &T) -> Self {
        T::shape(self)
    }

    /// An optional field that is not read with the record.
    pub(crate) fn beside<T: Stored>(self, name: Field) -> Self {
        self.nullable(name, T::schema())
    }

    fn nullable(mut self, name: Field, mut schema: Document) -> Self {
        for (keyword, null) in [("bsonType", Bson::from("null")), ("enum", Bson::Null)] {
            if let Ok(values) = schema.get_array_mut(keyword) {
                values.push(null);
            }
        }
        self.properties.insert(name.as_str(), schema);
        self
    }

    /// The shape as a validator.
    pub(crate) fn into_validator(self) -> Document {
        let Self { required, properties } = self;
        doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
    }
}
