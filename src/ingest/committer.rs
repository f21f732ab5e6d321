//! Commits batches.

use std::sync::Arc;

use tokio::time::sleep;

use super::RecorderOptions;
use super::entry::Entry;
use super::stats::Counters;
use crate::error::Error;
use crate::repository::EmailTrackingRepository;

/// Records batches and answers their callers.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    repository: Arc<dyn EmailTrackingRepository>,
    counters: Arc<Counters>,
    options: RecorderOptions,
}

impl Committer {
    pub(super) fn new(
        repository: Arc<dyn EmailTrackingRepository>,
        counters: Arc<Counters>,
        options: RecorderOptions,
    ) -> Self {
        Self { repository, counters, options }
    }

    /// Records the batch. Events that fail together are split in halves until the bad event is alone with
    /// its error.
    pub(super) async fn commit(&self, batch: Vec<Entry>) {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let mut failed = self.record(part).await;
            if let [_, _, ..] = failed.as_slice() {
                let rest = failed.split_off(failed.len() / 2);
                parts.extend([rest, failed].map(|half| half.into_iter().map(|(entry, _)| entry).collect()));
            } else {
                for (entry, error) in failed {
                    entry.answer(Err(error));
                }
            }
        }
    }

    /// Records the batch, and retries while the errors are retryable. Returns the events that failed with
    /// an error that one of them may have caused. All other events are answered.
    async fn record(&self, mut batch: Vec<Entry>) -> Vec<(Entry, Error)> {
        let mut failed = Vec::new();
        let mut wait = self.options.back_off;
        for retries_left in (0..=self.options.retries).rev() {
            let events = batch.iter().map(|entry| entry.event.clone()).collect();
            let results = self.repository.record_events_each(events).await;
            if results.iter().any(Result::is_ok) {
                self.counters.commit();
            }
            let mut again = Vec::new();
            for (entry, result) in batch.into_iter().zip(results) {
                match result {
                    Err(error) if error.is_retryable() && retries_left > 0 => again.push(entry),
                    Err(error) if !is_of_the_database(&error) => failed.push((entry, error)),
                    result => entry.answer(result),
                }
            }
            if again.is_empty() {
                break;
            }
            batch = again;
            sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        failed
    }
}

/// Whether no event can have caused the error.
fn is_of_the_database(error: &Error) -> bool {
    error.is_retryable() || matches!(error, Error::Unauthorized { .. })
}
