//! A repository that notes the batches, and fails on demand.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use campaign_store::{
    CampaignId, EmailAddress, EmailSummary, EmailTracking, EmailTrackingRepository, Error, EventOutcome,
    NewSend, Page, PageRequest, RecordStream, Result, SendOutcome, TrackingEvent, TrackingFilter, TrackingId,
    UserId,
};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, sleep};

/// What happens to a batch with a bad event.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// All of it fails.
    OfBatch(HashSet<TrackingId>),
    /// Only these events fail, all of them if one of them is in the batch: a step of its own.
    OfStep { bad: TrackingId, step: HashSet<TrackingId> },
    /// All batches fail with this code, whatever their events are.
    Always(i32),
    /// The server is away, and a call fails at once.
    Away,
    /// Until then, calls fail after ten seconds.
    Until(Instant),
    /// The commit panics.
    Panic(TrackingId),
}

#[derive(Debug)]
pub(super) struct Watched {
    inner: Arc<dyn EmailTrackingRepository>,
    fault: Option<Fault>,
    sizes: Mutex<Vec<usize>>,
    /// A commit takes a permit.
    pub(super) gate: Semaphore,
}

impl Watched {
    pub(super) fn new(inner: Arc<dyn EmailTrackingRepository>) -> Self {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Self { inner, fault: None, sizes: Mutex::default(), gate }
    }

    pub(super) fn faulty(inner: Arc<dyn EmailTrackingRepository>, fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::new(inner) }
    }

    /// With a gate that lets no commit through.
    pub(super) fn gated(inner: Arc<dyn EmailTrackingRepository>) -> Self {
        Self { gate: Semaphore::new(0), ..Self::new(inner) }
    }

    /// How many events each call had.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn away() -> Error {
    Error::unavailable("test", "away")
}

pub(super) fn bad_event() -> Error {
    Error::backend("watched", Some(121))
}

#[async_trait]
impl EmailTrackingRepository for Watched {
    async fn record_events_each(&self, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).push(events.len());
        self.gate.acquire().await.expect("an open gate").forget();
        let has = |id: &TrackingId| events.iter().any(|event| event.tracking_id() == *id);
        match &self.fault {
            Some(Fault::OfBatch(bad)) if bad.iter().any(has) => {
                events.iter().map(|_| Err(bad_event())).collect()
            }
            Some(Fault::OfStep { bad, step }) if has(bad) => {
                let fails = |event: &TrackingEvent| step.contains(&event.tracking_id());
                let others = events.iter().filter(|event| !fails(event)).cloned().collect();
                let mut others = self.inner.record_events_each(others).await.into_iter();
                let result = |event| if fails(event) { Some(Err(bad_event())) } else { others.next() };
                events.iter().map_while(result).collect()
            }
            Some(Fault::Always(code)) => {
                events.iter().map(|_| Err(Error::backend("watched", Some(*code)))).collect()
            }
            Some(Fault::Away) => events.iter().map(|_| Err(away())).collect(),
            Some(Fault::Until(end)) if Instant::now() < *end => {
                sleep(Duration::from_secs(10)).await;
                events.iter().map(|_| Err(away())).collect()
            }
            Some(Fault::Panic(bad)) => {
                assert!(!has(bad), "a defect of the store, as the test wants it");
                self.inner.record_events_each(events).await
            }
            _ => self.inner.record_events_each(events).await,
        }
    }

    async fn record_sends_each(&self, sends: Vec<NewSend>) -> Vec<Result<SendOutcome>> {
        self.inner.record_sends_each(sends).await
    }

    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>> {
        self.inner.get(id).await
    }

    async fn recorded(&self, ids: &[TrackingId]) -> Result<HashSet<TrackingId>> {
        self.inner.recorded(ids).await
    }

    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Page<EmailTracking>> {
        self.inner.find_by_campaign_and_recipient(campaign_id, recipient).await
    }

    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool> {
        self.inner.is_suppressed(user_id, recipient).await
    }

    async fn suppressed(
        &self,
        user_id: UserId,
        recipients: &[EmailAddress],
    ) -> Result<HashSet<EmailAddress>> {
        self.inner.suppressed(user_id, recipients).await
    }

    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>> {
        self.inner.list(filter, page).await
    }

    async fn list_summaries(
        &self,
        filter: &TrackingFilter,
        page: &PageRequest,
    ) -> Result<Page<EmailSummary>> {
        self.inner.list_summaries(filter, page).await
    }

    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>> {
        self.inner.stream(filter).await
    }

    async fn stream_summaries(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailSummary>> {
        self.inner.stream_summaries(filter).await
    }

    async fn stream_ids(&self, filter: &TrackingFilter) -> Result<RecordStream<TrackingId>> {
        self.inner.stream_ids(filter).await
    }
}
