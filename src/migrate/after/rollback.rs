//! The rollback: it removes what was migrated, and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_stream::try_stream;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use serde::Serialize;

use crate::collection::Collection;
use crate::document::campaign::field;
use crate::document::{Query, UPDATED_AT};
use crate::error::MigrationError;
use crate::migrate::access::Access;
use crate::migrate::copy::batch::read;
use crate::migrate::copy::target::Target;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::page::Page;
use crate::migrate::old::source::Source;
use crate::migrate::proof::compare::{Comparison, compare};
use crate::migrate::state::clashes::Clashes;
use crate::migrate::state::counts::number_of;
use crate::migrate::state::lease::{Lease, leased};
use crate::migrate::state::ledger::Ledger;
use crate::migrate::{MigrationOptions, MigrationStep, Result, Stop};

const OPERATION: &str = "migration.rollback";

/// The result of a rollback.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct RollbackReport {
    /// Documents that were removed, by collection.
    pub removed: BTreeMap<&'static str, u64>,
    /// Documents that stay because the application has changed them.
    pub changed_since: u64,
    /// Mailboxes that stay because a remaining campaign needs them.
    pub needed: u64,
    /// Whether the rollback is complete: nothing else is left of the migration.
    pub is_done: bool,
}

/// Removes what is still as it was migrated.
pub(crate) fn rollback(
    access: Access,
    options: MigrationOptions,
) -> impl Stream<Item = Result<RollbackReport>> + Send {
    leased(access.clone(), options.lease, |lease| take_all_back(access, lease, options.stop))
}

fn take_all_back(
    access: Access,
    lease: Arc<Lease>,
    stop: Stop,
) -> impl Stream<Item = Result<RollbackReport>> + Send {
    try_stream! {
        let ledger = Ledger(&access);
        if ledger.entry(None).await?.is_finalised {
            Err(MigrationError::Finalised)?;
        }
        ledger.prepare().await?;
        // A runner with an older lease can no longer write.
        ledger.take_over(lease.token()).await?;
        ledger.reopen(lease.token()).await?;
        Clashes(&access).unsettle().await?;
        let demoted: HashSet<_> = Clashes(&access).losers().await?.into_iter().collect();
        let mut report = RollbackReport::default();
        // Campaigns before the mailboxes that they name.
        for step in MigrationStep::ALL.into_iter().rev() {
            let mut pages = Source::of(&access, step).all_pages().boxed();
            while let Some(page) = pages.try_next().await? {
                if stop.is_requested() {
                    return;
                }
                lease.require()?;
                match step {
                    MigrationStep::Mailboxes => {
                        take_back::<LegacyMailbox>(&access, &page, &demoted, &mut report).await?;
                    }
                    MigrationStep::Campaigns => {
                        take_back::<LegacyCampaign>(&access, &page, &demoted, &mut report).await?;
                    }
                }
                yield report.clone();
            }
        }
        lease.require()?;
        forget(&access).await?;
        report.is_done = true;
        yield report;
    }
}

/// Removes the new documents of a page that are as they were migrated.
async fn take_back<L: LegacyRecord>(
    access: &Access,
    page: &Page,
    demoted: &HashSet<ObjectId>,
    report: &mut RollbackReport,
) -> Result<()> {
    let vault = access.vault()?;
    let targets = Target::of(access, L::STEP).by_id(page.object_ids()).await?;
    let mut removable = Vec::new();
    for original in &page.documents {
        let Some((id, target)) = original.get_object_id("_id").ok().and_then(|id| targets.get_key_value(&id))
        else {
            continue;
        };
        let Ok(record) = read::<L>(original, vault) else { continue };
        let comparison = compare(&record, target, demoted.contains(id), vault, access.now());
        match comparison {
            Comparison::Same => removable.push((*id, record.updated_at(), target)),
            _ => report.changed_since += 1,
        }
    }
    if L::STEP == MigrationStep::Mailboxes {
        let needed = needed(access, removable.iter().map(|(id, ..)| *id)).await?;
        let before = removable.len();
        removable.retain(|(id, ..)| !needed.contains(id));
        report.needed += number_of(before - removable.len());
    }
    if removable.is_empty() {
        return Ok(());
    }
    let unchanged = removable.iter().map(|(id, version, _)| {
        doc! { "_id": id, UPDATED_AT.as_str(): bson::DateTime::from_chrono(*version) }
    });
    let unchanged: Vec<Document> = unchanged.collect();
    let delete =
        async { Target::of(access, L::STEP).documents().delete_many(doc! { "$or": unchanged }).await };
    let deleted = access.run(OPERATION, delete).await?;
    *report.removed.entry(L::STEP.target().name()).or_default() += deleted.deleted_count;
    if L::STEP == MigrationStep::Campaigns {
        let ids = removable.iter().filter_map(|(_, _, target)| target.get_str(field::id.as_str()).ok());
        *report.removed.entry(Collection::CampaignMetrics.name()).or_default() +=
            remove_metrics(access, ids).await?;
    }
    Ok(())
}

/// Removes the metrics of campaigns that are gone.
async fn remove_metrics(access: &Access, ids: impl Iterator<Item = &str>) -> Result<u64> {
    let ids: Vec<&str> = ids.collect();
    let of_campaigns = || Query::all().one_of(field::id, ids.iter().copied()).to_filter();
    let left = async {
        let campaigns = Target::of(access, MigrationStep::Campaigns).documents();
        let left = campaigns.find(of_campaigns()).projection(doc! { field::id.as_str(): 1 }).await?;
        left.try_collect::<Vec<_>>().await
    };
    let left = access.run(OPERATION, left).await?;
    let left: HashSet<&str> =
        left.iter().filter_map(|campaign| campaign.get_str(field::id.as_str()).ok()).collect();
    let gone = Query::all().one_of(field::id, ids.iter().copied().filter(|id| !left.contains(id)));
    let delete = async {
        access
            .collection::<RawDocumentBuf>(Collection::CampaignMetrics.name())
            .delete_many(gone.to_filter())
            .await
    };
    Ok(access.run(OPERATION, delete).await?.deleted_count)
}

/// Those of the mailboxes that campaigns name.
async fn needed(access: &Access, mailboxes: impl Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>> {
    let by_mailbox = Query::all().one_of(field::mailbox_id, mailboxes).to_filter();
    let mailbox = field::mailbox_id.as_str();
    let distinct = async {
        Target::of(access, MigrationStep::Campaigns).documents().distinct(mailbox, by_mailbox).await
    };
    let needed = access.run(OPERATION, distinct).await?;
    Ok(needed.iter().filter_map(Bson::as_object_id).collect())
}

/// Removes what the migration kept for itself, but for the lease.
async fn forget(access: &Access) -> Result<()> {
    let forget = async {
        // The ledger is last: until then a rollback that was cut off can resume.
        for collection in [
            Collection::MigrationParts,
            Collection::MigrationClashes,
            Collection::MigrationQuarantine,
            Collection::MigrationSteps,
        ] {
            access.collection::<RawDocumentBuf>(collection.name()).delete_many(doc! {}).await?;
        }
        Ok(())
    };
    access.run(OPERATION, forget).await
}
