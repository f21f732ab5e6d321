//! How an event recorder works.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How an [`EventRecorder`](super::EventRecorder) gathers and commits.
///
/// ```
/// use std::time::Duration;
///
/// use campaign_store::RecorderOptions;
///
/// let options = RecorderOptions::default().batch_size(500).linger(Duration::from_millis(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RecorderOptions {
    pub(super) queue_capacity: usize,
    pub(super) batch_size: usize,
    pub(super) linger: Duration,
    pub(super) commits_at_once: u32,
    pub(super) retries: u32,
    pub(super) back_off: Duration,
}

impl RecorderOptions {
    const MAX_LINGER: Duration = Duration::from_secs(60);

    /// How many events can wait for their batch before callers have to wait for a place; 10,000
    /// unless set, at least 1. It bounds the memory of the recorder, together with the batches
    /// that are being committed.
    pub fn queue_capacity(mut self, events: usize) -> Self {
        self.queue_capacity = events.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// The most events of one batch; 1,000 unless set, at least 1. Larger ones gain nothing on
    /// MongoDB, and smaller ones cost speed.
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events.max(1);
        self
    }

    /// How long an event waits for others to share its commit; 5 ms unless set, at most a minute.
    /// An event that had to wait longer for another reason, because all commits were busy, does
    /// not wait again.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger.min(Self::MAX_LINGER);
        self
    }

    /// How many batches are committed at the same time; 1 unless set, from 1 to 1,000.
    ///
    /// One is best for most: the store itself records the campaigns of a batch side by side, and
    /// two batches with events of the same campaign would be in each other's way. More pay off
    /// when the events spread over very many campaigns.
    pub fn commits_at_once(mut self, batches: u32) -> Self {
        self.commits_at_once = batches.clamp(1, 1_000);
        self
    }

    /// How often a batch is tried again after an error that
    /// [can pass](crate::Error::is_retryable); 5 times unless set. The store's own retries come
    /// on top.
    pub fn retries(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// How long to wait before the first time a batch is tried again; 50 ms unless set. It doubles
    /// each time.
    pub fn back_off(mut self, wait: Duration) -> Self {
        self.back_off = wait;
        self
    }
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            queue_capacity: 10_000,
            batch_size: 1_000,
            linger: Duration::from_millis(5),
            commits_at_once: 1,
            retries: 5,
            back_off: Duration::from_millis(50),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_can_stop_the_recorder() {
        let options = RecorderOptions::default().queue_capacity(0).batch_size(0).commits_at_once(0);
        assert_eq!((options.queue_capacity, options.batch_size, options.commits_at_once), (1, 1, 1));
        let options = options.queue_capacity(usize::MAX).linger(Duration::MAX);
        assert_eq!(options.queue_capacity, Semaphore::MAX_PERMITS);
        assert_eq!(options.linger, Duration::from_secs(60));
    }
}
