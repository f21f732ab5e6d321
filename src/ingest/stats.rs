//! What operators want to know of a recorder.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of an [`EventRecorder`](super::EventRecorder) since its start.
///
/// Every accepted event is in exactly one of `recorded`, `failed` and `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Events taken in. Those that were refused, because the queue was full or the recorder was
    /// shut down, are not in it.
    pub accepted: u64,
    /// Events that got an outcome, whichever it is.
    pub recorded: u64,
    /// Events that got an error.
    pub failed: u64,
    /// Batches that were committed. A batch that was split counts with each of its parts.
    pub batches: u64,
    /// Events that wait for their batch or its commit now.
    pub queued: u64,
}

/// The counters while they count.
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

    /// Counts an answer. It comes before the caller sees it.
    pub(super) fn answer(&self, recorded: bool) {
        let counter = if recorded { &self.recorded } else { &self.failed };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn commit(&self) {
        self.batches.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn read(&self) -> RecorderStats {
        // What is accepted is read last, so that nothing was answered before it was accepted.
        let [batches, recorded, failed, accepted] =
            [&self.batches, &self.recorded, &self.failed, &self.accepted].map(|n| n.load(Ordering::SeqCst));
        RecorderStats { accepted, recorded, failed, batches, queued: accepted - recorded - failed }
    }
}
