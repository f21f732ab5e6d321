//! The sealed original of a document in quarantine.

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf, cstr};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use super::{Field, ID};
use crate::collection::Collection;
use crate::error::SecretProblem;
use crate::secret::{SealedOriginal, Vault};

pub(crate) const ORIGINAL: Field = cstr!("original");

/// Where the original of the document with this `_id` in the quarantine belongs: it opens nowhere else.
pub(crate) fn place_of(id: &Document) -> Result<RawDocumentBuf, SecretProblem> {
    let place = doc! { "collection": Collection::MigrationQuarantine.name(), "_id": id };
    RawDocumentBuf::try_from(&place).map_err(|_| SecretProblem::Malformed)
}

/// The original of the document of this `_id`, sealed.
pub(crate) fn seal(id: &Document, original: &[u8], vault: &Vault) -> Result<Bson, SecretProblem> {
    Ok(binary(vault.seal_document(place_of(id)?.as_bytes(), original)?))
}

/// The sealed original of a document in quarantine. One that is not even binary is taken for an empty one,
/// which does not open. `None` where the `_id` is not of this quarantine.
pub(crate) fn original_of(row: &RawDocument) -> Option<SealedOriginal> {
    let id = Document::try_from(row.get_document(ID.as_str()).ok()?).ok()?;
    let place = place_of(&id).ok()?.into_bytes();
    let name = format!("{}: {}", Collection::MigrationQuarantine, name_of(&id));
    Some(SealedOriginal { name, place, sealed: bytes_of(row).unwrap_or_default().to_vec(), id })
}

/// The bytes of a sealed original.
pub(crate) fn bytes_of(row: &RawDocument) -> Option<&[u8]> {
    Some(row.get_binary(ORIGINAL.as_str()).ok()?.bytes)
}

/// The `_id` that the document had, if it is one that tells nothing.
fn name_of(id: &Document) -> String {
    let unnamed = |_| "a document whose _id is not an ObjectId".to_owned();
    id.get_object_id("id").map_or_else(unnamed, ObjectId::to_hex)
}

pub(crate) fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}
