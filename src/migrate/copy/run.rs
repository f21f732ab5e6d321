//! A run: one step after the other, each resumed where it stands.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_stream::try_stream;
use bson::doc;
use futures_util::stream::{Stream, StreamExt, TryStreamExt};

use super::copying::{Copying, Seen};
use super::metrics::write_metrics;
use super::plan::plan;
use super::primaries::settle_primaries;
use crate::collection::Collection;
use crate::error::MigrationError;
use crate::migrate::access::Access;
use crate::migrate::attempts::{ATTEMPTS, is_clash, patiently};
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::source::Source;
use crate::migrate::progress::Stopwatch;
use crate::migrate::state::clashes::Clashes;
use crate::migrate::state::counts::{Counts, stored};
use crate::migrate::state::lease::{Lease, held};
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::{
    MigrationOptions, MigrationOutcome, MigrationPhase, MigrationProgress, MigrationStep, Result, Stop,
};
use crate::mongo::provision;

/// How often to look at an old collection that grows meanwhile.
const PASSES: u32 = 3;
/// How often to look whether the other process has finished.
const POLL: Duration = Duration::from_millis(500);

/// Migrates what is left.
pub(crate) fn run(
    access: Access,
    options: MigrationOptions,
) -> impl Stream<Item = Result<MigrationProgress>> + Send {
    try_stream! {
        let deadline = Instant::now() + options.wait;
        let mut waited = false;
        let lease = loop {
            match Lease::acquire(&access, options.lease).await? {
                Ok(lease) => break lease,
                Err(holder) if Instant::now() >= deadline => Err(held(holder))?,
                Err(_) if options.stop.is_requested() => {
                    yield MigrationProgress::of(MigrationPhase::Finished(MigrationOutcome::Stopped));
                    return;
                }
                Err(_) => {
                    waited = true;
                    yield MigrationProgress::of(MigrationPhase::Waiting);
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        let run = Run { access, options, lease: Arc::new(lease) };
        run.lease.returned_after(run.access.note_key().await).await?;
        let mut outcome = MigrationOutcome::Done;
        if run.lease.returned_after(run.is_done().await).await? {
            if waited {
                outcome = MigrationOutcome::DoneByOther;
            }
        } else {
            let mut progress = std::pin::pin!(run.all());
            while let Some(progress) = run.lease.returned_after(progress.try_next().await).await? {
                yield progress;
            }
            if !run.lease.returned_after(run.ledger().entry(None).await).await?.is_done {
                outcome = MigrationOutcome::Stopped;
            }
        }
        run.lease.release().await?;
        yield MigrationProgress::of(MigrationPhase::Finished(outcome));
    }
}

struct Run {
    access: Access,
    options: MigrationOptions,
    lease: Arc<Lease>,
}

impl Run {
    fn ledger(&self) -> Ledger<'_> {
        Ledger(&self.access)
    }

    fn stop(&self) -> &Stop {
        &self.options.stop
    }

    /// Whether all is migrated, and nothing has come since.
    async fn is_done(&self) -> Result<bool> {
        let whole = self.ledger().entry(None).await?;
        if whole.is_finalised || !whole.is_done {
            return Ok(whole.is_done);
        }
        for step in MigrationStep::ALL {
            let now = Source::of(&self.access, step).estimated_count().await?;
            if now != self.ledger().entry(Some(step)).await?.source {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn all(&self) -> impl Stream<Item = Result<MigrationProgress>> + Send {
        try_stream! {
            self.ledger().prepare().await?;
            self.ledger().take_over(self.lease.token()).await?;
            if self.ledger().entry(None).await?.is_done {
                // The old collections have changed.
                self.ledger().reopen(self.lease.token()).await?;
                Clashes(&self.access).unsettle().await?;
            }
            yield MigrationProgress::of(MigrationPhase::Provisioning);
            let targets = MigrationStep::ALL.map(MigrationStep::target);
            provision::provision_for_load(self.access.connection(), &targets).await?;
            let mut mailboxes = std::pin::pin!(self.step::<LegacyMailbox>());
            while let Some(progress) = mailboxes.try_next().await? {
                yield progress;
            }
            let mut campaigns = std::pin::pin!(self.step::<LegacyCampaign>());
            while let Some(progress) = campaigns.try_next().await? {
                yield progress;
            }
            if self.stop().is_requested() {
                return;
            }
            self.lease.require()?;
            yield MigrationProgress::of(MigrationPhase::Provisioning);
            provision::provision(self.access.connection()).await?;
            let mut metrics = std::pin::pin!(self.metrics());
            while let Some(progress) = metrics.try_next().await? {
                yield progress;
            }
        }
    }

    /// Copies an old collection.
    fn step<L: LegacyRecord>(&self) -> impl Stream<Item = Result<MigrationProgress>> + Send {
        try_stream! {
            for number in 1.. {
                if self.ledger().entry(Some(L::STEP)).await?.is_done || self.stop().is_requested() {
                    break;
                }
                let mut pass = std::pin::pin!(self.pass::<L>(number == PASSES));
                while let Some(progress) = pass.try_next().await? {
                    yield progress;
                }
            }
        }
    }

    /// Copies what is left, and finds out whether more has come meanwhile.
    fn pass<L: LegacyRecord>(&self, is_last: bool) -> impl Stream<Item = Result<MigrationProgress>> + Send {
        try_stream! {
            let (access, ledger, token) = (&self.access, self.ledger(), self.lease.token());
            if !ledger.entry(Some(L::STEP)).await?.is_planned {
                self.lease.require()?;
                patiently(&self.lease, || plan(access, L::STEP, token)).await?;
            }
            let entry = ledger.entry(Some(L::STEP)).await?;
            let parts = ledger.parts_of(L::STEP).await?;
            let seen = seen(&parts);
            let before = seen.read.load(Ordering::Relaxed);
            let watch = Stopwatch::start(MigrationPhase::Copying(L::STEP), before, Some(entry.source));
            let copying = Arc::new(Copying {
                access: access.clone(),
                lease: self.lease.clone(),
                stop: self.stop().clone(),
                is_repeated: entry.is_repeated,
                total: entry.source,
                max_bad_share: self.options.max_bad_share,
                seen,
            });
            let mut copied = std::pin::pin!(copying.clone().run::<L>(parts));
            let mut failure = None;
            while let Some(batch) = copied.next().await {
                if let Err(error) = batch {
                    failure = Some(error);
                    break;
                }
                let seen = &copying.seen;
                yield watch.at(seen.read.load(Ordering::Relaxed), seen.quarantined.load(Ordering::Relaxed));
            }
            let worked = doc! { "$inc": { "millis": watch.millis() } };
            ledger.note(Some(L::STEP), token, worked).await?;
            if let Some(error) = failure {
                Err(error)?;
            }
            if self.stop().is_requested() {
                return;
            }
            if L::STEP == MigrationStep::Mailboxes {
                yield MigrationProgress::of(MigrationPhase::Primaries);
                self.settle_primaries().await?;
            }
            self.close::<L>(is_last).await?;
        }
    }

    async fn settle_primaries(&self) -> Result<()> {
        let parts = self.ledger().parts_of(MigrationStep::Mailboxes).await?;
        let Some(part) = parts.into_iter().find(|part| part.id.ends_with(Part::PRIMARIES)) else {
            return Ok(());
        };
        let mut attempts = 0;
        let mut settled = usize::MAX;
        while settled > 0 {
            let work = || async {
                self.lease.require()?;
                let stored = self.ledger().part(&part.id).await?.ok_or(MigrationError::LeaseLost)?;
                settle_primaries(&self.access, &stored).await
            };
            settled = match patiently(&self.lease, work).await {
                // The application changed one of them in the same moment.
                Err(error) if is_clash(&error) && attempts < ATTEMPTS => {
                    attempts += 1;
                    continue;
                }
                settled => settled?,
            };
        }
        Ok(())
    }

    /// The step is done, if nothing has come behind it. After the last pass it is in any case: what came
    /// since is left to the next run.
    async fn close<L: LegacyRecord>(&self, is_last: bool) -> Result<()> {
        let now = Source::of(&self.access, L::STEP).count().await?;
        let mut counts = Counts::default();
        for part in self.ledger().parts_of(L::STEP).await? {
            counts += &part.counts;
        }
        let change = if now == counts.read || is_last {
            doc! { "is_done": true, "source": stored(counts.read) }
        } else {
            doc! { "is_planned": false, "is_repeated": true }
        };
        self.ledger().note(Some(L::STEP), self.lease.token(), doc! { "$set": change }).await
    }

    fn metrics(&self) -> impl Stream<Item = Result<MigrationProgress>> + Send {
        try_stream! {
            let rows = Source::new(&self.access, Collection::EmailTracking.name());
            let total = rows.estimated_count().await?;
            let watch = Stopwatch::start(MigrationPhase::Metrics, 0, Some(total));
            yield watch.at(0, 0);
            let mut tallies = std::pin::pin!(write_metrics(&self.access, &self.lease));
            let mut unattributed = 0;
            while let Some(tally) = tallies.try_next().await? {
                unattributed = tally.unattributed;
                yield watch.at(tally.rows, 0);
            }
            let done = doc! { "is_done": true, "unattributed": stored(unattributed), "millis": watch.millis() };
            self.ledger().note(None, self.lease.token(), doc! { "$set": done }).await?;
        }
    }
}

/// What the parts have come to in earlier runs.
fn seen(parts: &[Part]) -> Seen {
    let mut counts = Counts::default();
    for part in parts {
        counts += &part.counts;
    }
    Seen { read: counts.read.into(), quarantined: counts.read.saturating_sub(counts.taken()).into() }
}
