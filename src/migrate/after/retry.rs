//! Retrying the documents in quarantine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_stream::try_stream;
use futures_util::stream::Stream;
use serde::Serialize;

use crate::error::MigrationError;
use crate::migrate::access::Access;
use crate::migrate::copy::batch::{Batch, Candidate, read};
use crate::migrate::copy::settle::settle_and_commit;
use crate::migrate::copy::target::linked;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::source::Source;
use crate::migrate::state::counts::{Counts, number_of};
use crate::migrate::state::lease::{Lease, leased};
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::state::quarantine::{Kept, Quarantine};
use crate::migrate::state::quarantined::Quarantined;
use crate::migrate::{MigrationOptions, MigrationStep, Rejection, Result, Stop};

/// The result of a retry of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RetryReport {
    /// Documents that were retried.
    pub tried: u64,
    /// Documents that are taken over now.
    pub taken: u64,
    /// Documents that stay in quarantine, by reason.
    pub staying: BTreeMap<Rejection, u64>,
    /// Whether all were retried.
    pub is_done: bool,
}

pub(crate) fn retry(
    access: Access,
    options: MigrationOptions,
) -> impl Stream<Item = Result<RetryReport>> + Send {
    leased(access.clone(), options.lease, |lease| retry_all(access, lease, options.stop))
}

fn retry_all(
    access: Access,
    lease: Arc<Lease>,
    stop: Stop,
) -> impl Stream<Item = Result<RetryReport>> + Send {
    try_stream! {
        access.note_key().await?;
        let mut report = RetryReport::default();
        for step in MigrationStep::ALL {
            if !Ledger(&access).entry(Some(step)).await?.is_planned {
                continue;
            }
            Ledger(&access).take_over(lease.token()).await?;
            let mut page = Quarantine(&access).page(step, None).await?;
            while !page.is_empty() {
                if stop.is_requested() {
                    return;
                }
                let documents = page.as_slice();
                match step {
                    MigrationStep::Mailboxes => {
                        retry_page::<LegacyMailbox>(&access, &lease, documents, &mut report).await?;
                    }
                    MigrationStep::Campaigns => {
                        retry_page::<LegacyCampaign>(&access, &lease, documents, &mut report).await?;
                    }
                }
                yield report.clone();
                page = Quarantine(&access).page(step, page.last()).await?;
            }
        }
        report.is_done = true;
        yield report;
    }
}

async fn retry_page<L: LegacyRecord>(
    access: &Access,
    lease: &Lease,
    page: &[Kept],
    report: &mut RetryReport,
) -> Result<()> {
    report.tried += number_of(page.len());
    let mut batch = batch_of::<L>(access, page).await?;
    let known = linked(access, batch.needed_mailboxes()).await?;
    batch.require_mailboxes(&known);
    let part = Ledger(access).part(&Part::id_of(L::STEP, Part::RETRIES)).await?;
    let part = part.ok_or(MigrationError::LeaseLost)?;
    let next = part.after(None, &batch.counts, true);
    let writes = settle_and_commit(access, lease, &part, &next, &batch).await?;
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
async fn batch_of<L: LegacyRecord>(access: &Access, page: &[Kept]) -> Result<Batch<L>> {
    let ids = page.iter().filter_map(|kept| kept.old_id().cloned());
    let now = Source::of(access, L::STEP).by_any_id(ids).await?;
    let mut batch = Batch { counts: Counts::default(), taken: Vec::new(), rejected: Vec::new() };
    for kept in page {
        let original = match kept.old_id().and_then(|id| now.get(&id.to_string())) {
            Some(original) => original.clone(),
            None => match kept.open(access.vault()?)? {
                Some(original) => original,
                // It was too large to be kept.
                None => continue,
            },
        };
        let was_counted = kept.counted_as.is_some();
        match read::<L>(&original, access.vault()?) {
            Ok(record) => {
                if !was_counted {
                    batch.counts.take(record.repairs().first().copied());
                }
                let document = record.encode(access.vault()?)?;
                batch.taken.push(Candidate { record, document, original });
            }
            Err(reasons) if !was_counted => batch.rejected.push(Quarantined::rejected(reasons, original)),
            // It was fit once, and is counted so.
            Err(_) => {}
        }
    }
    Ok(batch)
}
