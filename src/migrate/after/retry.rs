//! Another try for what is in quarantine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_stream::try_stream;
use bson::{Bson, Document, doc};
use futures_util::stream::{Stream, TryStreamExt};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::migrate::context::Context;
use crate::migrate::copy::batch::{Batch, Candidate, read};
use crate::migrate::copy::quarantine::{Quarantined, counted_as, open, reseal};
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::state::counts::{Counts, number_of};
use crate::migrate::state::lease::{Lease, leased};
use crate::migrate::state::ledger::RETRIES;
use crate::migrate::{MigrationOptions, MigrationStep, Rejection, Stop};

const OPERATION: &str = "migration.retry";
/// How many documents are tried at a time.
const LIMIT: i64 = 200;

/// What another try has done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RetryReport {
    /// Documents that were tried again.
    pub tried: u64,
    /// Those that are taken over now.
    pub taken: u64,
    /// Those that stay in quarantine, by the reason.
    pub staying: BTreeMap<Rejection, u64>,
    /// Whether all were tried.
    pub is_done: bool,
}

pub(crate) fn retry(
    context: Context,
    options: MigrationOptions,
) -> impl Stream<Item = Result<RetryReport>> + Send {
    leased(context.connection.clone(), options.lease, |lease| context.retry_all(lease, options.stop))
}

impl Context {
    fn retry_all(self, lease: Arc<Lease>, stop: Stop) -> impl Stream<Item = Result<RetryReport>> + Send {
        try_stream! {
            let mut report = RetryReport::default();
            for step in MigrationStep::ALL {
                if !self.entry(Some(step)).await?.is_planned {
                    continue;
                }
                self.take_over(lease.token()).await?;
                let mut last = None;
                loop {
                    let page = self.quarantine_page(step, last.as_ref()).await?;
                    let Some(document) = page.last() else { break };
                    if stop.is_requested() {
                        return;
                    }
                    last = document.get("_id").cloned();
                    match step {
                        MigrationStep::Mailboxes => {
                            self.retry_page::<LegacyMailbox>(&lease, page, &mut report).await?;
                        }
                        MigrationStep::Campaigns => {
                            self.retry_page::<LegacyCampaign>(&lease, page, &mut report).await?;
                        }
                    }
                    yield report.clone();
                }
            }
            report.is_done = true;
            yield report;
        }
    }

    async fn quarantine_page(&self, step: MigrationStep, last: Option<&Bson>) -> Result<Vec<Document>> {
        // Their ids are documents, so `$gt` passes over none.
        let after = last.cloned().unwrap_or_else(|| doc! {}.into());
        let filter = doc! { "_id": { "$gt": after }, "from": step.source() };
        let find = async {
            let page = self.quarantine().find(filter).sort(doc! { "_id": 1 }).limit(LIMIT).await?;
            page.try_collect::<Vec<_>>().await
        };
        self.connection.run(OPERATION, find).await
    }

    async fn retry_page<L: LegacyRecord>(
        &self,
        lease: &Lease,
        page: Vec<Document>,
        report: &mut RetryReport,
    ) -> Result<()> {
        report.tried += number_of(page.len());
        let mut batch = self.batch_of::<L>(&page).await?;
        let known = self.linked(batch.needed_mailboxes()).await?;
        batch.require_mailboxes(&known);
        let part = self.part(&format!("{}/{RETRIES}", L::STEP.source())).await?.ok_or(Error::LeaseLost)?;
        let next = part.after(None, &batch.counts, true);
        let writes = self.settle_and_commit(lease, &part, &next, &batch).await?;
        report.taken += number_of(writes.inserted.len());
        for (_, update) in &writes.quarantined {
            let reason = update.get_document("$set").and_then(|set| set.get_str("reason"));
            if let Some(reason) = reason.ok().and_then(|reason| reason.parse().ok()) {
                *report.staying.entry(reason).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The quarantined documents as they are in the old collection, else as they were.
    async fn batch_of<L: LegacyRecord>(&self, page: &[Document]) -> Result<Batch<L>> {
        let sealed = |problem| Error::secret(L::STEP.source(), "original", problem);
        let ids = page.iter().filter_map(|document| document.get_document("_id").ok()?.get("id").cloned());
        let now = self.source(L::STEP).by_any_id(ids).await?;
        let mut batch = Batch { counts: Counts::default(), taken: Vec::new(), rejected: Vec::new() };
        for document in page {
            let id = document.get_document("_id").ok().and_then(|id| Some(id.get("id")?.to_string()));
            let original = match id.and_then(|id| now.get(&id)) {
                Some(original) => original.clone(),
                None => match open(document, &self.vault) {
                    Some(original) => original.map_err(sealed)?,
                    // It was too large to be kept.
                    None => continue,
                },
            };
            let was_counted = counted_as(document).is_some();
            match read::<L>(&original, &self.vault) {
                Ok(record) => {
                    if !was_counted {
                        batch.counts.take(record.repairs().first().copied());
                    }
                    let document = record.encode(&self.vault)?;
                    batch.taken.push(Candidate { record, document, original });
                }
                Err(reasons) if !was_counted => batch.rejected.push(Quarantined::rejected(reasons, original)),
                // It was fit once, and is counted so.
                Err(_) => {}
            }
        }
        Ok(batch)
    }

    /// Seals anew the originals that are not under the primary key.
    pub(crate) async fn reseal_quarantine(&self) -> Result<u64> {
        let mut reencrypted = 0;
        for step in MigrationStep::ALL {
            let mut last = None;
            loop {
                let page = self.quarantine_page(step, last.as_ref()).await?;
                let Some(document) = page.last() else { break };
                last = document.get("_id").cloned();
                for document in &page {
                    let update = reseal(document, &self.vault);
                    let update =
                        update.map_err(|problem| Error::secret(step.source(), "original", problem))?;
                    let Some((unchanged, update)) = update else { continue };
                    let update = async { self.quarantine().update_one(unchanged, update).await };
                    reencrypted += self.connection.run(OPERATION, update).await?.modified_count;
                }
            }
        }
        Ok(reencrypted)
    }
}
