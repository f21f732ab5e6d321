//! Reading an old collection in the order of its `_id`s, of whatever types they are.

use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{Bson, doc};
use mongodb::Collection;
use mongodb::options::Hint;

use crate::mongo::error::DriverResult;

/// The most documents of a page.
pub(super) const LIMIT: usize = 1_000;
/// The size at which a page ends, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Documents, in the order of their `_id`s.
pub(super) struct Page {
    pub(super) documents: Vec<RawDocumentBuf>,
    /// Whether nothing follows.
    pub(super) is_last: bool,
}

impl Page {
    /// The `_id` of the last document.
    pub(super) fn last(&self) -> Option<Bson> {
        self.documents.last().and_then(|document| id_of(document))
    }
}

/// The documents after `last`, else from `from` on, and before `until`.
pub(super) async fn read(
    source: &Collection<RawDocumentBuf>,
    (from, until): (Option<&Bson>, Option<&Bson>),
    last: Option<&Bson>,
    limit: usize,
) -> DriverResult<Page> {
    // Bounds of the index, because `$gt` passes over `_id`s of other types.
    let mut find = source
        .find(doc! {})
        .hint(Hint::Keys(doc! { "_id": 1 }))
        // The lower bound is inclusive.
        .limit(i64::try_from(limit + 1).unwrap_or(i64::MAX))
        .batch_size(u32::try_from(limit + 1).unwrap_or(u32::MAX));
    if let Some(from) = last.or(from) {
        find = find.min(doc! { "_id": from });
    }
    if let Some(until) = until {
        find = find.max(doc! { "_id": until });
    }
    let mut cursor = find.await?;
    let (mut documents, mut bytes, mut is_last) = (Vec::new(), 0, true);
    while cursor.advance().await? {
        let document = cursor.current();
        if last.is_some() && id_of(document).as_ref() == last {
            continue;
        }
        if documents.len() == limit || bytes >= MAX_BYTES {
            is_last = false;
            break;
        }
        bytes += document.as_bytes().len();
        documents.push(document.to_owned());
    }
    Ok(Page { documents, is_last })
}

/// The `_id` of a document.
pub(super) fn id_of(document: &RawDocument) -> Option<Bson> {
    document.get("_id").ok().flatten().and_then(|id| id.try_into().ok())
}
