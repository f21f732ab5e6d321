//! The options of an event recorder.

use std::time::Duration;

use tokio::sync::Semaphore;

/// The options of an [`EventRecorder`](super::EventRecorder). Values out of bounds are clamped.
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
    pub(super) patience: Duration,
    pub(super) back_off: Duration,
}

impl RecorderOptions {
    const MAX_LINGER: Duration = Duration::from_secs(60);
    const MAX_PATIENCE: Duration = Duration::from_secs(60 * 60);
    pub(super) const MAX_BACK_OFF: Duration = Duration::from_secs(5);

    /// Sets the number of events that the queue holds before callers have to wait; 10,000 by default, at
    /// least 1. The queue and the batches that are being committed bound the memory of the recorder.
    pub fn queue_capacity(mut self, events: usize) -> Self {
        self.queue_capacity = events.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets the largest number of events in a batch; 1,000 by default, at least 1. Larger batches gain
    /// nothing on MongoDB, and smaller ones are slower.
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events.max(1);
        self
    }

    /// Sets how long an event waits for others to share its commit; 5 ms by default, at most 60 s. An
    /// event that has already waited longer, because all commits were busy, does not wait again.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger.min(Self::MAX_LINGER);
        self
    }

    /// Sets the number of batches that are committed concurrently; 1 by default, from 1 to 1,000.
    ///
    /// One is usually best: the store records the campaigns of a batch concurrently, and two batches with
    /// events of the same campaign would conflict. More help only if the events are spread over very many
    /// campaigns.
    pub fn commits_at_once(mut self, batches: u32) -> Self {
        self.commits_at_once = batches.clamp(1, 1_000);
        self
    }

    /// Sets for how long a batch is retried after [retryable](crate::Error::is_retryable) errors; 120 s by
    /// default, at most an hour. A retry that has begun by then is the last one.
    ///
    /// The default outlasts the longest wait that a healthy database can cause. When a process is killed in a
    /// transaction, MongoDB keeps what the transaction locked, such as the metrics of a campaign, for
    /// `transactionLifetimeLimitSeconds` (60 by default), and up to 25 s longer until it looks for such
    /// transactions. Servers with another limit need another patience.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(Self::MAX_PATIENCE);
        self
    }

    /// Sets the wait before the first retry of a batch; 50 ms by default, at most 5 s. It doubles with each
    /// retry, up to 5 s.
    pub fn back_off(mut self, wait: Duration) -> Self {
        self.back_off = wait.min(Self::MAX_BACK_OFF);
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
            patience: Duration::from_secs(120),
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
        let options = options.patience(Duration::MAX).back_off(Duration::MAX);
        assert_eq!(options.patience, Duration::from_secs(3_600));
        assert_eq!(options.back_off, Duration::from_secs(5));
    }
}
