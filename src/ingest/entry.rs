//! An accepted event, and the caller that waits for its outcome.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::stats::Counters;
use crate::error::{Error, Result};
use crate::model::{EventOutcome, TrackingEvent};

/// An accepted event and its caller, which gets exactly one answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: TrackingEvent,
    /// When it was accepted.
    pub(super) since: Instant,
    caller: Caller,
}

impl Entry {
    /// Accepts an event. The receiver gets the answer.
    pub(super) fn accept(
        event: TrackingEvent,
        counters: Arc<Counters>,
    ) -> (Self, oneshot::Receiver<Result<EventOutcome>>) {
        let (sender, answer) = oneshot::channel();
        counters.accept();
        let caller = Caller { answer: Some(sender), counters };
        (Self { event, since: Instant::now(), caller }, answer)
    }

    pub(super) fn answer(mut self, result: Result<EventOutcome>) {
        self.caller.answer(result);
    }
}

#[derive(Debug)]
struct Caller {
    answer: Option<oneshot::Sender<Result<EventOutcome>>>,
    counters: Arc<Counters>,
}

impl Caller {
    fn answer(&mut self, result: Result<EventOutcome>) {
        if let Some(answer) = self.answer.take() {
            self.counters.answer(result.is_ok());
            // The caller may be gone.
            drop(answer.send(result));
        }
    }
}

/// A panic or the end of the runtime drops entries that have no answer yet.
impl Drop for Caller {
    fn drop(&mut self) {
        self.answer(Err(lost()));
    }
}

/// It is unknown whether the event was recorded.
pub(super) fn lost() -> Error {
    Error::unavailable("the event recorder", "the commit was interrupted")
}
