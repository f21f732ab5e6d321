use bson::Bson;
use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};

/// The most documents of a page, and of a transaction.
pub(crate) const LIMIT: usize = 1_000;
/// What is asked for: one more tells whether that is all, and the lower bound of a range is inclusive.
pub(crate) const BATCH: u32 = 1_002;
/// The size at which a page ends, in bytes.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Documents, in the order of their `_id`s.
pub(crate) struct Page {
    pub(crate) documents: Vec<RawDocumentBuf>,
    /// Whether nothing follows.
    pub(crate) is_last: bool,
}

impl Page {
    /// The `_id` of the last document.
    pub(crate) fn last(&self) -> Option<Bson> {
        id_of_last(&self.documents)
    }

    /// The `_id`s that new documents can have.
    pub(crate) fn object_ids(&self) -> impl Iterator<Item = ObjectId> {
        self.documents.iter().filter_map(|document| document.get_object_id("_id").ok())
    }
}

/// The `_id` of the last of them.
pub(crate) fn id_of_last(documents: &[RawDocumentBuf]) -> Option<Bson> {
    documents.last().and_then(|document| id_of(document))
}

/// The `_id` of a document.
pub(crate) fn id_of(document: &RawDocument) -> Option<Bson> {
    document.get("_id").ok().flatten().and_then(|id| id.try_into().ok())
}

/// An `_id` as it can be shown: one that is no id of the database's own could be an address.
pub(crate) fn shown(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        other => format!("({:?})", other.element_type()),
    }
}
