//! Gathers entries into batches.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout_at;

use super::RecorderOptions;
use super::committer::Committer;
use super::entry::Entry;

/// What comes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    Record(Entry),
    /// Take nothing more in.
    Close,
}

/// The task between the queue and the commits. It ends when the queue is closed, by
/// [`Message::Close`] or because nobody holds its other end any more, and empty.
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

    /// Works until everything that was accepted is answered. `ended` is dropped then.
    pub(super) async fn run(mut self, ended: watch::Sender<()>) {
        let commits = Arc::new(Semaphore::new(self.options.commits_at_once as usize));
        // The place for the commit comes first: while there is none, the queue fills, the next
        // batch grows with it, and callers wait once the queue is full.
        while let Ok(place) = commits.clone().acquire_owned().await {
            let Some(batch) = self.gather().await else { break };
            let committer = self.committer.clone();
            tokio::spawn(async move {
                committer.commit(batch).await;
                drop(place);
            });
        }
        // All places are free when all commits are over.
        drop(commits.acquire_many(self.options.commits_at_once).await);
        drop(ended);
    }

    /// The next batch: whatever arrives until it is full or its first event has lingered enough.
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
        // What is in the queue already comes out of it even after that time. A full batch has room
        // for nothing more, and receiving nothing ends the loop.
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
                // What was accepted before still comes out.
                Message::Close => self.queue.close(),
            }
        }
    }
}
