//! Commits batches.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

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
        let until = Instant::now() + self.options.patience;
        let mut open = vec![self.record(batch, until).await];
        while let Some(mut failed) = open.pop() {
            let Some(middle) = Some(failed.len() / 2).filter(|middle| *middle > 0) else {
                answer(failed);
                continue;
            };
            let rest = failed.split_off(middle);
            let (first, second) = (self.retry(failed, until).await, self.retry(rest, until).await);
            match (first.common_error(), second.common_error()) {
                // The database fails in the same way whatever the events are.
                (Some(one), Some(other)) if one == other && !may_be_of_an_event(one) => {
                    answer(first.failed);
                    answer(second.failed);
                }
                _ => open.extend([second.failed, first.failed]),
            }
        }
    }

    async fn retry(&self, half: Vec<(Entry, Error)>, until: Instant) -> Half {
        let size = half.len();
        let half = half.into_iter().map(|(entry, _)| entry).collect();
        Half { size, failed: self.record(half, until).await }
    }

    /// Records the batch, and retries until the given time while the errors are retryable. Returns the
    /// events that failed with an error that one of them may have caused. All other events are answered.
    async fn record(&self, mut batch: Vec<Entry>, until: Instant) -> Vec<(Entry, Error)> {
        let mut failed = Vec::new();
        let mut wait = self.options.back_off;
        loop {
            let is_last = Instant::now() >= until;
            let events = batch.iter().map(|entry| entry.event.clone()).collect();
            let results = self.repository.record_events_each(events).await;
            if results.iter().any(Result::is_ok) {
                self.counters.commit();
            }
            let mut again = Vec::new();
            for (entry, result) in batch.into_iter().zip(results) {
                match result {
                    Err(error) if error.is_retryable() && !is_last => again.push(entry),
                    Err(error) if !is_of_the_database(&error) => failed.push((entry, error)),
                    result => entry.answer(result),
                }
            }
            if again.is_empty() {
                break;
            }
            batch = again;
            sleep_until(until.min(Instant::now() + wait)).await;
            wait = wait.saturating_mul(2).min(RecorderOptions::MAX_BACK_OFF);
        }
        failed
    }
}

/// Half of the events that failed together, recorded alone.
struct Half {
    size: usize,
    failed: Vec<(Entry, Error)>,
}

impl Half {
    /// The error of all its events, if all failed with the same.
    fn common_error(&self) -> Option<&Error> {
        let (_, first) = self.failed.first()?;
        let is_common = self.failed.len() == self.size && self.failed.iter().all(|(_, error)| error == first);
        is_common.then_some(first)
    }
}

fn answer(failed: Vec<(Entry, Error)>) {
    for (entry, error) in failed {
        entry.answer(Err(error));
    }
}

/// Whether an event can have caused an error that the events of a step share.
fn may_be_of_an_event(error: &Error) -> bool {
    /// A validator refused its row, its row became too large, a unique index has its value.
    const CODES: [i32; 3] = [121, 10_334, 11_000];
    match error {
        Error::Backend { code, .. } => code.is_some_and(|code| CODES.contains(&code)),
        _ => true,
    }
}

/// Whether no event can have caused the error.
fn is_of_the_database(error: &Error) -> bool {
    error.is_retryable() || matches!(error, Error::Unauthorized { .. })
}
