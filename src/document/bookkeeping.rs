//! What the store keeps for itself.

use bson::raw::{RawDocumentBuf, cstr};
use chrono::{DateTime, Utc};

use super::field::{self, Field};
use super::{Condition, Query};
use crate::model::{CampaignId, new_object_id};

const EXPIRES_AT: Field = cstr!("expires_at");

/// That an event was seen, until the database removes it.
pub(crate) fn receipt(receipt: &str, expires_at: DateTime<Utc>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(field::ID, receipt);
    document.append(EXPIRES_AT, bson::DateTime::from(expires_at));
    document
}

/// Those of the receipts that are there.
pub(crate) fn receipts(receipts: &[String]) -> Query {
    Query::all().one_of(field::ID, receipts.iter().map(String::as_str))
}

/// That the metrics of a campaign may lag behind its rows, since `now`.
pub(crate) fn mark(id: &str, now: DateTime<Utc>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(field::ID, id);
    document.append(field::CREATED_AT, bson::DateTime::from(now));
    document
}

/// The id of a mark: many writers can mark one campaign.
pub(crate) fn mark_id(campaign_id: CampaignId) -> String {
    format!("{campaign_id}/{}", new_object_id())
}

/// The campaign's marks of `since` or before.
pub(crate) fn marks_of(campaign_id: CampaignId, since: DateTime<Utc>) -> Query {
    Query::all()
        // What starts with the campaign's id and a slash; a zero is the character after it.
        .and(Condition::Within(field::ID, format!("{campaign_id}/").into(), format!("{campaign_id}0").into()))
        .and(Condition::AtMost(field::CREATED_AT, since.into()))
}
