//! The stored form of each record: the only place that knows the names and types of the fields.
//!
//! Documents are written and read as raw BSON by hand. That is one codec for every path into the
//! database, it names the field that cannot be read without repeating its value, and it is fast.

#[cfg(feature = "mongo")]
pub(crate) mod aggregation;
#[cfg(feature = "mongo")]
pub(crate) mod bookkeeping;
pub(crate) mod campaign;
pub(crate) mod campaign_metrics;
mod changes;
pub(crate) mod email_tracking;
pub(crate) mod field;
mod fields;
pub(crate) mod json;
pub(crate) mod mailbox;
mod query;
pub(crate) mod user;

use bson::raw::{RawDocument, RawDocumentBuf};

pub(crate) use changes::Changes;
pub(crate) use fields::{Fields, id_of};
pub(crate) use query::{Condition, Query};

use crate::collection::Collection;
use crate::error::Result;

/// What can be read from a stored document.
pub(crate) trait Decode: Sized + Send + 'static {
    /// Where it is stored.
    const COLLECTION: Collection;

    /// Reads the stored form.
    fn decode(document: &RawDocument) -> Result<Self>;
}

/// A record that has a stored form.
pub(crate) trait Record: Decode {
    /// Writes the stored form, for an insert: an `_id` that the record does not know is new.
    fn encode(&self) -> RawDocumentBuf;
}

/// A document with further fields of text.
pub(crate) fn with_texts<'a>(
    mut document: RawDocumentBuf,
    texts: impl IntoIterator<Item = (field::Field, &'a str)>,
) -> RawDocumentBuf {
    for (name, text) in texts {
        document.append(name, text);
    }
    document
}
