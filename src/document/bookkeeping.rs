//! Documents that the store keeps for its own use.

use bson::raw::{RawDocument, RawDocumentBuf, cstr};
use chrono::{DateTime, Utc};

use super::{Field, ID, Query};
use crate::model::CampaignId;

const EXPIRES_AT: Field = cstr!("expires_at");

/// The receipt of an event that was seen, until the database removes it.
pub(crate) fn receipt(receipt: &str, expires_at: DateTime<Utc>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(ID, receipt);
    document.append(EXPIRES_AT, bson::DateTime::from(expires_at));
    document
}

/// The existing ones among these receipts.
pub(crate) fn receipts(receipts: &[String]) -> Query {
    Query::all().one_of(ID, receipts)
}

/// The campaign that a mark of version 0.1 names: the `_id` of a mark is the campaign's id, a slash and an id
/// of its own.
pub(crate) fn marked_campaign(mark: &RawDocument) -> Option<CampaignId> {
    mark.get_str(ID.as_str()).ok()?.split_once('/')?.0.parse().ok()
}

/// The marks of a campaign.
pub(crate) fn marks_of(campaign_id: CampaignId) -> Query {
    // The ids that start with the campaign's id and a slash; a zero is the character after the slash.
    Query::all().within(ID, &format!("{campaign_id}/"), &format!("{campaign_id}0"))
}
