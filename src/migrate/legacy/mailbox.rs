use std::collections::BTreeSet;

use bson::raw::RawDocument;

use super::Mapped;
use crate::migrate::Rejection;
use crate::migrate::Repair;
use crate::migrate::reason::Reason;
use crate::model::{Credentials, Mailbox};

/// A document of `warm_up_emails_table`, as it is taken over.
#[derive(Debug)]
pub(crate) struct LegacyMailbox {
    /// The mailbox, whose id is the document's `_id`.
    pub(crate) mailbox: Mailbox,
    /// Its secrets, as the document has them: a text may already be sealed.
    pub(crate) credentials: Credentials,
    /// What was changed.
    pub(crate) repairs: BTreeSet<Repair>,
}

impl LegacyMailbox {
    /// Reads a legacy document.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn map(_document: &RawDocument) -> Mapped<Self> {
        Err(vec![Reason { code: Rejection::MalformedBson, path: "(document)", bson_type: "object" }])
    }
}
