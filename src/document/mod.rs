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
mod json;
pub(crate) mod mailbox;
mod query;
mod user;

use bson::raw::{RawDocument, RawDocumentBuf};

pub(crate) use changes::Changes;
pub(crate) use fields::{Fields, id_of};
pub(crate) use query::{Condition, Query};

use crate::collection::Collection;
use crate::error::Result;

/// A record that has a stored form.
pub(crate) trait Record: Sized + Send + 'static {
    /// Where it is stored.
    const COLLECTION: Collection;

    /// Reads the stored form.
    fn decode(document: &RawDocument) -> Result<Self>;

    /// Writes the stored form, for an insert: an `_id` that the record does not know is new.
    fn encode(&self) -> RawDocumentBuf;
}
