//! What a migration would do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_stream::try_stream;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use serde::Serialize;

use super::report::CopyReport;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::migrate::copy::batch::read;
use crate::migrate::legacy::legacy_record::{LegacyRecord, PrimaryRank, Rank};
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::old_collection::Source;
use crate::migrate::old::page::Page;
use crate::migrate::state::counts::{Counts, number_of};
use crate::migrate::{MigrationStep, Rejection, Repair};
use crate::model::{MailboxId, UserId};
use crate::mongo::connection::Connection;
use crate::secret::Vault;

/// How much longer it takes to write what is read, about.
const WRITING: u32 = 3;

/// What a migration would do, by the old collections alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DryRunReport {
    /// What would become of each old collection.
    pub collections: Vec<CopyReport>,
    /// What it would take.
    pub forecast: Forecast,
    /// Whether all was looked at.
    pub is_done: bool,
}

/// What a migration would take.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Old documents.
    pub documents: u64,
    /// Their size, in bytes. The new ones take about as much, and the log of the server as much again.
    pub bytes: u64,
    /// The time for copying, in seconds: about three times that of reading.
    pub seconds: f64,
}

/// The old collections, which can only be read through it.
#[derive(Clone)]
pub(crate) struct Reader {
    mailboxes: Source,
    campaigns: Source,
    /// The mailboxes that are there already.
    linked: Source,
    vault: Vault,
}

impl Reader {
    pub(crate) fn new(connection: &Arc<Connection>, vault: Vault) -> Self {
        let source = |name| Source::new(connection, name);
        Self {
            mailboxes: source(MigrationStep::Mailboxes.source()),
            campaigns: source(MigrationStep::Campaigns.source()),
            linked: source(Collection::Mailboxes.name()),
            vault,
        }
    }

    fn source(&self, step: MigrationStep) -> &Source {
        match step {
            MigrationStep::Mailboxes => &self.mailboxes,
            MigrationStep::Campaigns => &self.campaigns,
        }
    }

    /// Reads all that there is. There is a report now and then.
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

    /// What becomes of each page of an old collection. `lost` are the mailboxes that others are taken
    /// over instead of.
    fn read<L: LegacyRecord>(
        self: Arc<Self>,
        lost: Arc<HashSet<ObjectId>>,
    ) -> impl Stream<Item = Result<Reading>> + Send {
        try_stream! {
            let mut pages = self.source(L::STEP).clone().all_pages().boxed();
            while let Some(page) = pages.try_next().await? {
                let vault = self.vault.clone();
                let read = move || read_page::<L>(page, &vault);
                // It ends early only when the runtime does.
                let mut reading = tokio::task::spawn_blocking(read).await.map_err(|_| Error::ShutDown)?;
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

/// What becomes of a page.
struct Reading {
    read: u64,
    bytes: u64,
    rejected: Vec<Rejection>,
    taken: Vec<Taken>,
}

/// What is to know of a document that is taken over, in the face of others.
struct Taken {
    id: ObjectId,
    key: Vec<u8>,
    rank: Rank,
    repair: Option<Repair>,
    primary: Option<(UserId, PrimaryRank)>,
    needed: Option<MailboxId>,
}

fn read_page<L: LegacyRecord>(page: Page, vault: &Vault) -> Reading {
    let mut reading = Reading { read: 0, bytes: 0, rejected: Vec::new(), taken: Vec::new() };
    for original in page.documents {
        reading.read += 1;
        reading.bytes += number_of(original.as_bytes().len());
        match read::<L>(&original, vault) {
            Err(reasons) => reading.rejected.extend(reasons.first().map(|reason| reason.code)),
            Ok(record) => reading.taken.push(Taken {
                id: record.id(),
                key: L::key(&record.encode_plain()).map(RawDocumentBuf::into_bytes).unwrap_or_default(),
                rank: record.rank(),
                repair: record.repairs().first().copied(),
                primary: record.primary_of(),
                needed: record.needed_mailbox(),
            }),
        }
    }
    reading
}

impl Reading {
    fn needed_mailboxes(&self) -> HashSet<MailboxId> {
        self.taken.iter().filter_map(|taken| taken.needed).collect()
    }

    fn require_mailboxes(&mut self, known: &HashSet<MailboxId>) {
        let before = self.taken.len();
        self.taken.retain(|taken| taken.needed.is_none_or(|mailbox| known.contains(&mailbox)));
        let missing = before - self.taken.len();
        self.rejected.extend(std::iter::repeat_n(Rejection::UnknownMailbox, missing));
    }
}

/// What becomes of an old collection. It remembers sixteen bytes of each document or so.
struct Survey {
    step: MigrationStep,
    started: Instant,
    bytes: u64,
    counts: Counts,
    rejected: BTreeMap<Rejection, u64>,
    keys: Seen,
    primaries: Seen,
    /// The documents that clash.
    contenders: Vec<Taken>,
    /// Documents that others are taken over instead of.
    lost: HashSet<ObjectId>,
}

/// Hashes that were seen, and those that were seen more than once.
#[derive(Default)]
struct Seen {
    once: HashSet<u64>,
    again: HashSet<u64>,
}

impl Seen {
    fn add(&mut self, value: &impl Hash) {
        let hash = hash(value);
        if !self.once.insert(hash) {
            self.again.insert(hash);
        }
    }

    fn has_again(&self, value: &impl Hash) -> bool {
        self.again.contains(&hash(value))
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Survey {
    fn new(step: MigrationStep) -> Self {
        Self {
            step,
            started: Instant::now(),
            bytes: 0,
            counts: Counts::default(),
            rejected: BTreeMap::new(),
            keys: Seen::default(),
            primaries: Seen::default(),
            contenders: Vec::new(),
            lost: HashSet::new(),
        }
    }

    fn add(&mut self, page: &Reading) {
        self.counts.read += page.read;
        self.bytes += page.bytes;
        for reason in &page.rejected {
            *self.rejected.entry(*reason).or_default() += 1;
        }
        for taken in &page.taken {
            self.counts.take(taken.repair);
            self.keys.add(&taken.key);
            if let Some((user, _)) = taken.primary {
                self.primaries.add(&user);
            }
        }
    }

    fn has_clashes(&self) -> bool {
        !self.keys.again.is_empty() || !self.primaries.again.is_empty()
    }

    /// Keeps the documents that clash.
    fn contend(&mut self, page: Reading) {
        self.contenders.extend(page.taken.into_iter().filter(|taken| {
            self.keys.has_again(&taken.key)
                || taken.primary.is_some_and(|(user, _)| self.primaries.has_again(&user))
        }));
    }

    /// Settles who is taken over, and then who stays primary.
    fn settle(&mut self) {
        let mut best: HashMap<&[u8], Rank> = HashMap::new();
        for taken in &self.contenders {
            let best = best.entry(&taken.key).or_insert(taken.rank);
            *best = taken.rank.min(*best);
        }
        let mut primary: HashMap<UserId, PrimaryRank> = HashMap::new();
        let mut demoted = Vec::new();
        for taken in &self.contenders {
            if best.get(taken.key.as_slice()) != Some(&taken.rank) {
                self.counts.take_back(taken.repair, 1);
                *self.rejected.entry(Rejection::Duplicate).or_default() += 1;
                self.lost.insert(taken.id);
            } else if let Some((user, rank)) = taken.primary {
                let best = primary.entry(user).or_insert(rank);
                *best = rank.min(*best);
                demoted.push((user, rank, taken.repair));
            }
        }
        for (user, rank, repair) in demoted {
            if primary.get(&user) != Some(&rank) {
                self.counts.take_back(repair, 1);
                self.counts.take(Some(Repair::SecondPrimary));
            }
        }
        self.contenders = Vec::new();
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
