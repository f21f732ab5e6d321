use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::raw::RawDocument;

use super::Mapped;
use crate::migrate::Rejection;
use crate::migrate::Repair;
use crate::migrate::reason::Reason;
use crate::model::Campaign;

/// A document of `email_campaigns`, as it is taken over.
#[derive(Debug)]
pub(crate) struct LegacyCampaign {
    /// The document's `_id`, which a campaign does not know.
    pub(crate) object_id: ObjectId,
    /// The campaign.
    pub(crate) campaign: Campaign,
    /// What was changed.
    pub(crate) repairs: BTreeSet<Repair>,
}

impl LegacyCampaign {
    /// Reads a legacy document.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn map(_document: &RawDocument) -> Mapped<Self> {
        Err(vec![Reason { code: Rejection::MalformedBson, path: "(document)", bson_type: "object" }])
    }
}
