//! A page of old documents, read.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;

use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::reason::Reason;
use crate::migrate::state::counts::Counts;
use crate::migrate::state::quarantined::Quarantined;
use crate::migrate::{Rejection, Result};
use crate::model::MailboxId;
use crate::secret::Vault;

/// What documents of an old collection become.
pub(crate) struct Batch<L> {
    pub(crate) counts: Counts,
    pub(crate) taken: Vec<Candidate<L>>,
    pub(crate) rejected: Vec<Quarantined>,
}

/// A document that is to be taken over.
pub(crate) struct Candidate<L> {
    pub(crate) record: L,
    /// The new document.
    pub(crate) document: RawDocumentBuf,
    pub(crate) original: RawDocumentBuf,
}

impl<L: LegacyRecord> Batch<L> {
    /// Reads old documents and seals their secrets. Those that are `present` are counted only.
    pub(crate) fn of(
        originals: Vec<RawDocumentBuf>,
        present: &HashSet<ObjectId>,
        vault: &Vault,
    ) -> Result<Self> {
        let mut batch = Self { counts: Counts::default(), taken: Vec::new(), rejected: Vec::new() };
        for original in originals {
            batch.counts.read += 1;
            let record = match read::<L>(&original, vault) {
                Ok(record) => record,
                Err(reasons) => {
                    batch.rejected.push(Quarantined::rejected(reasons, original));
                    continue;
                }
            };
            batch.counts.take(record.repairs().first().copied());
            if !present.contains(&record.id()) {
                let document = record.encode(vault)?;
                batch.taken.push(Candidate { record, document, original });
            }
        }
        Ok(batch)
    }

    /// The mailboxes that its documents need.
    pub(crate) fn needed_mailboxes(&self) -> HashSet<MailboxId> {
        self.taken.iter().filter_map(|candidate| candidate.record.needed_mailbox()).collect()
    }

    /// Rejects the documents that need a mailbox that is not among the known ones.
    pub(crate) fn require_mailboxes(&mut self, known: &HashSet<MailboxId>) {
        let is_missing = |candidate: &mut Candidate<L>| {
            candidate.record.needed_mailbox().is_some_and(|mailbox| !known.contains(&mailbox))
        };
        for candidate in self.taken.extract_if(.., is_missing) {
            self.counts.take_back(candidate.record.repairs().first().copied(), 1);
            let reason =
                Reason { code: Rejection::UnknownMailbox, path: "mailbox_id", bson_type: "objectId" };
            self.rejected.push(Quarantined::rejected(vec![reason], candidate.original));
        }
    }
}

/// Reads an old document, and opens what is sealed in it.
pub(crate) fn read<L: LegacyRecord>(original: &RawDocumentBuf, vault: &Vault) -> Result<L, Vec<Reason>> {
    let mut record = L::read(original)?;
    record.open(vault)?;
    Ok(record)
}
