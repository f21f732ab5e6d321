//! Copying an old collection, part by part.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_stream::try_stream;
use futures_util::stream::{self, Stream, StreamExt};

use super::batch::Batch;
use super::settle::settle_and_commit;
use super::target::{Target, linked};
use super::writes::Writes;
use crate::error::MigrationError;
use crate::migrate::access::Access;
use crate::migrate::attempts::{is_clash, patiently};
use crate::migrate::blocking::blocking;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::old::page::Page;
use crate::migrate::old::source::Source;
use crate::migrate::state::counts::number_of;
use crate::migrate::state::lease::Lease;
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::{Result, Stop};

/// A step in progress.
pub(crate) struct Copying {
    pub(crate) access: Access,
    pub(crate) lease: Arc<Lease>,
    pub(crate) stop: Stop,
    /// Whether the step was done before, so that most documents are there.
    pub(crate) is_repeated: bool,
    /// How many documents the old collection has.
    pub(crate) total: u64,
    pub(crate) max_bad_share: f64,
    pub(crate) seen: Seen,
}

/// What all parts of a step have come to.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) read: AtomicU64,
    pub(crate) quarantined: AtomicU64,
}

impl Copying {
    /// Copies what is left of the parts, side by side: one reads and seals while the server writes
    /// another. There is an item after each batch.
    pub(crate) fn run<L: LegacyRecord>(self: Arc<Self>, parts: Vec<Part>) -> impl Stream<Item = Result<()>> {
        try_stream! {
            let mut begun = Vec::new();
            for part in parts.into_iter().filter(Part::is_range) {
                let mut copy = self.clone().copy::<L>(part).boxed();
                // The first pages one after the other: to check a unique index, the server looks from each
                // key on for the next one that the transaction sees. That is the first of the next part, if
                // it is there, and else the one after all that others insert meanwhile.
                if let Some(copied) = copy.next().await {
                    yield copied?;
                }
                begun.push(copy);
            }
            for await copied in stream::iter(begun).flatten_unordered(None) {
                yield copied?;
            }
        }
    }

    fn copy<L: LegacyRecord>(self: Arc<Self>, mut part: Part) -> impl Stream<Item = Result<()>> + Send {
        try_stream! {
            while !part.is_done && !self.stop.is_requested() {
                part = patiently(&self.lease, || self.copy_page::<L>(&part)).await?;
                yield;
            }
        }
    }

    /// Copies the next page of a part.
    async fn copy_page<L: LegacyRecord>(&self, part: &Part) -> Result<Part> {
        // After an answer that was lost, this is what it was.
        let stored = Ledger(&self.access).part(&part.id).await?;
        let part =
            stored.as_ref().filter(|stored| stored.token == part.token).ok_or(MigrationError::LeaseLost)?;
        let page = Source::of(&self.access, L::STEP).page(&part.range, part.last.as_ref()).await?;
        let (last, is_last) = (page.last(), page.is_last);
        let batch = self.read::<L>(page).await?;
        self.require_sense::<L>(&batch)?;
        let next = part.after(last, &batch.counts, is_last);
        let quarantined = self.write(part, &next, &batch).await?;
        self.seen.read.fetch_add(batch.counts.read, Ordering::Relaxed);
        self.seen.quarantined.fetch_add(quarantined, Ordering::Relaxed);
        Ok(next)
    }

    async fn read<L: LegacyRecord>(&self, page: Page) -> Result<Batch<L>> {
        let mut present = HashSet::new();
        if self.is_repeated {
            present = Target::of(&self.access, L::STEP).present(page.object_ids()).await?;
        }
        let vault = self.access.vault()?.clone();
        let mut batch = blocking(move || Batch::<L>::of(page.documents, &present, &vault)).await??;
        let known = linked(&self.access, batch.needed_mailboxes()).await?;
        batch.require_mailboxes(&known);
        Ok(batch)
    }

    /// Makes sure that not so many documents are rejected that the mistake must be ours. The share is
    /// that of all documents: those of one range can be of one kind.
    fn require_sense<L: LegacyRecord>(&self, batch: &Batch<L>) -> Result<()> {
        /// Fewer say nothing.
        const LEAST: u64 = 1_000;
        let read = self.seen.read.load(Ordering::Relaxed) + batch.counts.read;
        let rejected = self.seen.quarantined.load(Ordering::Relaxed) + number_of(batch.rejected.len());
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = rejected as f64 / read.max(self.total).max(1) as f64;
        if read >= LEAST && share > self.max_bad_share {
            return Err(MigrationError::TooManyRejected { from: L::STEP.source(), read, rejected });
        }
        Ok(())
    }

    /// Writes a batch, and says how many documents went to quarantine.
    async fn write<L: LegacyRecord>(&self, part: &Part, next: &Part, batch: &Batch<L>) -> Result<u64> {
        if !self.is_repeated {
            // Most batches have no clash: looking for one first would cost each of them.
            let writes = self.unopposed(batch)?;
            self.lease.require()?;
            match writes.commit(&self.access, part, next).await {
                Err(error) if is_clash(&error) => {}
                done => return done.map(|()| number_of(writes.quarantined.len())),
            }
        }
        let writes = settle_and_commit(&self.access, &self.lease, part, next, batch).await?;
        Ok(number_of(writes.quarantined.len()))
    }

    fn unopposed<'a, L: LegacyRecord>(&self, batch: &'a Batch<L>) -> Result<Writes<'a>> {
        let (vault, now) = (self.access.vault()?, self.access.now());
        let quarantined = batch.rejected.iter().map(|quarantined| quarantined.seal(L::STEP, vault, now));
        Ok(Writes {
            quarantined: quarantined.collect::<Result<_>>()?,
            inserted: batch.taken.iter().map(|candidate| Cow::Borrowed(&candidate.document)).collect(),
            ..Writes::default()
        })
    }
}
