//! The counters of a recorder, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of an [`EventRecorder`](super::EventRecorder) since its start.
///
/// Every accepted event is counted in exactly one of `recorded`, `failed` and `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Events that were accepted. Events that were refused, because the queue was full or the recorder was
    /// shut down, are not counted.
    pub accepted: u64,
    /// Events that got an outcome, of any kind.
    pub recorded: u64,
    /// Events that failed.
    pub failed: u64,
    /// Batches that were committed. Each part of a split batch counts.
    pub batches: u64,
    /// Events that currently wait for their batch or its commit.
    pub queued: u64,
}

/// The live counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    recorded: AtomicU64,
    failed: AtomicU64,
    batches: AtomicU64,
}

impl Counters {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts an answer, before the caller gets it.
    pub(super) fn answer(&self, recorded: bool) {
        let counter = if recorded { &self.recorded } else { &self.failed };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn commit(&self) {
        self.batches.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn read(&self) -> RecorderStats {
        // `accepted` is read last, so it is never less than the answers.
        let [batches, recorded, failed, accepted] =
            [&self.batches, &self.recorded, &self.failed, &self.accepted].map(|n| n.load(Ordering::SeqCst));
        RecorderStats { accepted, recorded, failed, batches, queued: accepted - recorded - failed }
    }
}
