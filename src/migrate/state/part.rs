use bson::raw::{RawBson, RawDocument, RawDocumentBuf, cstr};
use bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::stored::{corrupt, read};
use crate::collection::Collection;
use crate::error::Error;
use crate::migrate::MigrationStep;
use crate::migrate::old::range::Range;
use crate::mongo::error::DriverResult;

/// A range of the `_id`s of an old collection, and how far it is copied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) step: MigrationStep,
    pub(crate) range: Range,
    /// The last `_id` that is done.
    pub(crate) last: Option<Bson>,
    /// How often it was written.
    pub(crate) sequence: i64,
    /// The token of the runner that may write it.
    pub(crate) token: i64,
    pub(crate) counts: Counts,
    pub(crate) is_done: bool,
}

/// A part as it is stored, but for the `_id`s of old documents. Those are none of serde's business: it
/// takes a document such as `{"$oid": "…"}`, which imports left as an `_id`, for the id that it spells.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "_id")]
    id: String,
    step: MigrationStep,
    sequence: i64,
    token: i64,
    counts: Counts,
    is_done: bool,
}

impl Part {
    /// The part in which it is settled which mailboxes are primary.
    pub(crate) const PRIMARIES: &'static str = "primaries";
    /// The part in which documents are counted that left the quarantine.
    pub(crate) const RETRIES: &'static str = "retries";

    pub(crate) fn new(step: MigrationStep, name: &str, range: Range) -> Self {
        Self {
            id: Self::id_of(step, name),
            step,
            range,
            last: None,
            sequence: 0,
            token: 0,
            counts: Counts::default(),
            is_done: false,
        }
    }

    pub(crate) fn id_of(step: MigrationStep, name: &str) -> String {
        format!("{}/{name}", step.source())
    }

    /// Whether the part is a range of documents.
    pub(crate) fn is_range(&self) -> bool {
        !self.id.ends_with(Self::PRIMARIES) && !self.id.ends_with(Self::RETRIES)
    }

    /// The part after one more write.
    pub(crate) fn after(&self, last: Option<Bson>, counts: &Counts, is_done: bool) -> Self {
        let mut next = self.clone();
        next.last = last.or(next.last);
        next.counts += counts;
        next.sequence += 1;
        next.is_done = is_done;
        next
    }

    /// Finds the part only if no other runner has written it or may write it by now.
    pub(crate) fn unchanged(&self) -> Document {
        doc! { "_id": &self.id, "token": self.token, "sequence": self.sequence }
    }

    pub(crate) fn encode(&self) -> DriverResult<RawDocumentBuf> {
        let mut document = bson::serialize_to_raw_document_buf(&Stored {
            id: self.id.clone(),
            step: self.step,
            sequence: self.sequence,
            token: self.token,
            counts: self.counts.clone(),
            is_done: self.is_done,
        })?;
        let Range { from, until } = &self.range;
        for (name, id) in [(cstr!("from"), from), (cstr!("until"), until), (cstr!("last"), &self.last)] {
            if let Some(id) = id {
                document.append(name, RawBson::try_from(id.clone())?);
            }
        }
        Ok(document)
    }

    /// # Errors
    /// `Corrupt` when the document is no part.
    pub(crate) fn decode(document: &RawDocument) -> Result<Self, Error> {
        const COLLECTION: Collection = Collection::MigrationParts;
        let Stored { id, step, sequence, token, counts, is_done } = read(COLLECTION, document)?;
        let bound = |name| match document.get(name) {
            Ok(None) => Ok(None),
            Ok(Some(id)) => Bson::try_from(id).map(Some).map_err(|_| corrupt(COLLECTION, document)),
            Err(_) => Err(corrupt(COLLECTION, document)),
        };
        Ok(Self {
            id,
            step,
            range: Range { from: bound("from")?, until: bound("until")? },
            last: bound("last")?,
            sequence,
            token,
            counts,
            is_done,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::Repair;

    #[test]
    fn a_part_of_version_0_1_is_read_and_written_as_it_was() {
        let stored = doc! {
            "_id": "email_campaigns/0001", "step": "email_campaigns", "sequence": 3_i64, "token": 2_i64,
            "counts": { "read": 7_i64, "as_is": 4_i64, "repaired": { "converted_id": 2_i64 } },
            "is_done": false, "from": "a", "until": 9.5, "last": "b",
        };
        let raw = RawDocumentBuf::try_from(&stored).unwrap();
        let part = Part::decode(&raw).unwrap();
        assert_eq!(part.step, MigrationStep::Campaigns);
        assert_eq!(part.counts.repaired, [(Repair::ConvertedId, 2)].into());
        assert_eq!((&part.range.from, &part.range.until), (&Some("a".into()), &Some(9.5.into())));
        assert_eq!(part.encode().unwrap(), raw);
    }

    /// Imports left such `_id`s, and serde would read them as what they spell.
    #[test]
    fn the_id_of_an_old_document_stays_what_it_is() {
        for id in [
            Bson::from(doc! { "$oid": "677600000000000000000001" }),
            doc! { "$date": "2025-01-02T03:04:05Z" }.into(),
            doc! { "$numberLong": "5" }.into(),
            Bson::MinKey,
            Bson::Undefined,
            Bson::Null,
        ] {
            let range = Range { from: Some(id.clone()), until: None };
            let part = Part { last: Some(id), ..Part::new(MigrationStep::Mailboxes, "0000", range) };
            assert_eq!(Part::decode(&part.encode().unwrap()), Ok(part));
        }
    }
}
