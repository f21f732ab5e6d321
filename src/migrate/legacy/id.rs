//! Ids.

use bson::oid::ObjectId;
use bson::raw::RawBsonRef;
use bson::spec::BinarySubtype;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::findings::Reading;
use super::wrapped;
use crate::model::CampaignId;

/// An `ObjectId`: plain, as 24 hexadecimal digits, or wrapped.
pub(super) fn object_id(value: RawBsonRef<'_>) -> Option<Reading<ObjectId>> {
    if let RawBsonRef::ObjectId(id) = value {
        return Some(Reading::plain(id));
    }
    let text = wrapped::unwrap(value, &["$oid"]).unwrap_or(value).as_str()?;
    ObjectId::parse_str(text.trim()).ok().map(Reading::converted)
}

/// A UUID: a text in any form of it, or binary. Of the old binary subtype nobody knows the order of the
/// bytes.
pub(super) fn campaign_id(value: RawBsonRef<'_>) -> Option<Reading<CampaignId>> {
    if let RawBsonRef::Binary(binary) = value {
        let uuid = Uuid::from_slice(binary.bytes).ok().filter(|_| binary.subtype == BinarySubtype::Uuid);
        return uuid.map(|uuid| Reading::converted(uuid.into()));
    }
    let text = wrapped::unwrap(value, &["$uuid"]).unwrap_or(value).as_str()?;
    let uuid = Uuid::parse_str(text.trim()).ok()?;
    let is_canonical =
        value.as_str() == Some(uuid.as_hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
    Some(Reading { value: uuid.into(), converted: !is_canonical })
}

/// The id of a campaign that has none. It depends on the `_id` alone, so every run makes the same.
pub(super) fn derived_campaign_id(id: ObjectId) -> CampaignId {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, id.to_hex().as_bytes()).into()
}
