//! What becomes of an old collection, page by page, without writing any of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;

use crate::migrate::copy::batch::read;
use crate::migrate::legacy::legacy_record::{LegacyRecord, PrimaryRank, Rank};
use crate::migrate::old::page::Page;
use crate::migrate::state::counts::{Counts, number_of};
use crate::migrate::{MigrationStep, Rejection, Repair};
use crate::model::{MailboxId, UserId};
use crate::secret::Vault;

/// What becomes of a page.
pub(super) struct Reading {
    read: u64,
    bytes: u64,
    rejected: Vec<Rejection>,
    taken: Vec<Taken>,
}

/// What must be known of a document to settle its clashes with others.
struct Taken {
    id: ObjectId,
    key: Vec<u8>,
    rank: Rank,
    repair: Option<Repair>,
    primary: Option<(UserId, PrimaryRank)>,
    needed: Option<MailboxId>,
}

impl Reading {
    pub(super) fn of<L: LegacyRecord>(page: Page, vault: &Vault) -> Self {
        let mut reading = Self { read: 0, bytes: 0, rejected: Vec::new(), taken: Vec::new() };
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

    pub(super) fn needed_mailboxes(&self) -> HashSet<MailboxId> {
        self.taken.iter().filter_map(|taken| taken.needed).collect()
    }

    pub(super) fn require_mailboxes(&mut self, known: &HashSet<MailboxId>) {
        let before = self.taken.len();
        self.taken.retain(|taken| taken.needed.is_none_or(|mailbox| known.contains(&mailbox)));
        let missing = before - self.taken.len();
        self.rejected.extend(std::iter::repeat_n(Rejection::UnknownMailbox, missing));
    }
}

/// What becomes of an old collection. It keeps about sixteen bytes of each document.
pub(super) struct Survey {
    pub(super) step: MigrationStep,
    pub(super) started: Instant,
    pub(super) bytes: u64,
    pub(super) counts: Counts,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    keys: Seen,
    primaries: Seen,
    /// The documents that clash.
    contenders: Vec<Taken>,
    /// Documents that lost a clash.
    pub(super) lost: HashSet<ObjectId>,
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
    pub(super) fn new(step: MigrationStep) -> Self {
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

    pub(super) fn add(&mut self, page: &Reading) {
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

    pub(super) fn has_clashes(&self) -> bool {
        !self.keys.again.is_empty() || !self.primaries.again.is_empty()
    }

    /// Keeps the documents that clash.
    pub(super) fn contend(&mut self, page: Reading) {
        self.contenders.extend(page.taken.into_iter().filter(|taken| {
            self.keys.has_again(&taken.key)
                || taken.primary.is_some_and(|(user, _)| self.primaries.has_again(&user))
        }));
    }

    /// Settles which documents are taken over, and then which mailboxes stay primary.
    pub(super) fn settle(&mut self) {
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
