//! The dry run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use bson::oid::ObjectId;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use serde::Serialize;

use super::report::CopyReport;
use super::survey::{Reading, Survey};
use crate::collection::Collection;
use crate::migrate::access::Access;
use crate::migrate::blocking::blocking;
use crate::migrate::copy::batch::read;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::source::Source;
use crate::migrate::{MigrationStep, Result};
use crate::model::MailboxId;
use crate::secret::Vault;

/// How many times as long as reading the copying takes, about.
const WRITING: u32 = 3;

/// What a run would do, judged by the old collections.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DryRunReport {
    /// The result for each old collection.
    pub collections: Vec<CopyReport>,
    /// The size and the time of the run.
    pub forecast: Forecast,
    /// Whether every document was read.
    pub is_done: bool,
}

/// The size and the time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Old documents that would be copied.
    pub documents: u64,
    /// Their size in bytes. The new documents need about as much, and the server's oplog as much again.
    pub bytes: u64,
    /// The time that copying takes, in seconds: about three times that of the dry run.
    pub seconds: f64,
}

/// The old collections, read-only.
#[derive(Clone)]
pub(crate) struct Reader {
    mailboxes: Source,
    campaigns: Source,
    /// The mailboxes that are already linked.
    linked: Source,
    vault: Vault,
}

impl Reader {
    pub(crate) fn new(access: &Access) -> Result<Self> {
        let source = |name| Source::new(access, name);
        Ok(Self {
            mailboxes: source(MigrationStep::Mailboxes.source()),
            campaigns: source(MigrationStep::Campaigns.source()),
            linked: source(Collection::Mailboxes.name()),
            vault: access.vault()?.clone(),
        })
    }

    fn source(&self, step: MigrationStep) -> &Source {
        match step {
            MigrationStep::Mailboxes => &self.mailboxes,
            MigrationStep::Campaigns => &self.campaigns,
        }
    }

    /// Reads everything, with a report after each page.
    pub(crate) fn dry_run(self) -> impl Stream<Item = Result<DryRunReport>> + Send {
        try_stream! {
            let reader = Arc::new(self);
            let mut mailboxes = Survey::new(MigrationStep::Mailboxes);
            let mut campaigns = Survey::new(MigrationStep::Campaigns);
            let mut pages = reader.clone().read::<LegacyMailbox>(Arc::default()).boxed();
            while let Some(page) = pages.try_next().await? {
                mailboxes.add(&page);
                yield DryRunReport::of([&mailboxes, &campaigns], false);
            }
            if mailboxes.has_clashes() {
                let mut pages = reader.clone().read::<LegacyMailbox>(Arc::default()).boxed();
                while let Some(page) = pages.try_next().await? {
                    mailboxes.contend(page);
                }
                mailboxes.settle();
            }
            let lost = Arc::new(std::mem::take(&mut mailboxes.lost));
            let mut pages = reader.clone().read::<LegacyCampaign>(lost.clone()).boxed();
            while let Some(page) = pages.try_next().await? {
                campaigns.add(&page);
                yield DryRunReport::of([&mailboxes, &campaigns], false);
            }
            if campaigns.has_clashes() {
                let mut pages = reader.clone().read::<LegacyCampaign>(lost).boxed();
                while let Some(page) = pages.try_next().await? {
                    campaigns.contend(page);
                }
                campaigns.settle();
            }
            yield DryRunReport::of([&mailboxes, &campaigns], true);
        }
    }

    /// What becomes of each page of an old collection. `lost` are the mailboxes that lost a clash.
    fn read<L: LegacyRecord>(
        self: Arc<Self>,
        lost: Arc<HashSet<ObjectId>>,
    ) -> impl Stream<Item = Result<Reading>> + Send {
        try_stream! {
            let mut pages = self.source(L::STEP).clone().all_pages().boxed();
            while let Some(page) = pages.try_next().await? {
                let vault = self.vault.clone();
                let mut reading = blocking(move || Reading::of::<L>(page, &vault)).await?;
                let known = self.known(reading.needed_mailboxes(), &lost).await?;
                reading.require_mailboxes(&known);
                yield reading;
            }
        }
    }

    /// Those of the mailboxes that would be there.
    async fn known(
        &self,
        mailboxes: HashSet<MailboxId>,
        lost: &HashSet<ObjectId>,
    ) -> Result<HashSet<MailboxId>> {
        if mailboxes.is_empty() {
            return Ok(mailboxes);
        }
        let ids = || mailboxes.iter().map(|mailbox| mailbox.as_object_id());
        let linked = self.linked.by_id(ids()).await?;
        let old = self.mailboxes.by_id(ids()).await?;
        let is_taken = |original| read::<LegacyMailbox>(original, &self.vault).is_ok();
        let taken = old.iter().filter(|(id, original)| !lost.contains(*id) && is_taken(*original));
        Ok(taken.map(|(id, _)| *id).chain(linked.into_keys()).map(MailboxId::from).collect())
    }
}

impl DryRunReport {
    fn of(surveys: [&Survey; 2], is_done: bool) -> Self {
        let collections = surveys.map(|survey| {
            let time = survey.started.elapsed();
            let (counts, rejected) = (survey.counts.clone(), survey.rejected.clone());
            let mut report = CopyReport::new(survey.step, counts.read, counts, rejected, time);
            report.is_done = is_done;
            report
        });
        let time: Duration = surveys.iter().map(|survey| survey.started.elapsed()).max().unwrap_or_default();
        let forecast = Forecast {
            documents: surveys.iter().map(|survey| survey.counts.read).sum(),
            bytes: surveys.iter().map(|survey| survey.bytes).sum(),
            seconds: (time * WRITING).as_secs_f64(),
        };
        Self { collections: collections.into(), forecast, is_done }
    }
}
