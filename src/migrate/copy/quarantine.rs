//! Old documents that are not taken over, each with the reason and its sealed original.

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::collection::Collection;
use crate::error::SecretProblem;
use crate::migrate::legacy::reason::Reason;
use crate::migrate::old::page::id_of;
use crate::migrate::{MigrationStep, Rejection, Repair};
use crate::secret::Vault;

/// The size up to which the sealed original fits into its document, in bytes.
const MAX_ORIGINAL: usize = 15 * 1024 * 1024;
/// What a document that is taken over as it is counts under.
const AS_IS: &str = "as_is";

/// An old document that is not taken over.
pub(crate) struct Quarantined {
    pub(crate) reasons: Vec<Reason>,
    /// Of a duplicate: the document that is taken over instead, and what this one counted as.
    pub(crate) clash: Option<(ObjectId, Option<Repair>)>,
    pub(crate) original: RawDocumentBuf,
}

impl Quarantined {
    pub(crate) fn rejected(reasons: Vec<Reason>, original: RawDocumentBuf) -> Self {
        Self { reasons, clash: None, original }
    }

    /// A document that lost against `survivor`, and counted as `repair`.
    pub(crate) fn duplicate(
        path: &'static str,
        survivor: ObjectId,
        repair: Option<Repair>,
        original: RawDocumentBuf,
    ) -> Self {
        let reason = Reason { code: Rejection::Duplicate, path, bson_type: "object" };
        Self { reasons: vec![reason], clash: Some((survivor, repair)), original }
    }

    /// The document in the quarantine: where it is, and what it is.
    pub(crate) fn seal(
        &self,
        step: MigrationStep,
        vault: &Vault,
        now: DateTime<Utc>,
    ) -> Result<(Document, Document), SecretProblem> {
        let id = quarantine_id(step, &self.original);
        let place = place(&id)?;
        let reasons = self.reasons.iter().map(|reason| {
            doc! { "code": reason.code.as_str(), "path": reason.path, "bson_type": reason.bson_type }
        });
        let mut set = doc! {
            "from": step.source(),
            "reason": self.reasons.first().map(|reason| reason.code.as_str()),
            "reasons": reasons.collect::<Vec<_>>(),
        };
        let mut unset = Document::new();
        let mut put = |name: &str, value: Option<Bson>| match value {
            Some(value) => drop(set.insert(name, value)),
            None => drop(unset.insert(name, true)),
        };
        put("survivor", self.clash.map(|(survivor, _)| survivor.into()));
        put("counted_as", self.clash.map(|(_, repair)| stored_as(repair).into()));
        let sealed = (self.original.as_bytes().len() <= MAX_ORIGINAL)
            .then(|| vault.seal_document(place.as_bytes(), self.original.as_bytes()))
            .transpose()?;
        put("original", sealed.map(binary));
        let mut update =
            doc! { "$set": set, "$setOnInsert": { "first_seen": bson::DateTime::from_chrono(now) } };
        if !unset.is_empty() {
            update.insert("$unset", unset);
        }
        Ok((id, update))
    }
}

/// The quarantined document, if its original is still as it was, and the same sealed with the primary
/// key. `None` when it already is.
pub(crate) fn reseal(
    document: &Document,
    vault: &Vault,
) -> Result<Option<(Document, Document)>, SecretProblem> {
    let (Ok(id), Ok(sealed)) = (document.get_document("_id"), document.get_binary_generic("original")) else {
        return Ok(None);
    };
    let place = place(id)?;
    let (key, bytes) = vault.unseal_document(place.as_bytes(), sealed)?;
    if key == vault.primary() {
        return Ok(None);
    }
    let anew = binary(vault.seal_document(place.as_bytes(), &bytes)?);
    let unchanged = doc! { "_id": id, "original": binary(sealed.clone()) };
    Ok(Some((unchanged, doc! { "$set": { "original": anew } })))
}

/// The sealed original of a document in the quarantine, opened.
pub(crate) fn open(document: &Document, vault: &Vault) -> Option<Result<RawDocumentBuf, SecretProblem>> {
    let id = document.get_document("_id").ok()?;
    let sealed = document.get_binary_generic("original").ok()?;
    let opened = place(id).and_then(|place| vault.unseal_document(place.as_bytes(), sealed));
    Some(opened.and_then(|(_, bytes)| {
        RawDocument::from_bytes(&*bytes).map(ToOwned::to_owned).map_err(|_| SecretProblem::Malformed)
    }))
}

/// What a document counts as, as it is stored.
pub(crate) fn stored_as(repair: Option<Repair>) -> &'static str {
    repair.map_or(AS_IS, Repair::as_str)
}

/// What a document counted as before it lost a clash. `None` for other documents.
#[expect(clippy::option_option, reason = "whether it counted, and under which repair if any")]
pub(crate) fn counted_as(document: &Document) -> Option<Option<Repair>> {
    match document.get_str("counted_as").ok()? {
        AS_IS => Some(None),
        repair => repair.parse().ok().map(Some),
    }
}

/// The `_id` in the quarantine of an old document.
pub(crate) fn quarantine_id(step: MigrationStep, original: &RawDocument) -> Document {
    // One whose `_id` cannot be read is known by its bytes.
    let id = id_of(original).unwrap_or_else(|| binary(Sha256::digest(original.as_bytes()).to_vec()));
    doc! { "from": step.source(), "id": id }
}

/// Where the original of a document belongs: it opens nowhere else.
fn place(id: &Document) -> Result<RawDocumentBuf, SecretProblem> {
    let place = doc! { "collection": Collection::MigrationQuarantine.name(), "_id": id };
    RawDocumentBuf::try_from(&place).map_err(|_| SecretProblem::Malformed)
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}
