//! The handle that callers record events with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::collector::{Collector, Message};
use super::committer::Committer;
use super::entry::{Entry, lost};
use super::stats::Counters;
use super::{RecorderOptions, RecorderStats};
use crate::error::{Error, Result};
use crate::model::{EventOutcome, TrackingEvent};
use crate::repository::EmailTrackingRepository;

/// Records the events of many callers in few commits.
///
/// Each caller passes one event and gets its outcome after the commit. The recorder gathers events that
/// arrive at about the same time into batches. This is many times faster than recording them one by one,
/// and just as exact, since a batch goes through
/// [`record_events_each`](EmailTrackingRepository::record_events_each).
///
/// - **No accepted event is lost.** An event in the queue is recorded even if its caller's future is
///   dropped, after [`shutdown`](Self::shutdown), and after the last handle is dropped, as long as the
///   runtime lives.
/// - **Memory is bounded.** When the queue is full, [`record`](Self::record) waits for a place, and
///   [`try_record`](Self::try_record) fails with [`Error::Busy`].
/// - **A bad event fails alone.** The batch that fails because of it is split, and the other events are
///   recorded.
/// - **Retryable errors are retried** for as long as [`RecorderOptions::patience`] says, 120 s by default.
///   Then every caller of the batch gets the error. The database may have made the change, and only its answer was lost. When the
///   event is recorded again, it counts once if it has a provider event id, and may count twice if not.
///
/// A clone is another handle of the same recorder.
///
/// ```
/// use campaign_store::{EventOutcome, EventRecorder, MemoryStore, RecorderOptions, TrackingEvent, TrackingId};
/// use chrono::DateTime;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let recorder = EventRecorder::start(store.email_tracking.clone(), RecorderOptions::default());
///
/// let nobody = TrackingId::new_at(DateTime::UNIX_EPOCH);
/// let event = TrackingEvent::opened(nobody, DateTime::UNIX_EPOCH).provider_event_id("evt-1")?;
/// assert_eq!(recorder.record(event).await?, EventOutcome::UnknownTracking);
///
/// let stats = recorder.shutdown().await;
/// assert_eq!((stats.recorded, stats.queued), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EventRecorder(Arc<Handle>);

struct Handle {
    queue: mpsc::Sender<Message>,
    closing: AtomicBool,
    counters: Arc<Counters>,
    /// Closed once every accepted event is answered.
    ended: watch::Receiver<()>,
}

impl EventRecorder {
    /// Starts a recorder on the current tokio runtime, whose timer must be enabled.
    ///
    /// # Panics
    /// Outside of a tokio runtime, like [`tokio::spawn`].
    #[must_use]
    pub fn start(repository: Arc<dyn EmailTrackingRepository>, options: RecorderOptions) -> Self {
        let (sender, receiver) = mpsc::channel(options.queue_capacity);
        let (running, ended) = watch::channel(());
        let counters = Arc::<Counters>::default();
        let committer = Committer::new(repository, counters.clone(), options);
        tokio::spawn(Collector::new(receiver, committer, options).run(running));
        Self(Arc::new(Handle { queue: sender, closing: AtomicBool::new(false), counters, ended }))
    }

    /// Records an event, and returns its outcome after the commit. It waits for a place while the queue is
    /// full.
    ///
    /// If the future is dropped while it waits for a place, the event is not recorded. If it is dropped
    /// later, the event is recorded.
    ///
    /// # Errors
    /// `ShutDown` after [`shutdown`](Self::shutdown); those of
    /// [`record_events`](EmailTrackingRepository::record_events) for this event; `Unavailable` when the
    /// commit was interrupted.
    pub async fn record(&self, event: TrackingEvent) -> Result<EventOutcome> {
        self.refuse_if_closing()?;
        let place = self.0.queue.reserve().await.map_err(|_| Error::ShutDown)?;
        self.accept(place, event).await
    }

    /// As [`record`](Self::record), but fails when the queue is full.
    ///
    /// # Errors
    /// `Busy`, at once, when the queue is full; those of [`record`](Self::record).
    pub async fn try_record(&self, event: TrackingEvent) -> Result<EventOutcome> {
        self.refuse_if_closing()?;
        let place = self.0.queue.try_reserve().map_err(|error| match error {
            TrySendError::Full(()) => Error::busy("recorder.try_record"),
            TrySendError::Closed(()) => Error::ShutDown,
        })?;
        self.accept(place, event).await
    }

    /// Accepts nothing more, waits until every accepted event is answered, and returns the counters. Later
    /// calls of [`record`](Self::record) on any handle fail with [`Error::ShutDown`]. Another `shutdown`
    /// waits for the same end.
    pub async fn shutdown(&self) -> RecorderStats {
        self.0.closing.store(true, Ordering::SeqCst);
        // If this fails, the queue is already closed.
        drop(self.0.queue.send(Message::Close).await);
        let mut ended = self.0.ended.clone();
        while ended.changed().await.is_ok() {}
        self.stats()
    }

    /// The counters since the start.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        self.0.counters.read()
    }

    fn refuse_if_closing(&self) -> Result<()> {
        if self.0.closing.load(Ordering::SeqCst) { Err(Error::ShutDown) } else { Ok(()) }
    }

    async fn accept(&self, place: mpsc::Permit<'_, Message>, event: TrackingEvent) -> Result<EventOutcome> {
        let (entry, answer) = Entry::accept(event, self.0.counters.clone());
        place.send(Message::Record(entry));
        answer.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl fmt::Debug for EventRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventRecorder").field(&self.stats()).finish()
    }
}
