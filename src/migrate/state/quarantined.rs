use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::document::original::{binary, seal};
use crate::error::{MigrationError, SecretProblem};
use crate::migrate::legacy::reason::Reason;
use crate::migrate::old::page::{id_of, shown};
use crate::migrate::{MigrationStep, Rejection, Repair, Result};
use crate::secret::Vault;

/// The size up to which the sealed original fits into its document, in bytes.
const MAX_ORIGINAL: usize = 15 * 1024 * 1024;

/// An old document that is not taken over.
pub(crate) struct Quarantined {
    reasons: Vec<Reason>,
    /// For a duplicate: the document that is taken over instead, and what this one counted as.
    clash: Option<(ObjectId, CountedAs)>,
    original: RawDocumentBuf,
}

/// What a document counts as that is taken over: the first repair, if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountedAs(pub(crate) Option<Repair>);

impl CountedAs {
    const AS_IS: &'static str = "as_is";

    fn as_str(self) -> &'static str {
        self.0.map_or(Self::AS_IS, Repair::as_str)
    }
}

impl Serialize for CountedAs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CountedAs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            Self::AS_IS => Ok(Self(None)),
            repair => repair.parse().map(|repair| Self(Some(repair))).map_err(serde::de::Error::custom),
        }
    }
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
        Self { reasons: vec![reason], clash: Some((survivor, CountedAs(repair))), original }
    }

    /// The reason that it counts under.
    pub(crate) fn reason(&self) -> Option<Rejection> {
        self.reasons.first().map(|reason| reason.code)
    }

    /// The document in the quarantine: where it is, and what it is.
    pub(crate) fn seal(
        &self,
        step: MigrationStep,
        vault: &Vault,
        now: DateTime<Utc>,
    ) -> Result<(Document, Document)> {
        let id = quarantine_id(step, &self.original);
        let reasons = self.reasons.iter().map(|reason| {
            doc! { "code": reason.code.as_str(), "path": reason.path, "bson_type": reason.bson_type }
        });
        let mut set = doc! {
            "from": step.source(),
            "reason": self.reason().map(Rejection::as_str),
            "reasons": reasons.collect::<Vec<_>>(),
        };
        let mut unset = Document::new();
        let mut put = |name: &str, value: Option<Bson>| match value {
            Some(value) => drop(set.insert(name, value)),
            None => drop(unset.insert(name, true)),
        };
        put("survivor", self.clash.map(|(survivor, _)| survivor.into()));
        put("counted_as", self.clash.map(|(_, counted_as)| counted_as.as_str().into()));
        let original = self.original.as_bytes();
        let sealed = (original.len() <= MAX_ORIGINAL).then(|| seal(&id, original, vault)).transpose();
        put("original", sealed.map_err(|problem| failure(step, &id, problem))?);
        let mut update =
            doc! { "$set": set, "$setOnInsert": { "first_seen": bson::DateTime::from_chrono(now) } };
        if !unset.is_empty() {
            update.insert("$unset", unset);
        }
        Ok((id, update))
    }
}

/// The `_id` in the quarantine of an old document.
pub(crate) fn quarantine_id(step: MigrationStep, original: &RawDocument) -> Document {
    // One whose `_id` cannot be read is known by its bytes.
    let id = id_of(original).unwrap_or_else(|| binary(Sha256::digest(original.as_bytes()).to_vec()));
    doc! { "from": step.source(), "id": id }
}

pub(super) fn failure(step: MigrationStep, id: &Document, problem: SecretProblem) -> MigrationError {
    let id = id.get("id").map_or_else(|| "unknown".to_owned(), shown);
    MigrationError::Original { from: step.source(), id, problem }
}
