use std::collections::BTreeMap;
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use serde::Serialize;

use crate::collection::Collection;
use crate::migrate::access::Access;
use crate::migrate::progress::per_second;
use crate::migrate::state::clashes::Clashes;
use crate::migrate::state::counts::Counts;
use crate::migrate::state::lease::holder;
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::quarantine::Quarantine;
use crate::migrate::{MigrationStep, Rejection, Repair, Result};

/// The state of a migration, and what became of every old document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MigrationReport {
    /// Whether everything is migrated.
    pub is_done: bool,
    /// Whether the old collections were retired.
    pub is_finalised: bool,
    /// The process that migrates at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// What became of each old collection.
    pub collections: Vec<CopyReport>,
    /// The metrics.
    pub metrics: MetricsReport,
}

/// What became of the documents of an old collection. Each document counts once: when the step is done,
/// `source` is the sum of `migrated`, all `repaired` and all `quarantined`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// The old collection.
    pub from: MigrationStep,
    /// The new collection.
    pub to: &'static str,
    /// How many documents the old collection has.
    pub source: u64,
    /// Documents that were read.
    pub read: u64,
    /// Documents that were taken over as they are, apart from sealed secrets and defaults.
    pub migrated: u64,
    /// Documents that were taken over with a repair, by the first repair of each.
    pub repaired: BTreeMap<Repair, u64>,
    /// Documents that were not taken over, by the first reason of each.
    pub quarantined: BTreeMap<Rejection, u64>,
    /// Whether the copy is complete.
    pub is_done: bool,
    /// The time spent on it, in seconds.
    pub seconds: f64,
    /// Documents per second.
    pub docs_per_second: f64,
}

/// What the metrics were computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricsReport {
    /// Campaigns with metrics.
    pub campaigns: u64,
    /// Tracking rows whose campaign is unknown or was not taken over.
    pub unattributed_rows: u64,
    /// The time spent on them, in seconds.
    pub seconds: f64,
}

impl CopyReport {
    pub(crate) fn new(
        step: MigrationStep,
        source: u64,
        counts: Counts,
        quarantined: BTreeMap<Rejection, u64>,
        time: Duration,
    ) -> Self {
        Self {
            from: step,
            to: step.target().name(),
            source,
            read: counts.read,
            migrated: counts.as_is,
            repaired: counts.repaired,
            quarantined,
            is_done: false,
            seconds: time.as_secs_f64(),
            docs_per_second: per_second(counts.read, time),
        }
    }

    /// The number of documents in quarantine.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Whether every document of the old collection is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.source == self.migrated + self.repaired.values().sum::<u64>() + self.quarantined()
    }
}

impl MigrationReport {
    /// The number of documents in quarantine, over all collections.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.collections.iter().map(CopyReport::quarantined).sum()
    }
}

pub(crate) async fn report(access: &Access) -> Result<MigrationReport> {
    const OPERATION: &str = "migration.status";
    let whole = Ledger(access).entry(None).await?;
    let mut collections = Vec::new();
    for step in MigrationStep::ALL {
        collections.push(copy_report(access, step).await?);
    }
    let metrics = access.collection::<RawDocumentBuf>(Collection::CampaignMetrics.name());
    let campaigns = async { metrics.estimated_document_count().await };
    Ok(MigrationReport {
        is_done: whole.is_done,
        is_finalised: whole.is_finalised,
        runner: holder(access).await?.map(|holder| holder.owner),
        collections,
        metrics: MetricsReport {
            campaigns: access.run(OPERATION, campaigns).await?,
            unattributed_rows: whole.unattributed,
            seconds: Duration::from_millis(whole.millis).as_secs_f64(),
        },
    })
}

async fn copy_report(access: &Access, step: MigrationStep) -> Result<CopyReport> {
    let entry = Ledger(access).entry(Some(step)).await?;
    let mut counts = Counts::default();
    for part in Ledger(access).parts_of(step).await? {
        counts += &part.counts;
    }
    let quarantined = Quarantine(access).count(step, &mut counts).await?;
    if step == MigrationStep::Mailboxes {
        Clashes(access).recount(&mut counts).await?;
    }
    let time = Duration::from_millis(entry.millis);
    let mut report = CopyReport::new(step, entry.source, counts, quarantined, time);
    report.is_done = entry.is_done;
    Ok(report)
}
