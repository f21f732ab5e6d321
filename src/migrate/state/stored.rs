//! Reading what the migration keeps for itself. Strictly: what cannot be read is an error, since a
//! migration that forgets where it stands does harm.

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use serde::de::DeserializeOwned;

use crate::collection::Collection;
use crate::error::Error;

/// A document of `collection`.
pub(crate) fn read<T: DeserializeOwned>(collection: Collection, document: &RawDocument) -> Result<T, Error> {
    bson::deserialize_from_slice(document.as_bytes()).map_err(|_| corrupt(collection, document))
}

/// Documents of `collection`.
pub(crate) fn read_all<T: DeserializeOwned>(
    collection: Collection,
    documents: &[RawDocumentBuf],
) -> Result<Vec<T>, Error> {
    documents.iter().map(|document| read(collection, document)).collect()
}

/// The error of a document that the migration did not write so.
pub(crate) fn corrupt(collection: Collection, document: &RawDocument) -> Error {
    // What serde says would repeat the value.
    let problem = "is not what a migration writes";
    Error::Corrupt { collection, id: shown(document), path: "(document)".into(), problem }
}

/// The `_id`, as far as the migration itself makes such.
fn shown(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        Ok(Some(RawBsonRef::String(id))) => id.to_owned(),
        _ => "unknown".to_owned(),
    }
}
