//! The stored form of each record: the only place that knows the names and types of stored fields.
//!
//! Each field is declared once, by a line of [`part!`](record::part). Documents are written and read as raw
//! BSON. It is fast and the one codec for every path into the database, and its errors name an unreadable
//! field without repeating the value.

#[cfg(feature = "mongo")]
pub(crate) mod aggregation;
#[cfg(feature = "mongo")]
pub(crate) mod bookkeeping;
pub(crate) mod campaign;
pub(crate) mod campaign_metrics;
mod changes;
pub(crate) mod clerk_user;
pub(crate) mod date_text;
pub(crate) mod email_tracking;
mod fields;
pub(crate) mod json;
pub(crate) mod mailbox;
mod marks;
#[cfg(feature = "mongo")]
pub(crate) mod original;
mod problem;
mod query;
pub(crate) mod rates;
mod record;
mod scope;
#[cfg(feature = "mongo")]
mod shape;
mod spelling;
mod stored;
pub(crate) mod totals;
pub(crate) mod user;

use bson::raw::{CStr, RawDocumentBuf, cstr};

pub(crate) use changes::Changes;
pub(crate) use fields::{Fields, id_of};
pub(crate) use marks::Marked;
pub(crate) use problem::Problem;
pub(crate) use query::{Condition, Query, Spellings, nearest};
pub(crate) use record::{Decode, Part, Record, Texts, is_same, names_of, part};
#[cfg(feature = "mongo")]
pub(crate) use shape::Shape;
pub(crate) use stored::{Stored, Unread};

/// The name of a field.
pub(crate) type Field = &'static CStr;

/// The id, which every document has.
pub(crate) const ID: Field = cstr!("_id");
/// The version of users, mailboxes and campaigns.
pub(crate) const UPDATED_AT: Field = cstr!("updated_at");

/// A document with additional text fields.
pub(crate) fn with_texts<'a>(
    mut document: RawDocumentBuf,
    texts: impl IntoIterator<Item = (Field, &'a str)>,
) -> RawDocumentBuf {
    for (name, text) in texts {
        document.append(name, text);
    }
    document
}
