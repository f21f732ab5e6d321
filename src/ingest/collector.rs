//! Gathers entries into batches.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout_at;

use super::RecorderOptions;
use super::committer::Committer;
use super::entry::Entry;

/// A message in the queue.
#[derive(Debug)]
pub(super) enum Message {
    Record(Entry),
    /// Accept nothing more.
    Close,
}

/// The task between the queue and the commits. It ends when the queue is closed and empty.
/// [`Message::Close`] closes the queue, and so does dropping the last sender.
#[derive(Debug)]
pub(super) struct Collector {
    queue: mpsc::Receiver<Message>,
    arrived: Vec<Message>,
    committer: Committer,
    options: RecorderOptions,
}

impl Collector {
    pub(super) fn new(
        queue: mpsc::Receiver<Message>,
        committer: Committer,
        options: RecorderOptions,
    ) -> Self {
        Self { queue, arrived: Vec::new(), committer, options }
    }

    /// Runs until every accepted event is answered. Then it drops `ended`.
    pub(super) async fn run(mut self, ended: watch::Sender<()>) {
        let commits = Arc::new(Semaphore::new(self.options.commits_at_once as usize));
        // The permit to commit is acquired first. While there is none, the queue fills, so the next
        // batch grows, and callers wait once the queue is full.
        while let Ok(place) = commits.clone().acquire_owned().await {
            let Some(batch) = self.gather().await else { break };
            let committer = self.committer.clone();
            tokio::spawn(async move {
                committer.commit(batch).await;
                drop(place);
            });
        }
        // All permits are free once all commits have ended.
        drop(commits.acquire_many(self.options.commits_at_once).await);
        drop(ended);
    }

    /// The next batch: the events that arrive until it is full, or until its first event has lingered.
    async fn gather(&mut self) -> Option<Vec<Entry>> {
        let size = self.options.batch_size;
        let mut batch = Vec::new();
        let first = loop {
            if let Some(Entry { since, .. }) = batch.first() {
                break *since;
            }
            if self.queue.recv_many(&mut self.arrived, size).await == 0 {
                return None;
            }
            self.take_in(&mut batch);
        };
        // Events that are already in the queue are received even after that time. A full batch has no
        // room left, and receiving nothing ends the loop.
        let until = first + self.options.linger;
        while let Ok(1..) = {
            let room = size - batch.len();
            timeout_at(until, self.queue.recv_many(&mut self.arrived, room)).await
        } {
            self.take_in(&mut batch);
        }
        Some(batch)
    }

    fn take_in(&mut self, batch: &mut Vec<Entry>) {
        for message in self.arrived.drain(..) {
            match message {
                Message::Record(entry) => batch.push(entry),
                // Events that were accepted before are still received.
                Message::Close => self.queue.close(),
            }
        }
    }
}
