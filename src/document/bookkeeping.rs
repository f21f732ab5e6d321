//! Documents that the store keeps for its own use.

use bson::oid::ObjectId;
use bson::raw::{RawBinaryRef, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use chrono::{DateTime, Utc};

use super::{Field, Fields, ID, Part, Query, Texts};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{CampaignId, Receipt, Totals, new_object_id};
use crate::secret::{Fingerprint, KeyId};

const EXPIRES_AT: Field = cstr!("expires_at");
const TOKEN: Field = cstr!("token");
const FINGERPRINT: Field = cstr!("fingerprint");
const FIRST_USED: Field = cstr!("first_used");

/// The receipt of an event that was seen, until the database removes it.
pub(crate) fn receipt(receipt: &Receipt, expires_at: DateTime<Utc>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(ID, RawBinaryRef { subtype: BinarySubtype::Generic, bytes: receipt.as_bytes() });
    document.append(EXPIRES_AT, bson::DateTime::from(expires_at));
    document
}

/// The existing ones among these receipts.
pub(crate) fn receipts<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Query {
    let id = |receipt: &Receipt| {
        Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: receipt.as_bytes().to_vec() })
    };
    Query::all().one_of(ID, receipts.into_iter().map(id))
}

/// The existing ones among these receipts of version 0.1, whose `_id` is a text: the tracking id, a slash and
/// the provider's id.
pub(crate) fn former_receipts<'a>(receipts: impl IntoIterator<Item = &'a str>) -> Query {
    Query::all().one_of(ID, receipts)
}

/// All receipts of version 0.1: the texts that start with a hexadecimal digit.
pub(crate) fn all_former_receipts() -> Query {
    Query::all().within(ID, &"0".to_owned(), &"g".to_owned())
}

/// The receipt that a document holds, in either form.
pub(crate) fn receipt_of(document: &RawDocument) -> Option<Receipt> {
    match document.get(ID.as_str()) {
        Ok(Some(RawBsonRef::Binary(binary))) => Receipt::from_bytes(binary.bytes),
        Ok(Some(RawBsonRef::String(text))) => {
            let (email, id) = text.split_once('/')?;
            Some(Receipt::of(email.parse().ok()?, id))
        }
        _ => None,
    }
}

/// The notes on the keys of these ids.
pub(crate) fn known_fingerprints(ids: &[KeyId]) -> Query {
    Query::all().one_of(ID, ids.iter().map(|id| Bson::Int64(id.get().into())))
}

/// The note on a key.
pub(crate) fn fingerprint_of(id: KeyId, fingerprint: Fingerprint, now: DateTime<Utc>) -> Document {
    let bytes = fingerprint.as_bytes().to_vec();
    doc! {
        ID.as_str(): i64::from(id.get()),
        FINGERPRINT.as_str(): Binary { subtype: BinarySubtype::Generic, bytes },
        FIRST_USED.as_str(): bson::DateTime::from_chrono(now),
    }
}

/// The key that a note is on, and its fingerprint. A fingerprint that cannot be read fits no key.
pub(crate) fn fingerprints(note: &RawDocument) -> Option<(KeyId, Option<Fingerprint>)> {
    let id = match note.get(ID.as_str()).ok()?? {
        RawBsonRef::Int64(id) => u32::try_from(id).ok(),
        RawBsonRef::Int32(id) => u32::try_from(id).ok(),
        _ => None,
    };
    let bytes = note.get_binary(FINGERPRINT.as_str()).ok();
    Some((KeyId::new(id?)?, bytes.and_then(|binary| Fingerprint::from_bytes(binary.bytes))))
}

/// What a recount must know besides rows and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RecountNote {
    /// Every correction of the metrics replaces it.
    pub(crate) token: Option<ObjectId>,
    /// The sum of what events would have taken from the metrics, had these not drifted to less.
    pub(crate) cut: Totals,
}

impl RecountNote {
    /// The note on a campaign.
    pub(crate) fn of(campaign_id: CampaignId) -> Query {
        Query::all().is(ID, &campaign_id)
    }

    pub(crate) fn read(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Collection::RecountNotes, document)?;
        Ok(Self { token: fields.optional(TOKEN)?, cut: Totals::read(&fields, Texts::Read)? })
    }

    /// The update that replaces the token.
    pub(crate) fn corrected() -> Document {
        doc! { "$set": { TOKEN.as_str(): new_object_id() } }
    }

    /// The update that adds to what was cut off.
    pub(crate) fn cut_off(cut: &Totals) -> Document {
        let mut added = RawDocumentBuf::new();
        cut.append(&mut added);
        doc! { "$inc": Document::try_from(&*added).unwrap_or_default() }
    }
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
