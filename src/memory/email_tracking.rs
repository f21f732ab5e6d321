use std::collections::{HashMap, HashSet};
use std::slice;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::email_tracking::field;
use crate::document::email_tracking::{event_changes, suppressing};
use crate::document::{Decode, Query};
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailSummary, EmailTracking, EventBatch, EventOutcome, NewSend, SendBatch,
    SendOutcome, TrackingEvent, TrackingFilter, TrackingId, UserId, results_of,
};
use crate::page::{Page, PageRequest};
use crate::repository::{EmailTrackingRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Tracking(pub(super) MemoryStore);

impl Tracking {
    fn call<T>(&self, call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>) -> Result<T> {
        self.0.call(Collection::EmailTracking, call)
    }

    fn stream_of<T: Decode>(&self, filter: &TrackingFilter) -> Result<RecordStream<T>> {
        self.call(|state, _| Ok(stream::iter(state.email_tracking.records(&filter.query())).boxed()))
    }
}

/// Those of a step, or what failed the whole step.
type Results<T> = Result<Vec<Result<T>>>;

fn of_id(id: TrackingId) -> Query {
    Query::all().is(field::id, &id)
}

impl State {
    fn record_step(&mut self, sends: &[EmailTracking], now: DateTime<Utc>) -> Results<SendOutcome> {
        let recorded = self.over_all_users(|state| {
            let ids = sends.iter().map(|send| send.id);
            ids.filter(|id| state.email_tracking.any(&of_id(*id))).collect()
        });
        let metrics = self.metrics_of(sends.iter().map(|send| send.campaign_id).collect());
        let batch = SendBatch::new(sends, recorded, &metrics, self.scope());
        for row in batch.rows {
            self.email_tracking.insert(row)?;
        }
        self.count(&metrics, &batch.added, now)?;
        Ok(batch.outcomes)
    }

    fn record_events(&mut self, events: &[TrackingEvent], now: DateTime<Utc>) -> Results<EventOutcome> {
        self.receipts.expire(now);
        let (mut rows, mut unreadable) = (HashMap::new(), HashMap::new());
        for id in events.iter().map(TrackingEvent::tracking_id) {
            match self.email_tracking.find_one(&of_id(id)) {
                Ok(row) => rows.extend(row.map(|row| (id, row))),
                Err(error) => unreadable.extend([(id, error)]),
            }
        }
        let receipts = events.iter().filter_map(TrackingEvent::receipt);
        let seen = receipts.filter(|receipt| self.receipts.contains(receipt)).collect();
        let mut batch = EventBatch::new(events, rows.into_values(), &unreadable, seen, now);
        let metrics = self.metrics_of(batch.deltas().into_keys().collect());
        batch.leave_out(&metrics, events);
        let deltas = batch.deltas();
        for row in &batch.rows {
            let changes = event_changes(&row.before, &row.after);
            self.email_tracking.change::<EmailTracking>(row.id, &changes)?;
        }
        for (receipt, _) in batch.receipts {
            self.receipts.insert(receipt, now);
        }
        self.count(&metrics, &deltas, now)?;
        Ok(batch.outcomes)
    }
}

#[async_trait]
impl EmailTrackingRepository for Tracking {
    async fn record_sends_each(&self, sends: Vec<NewSend>) -> Vec<Result<SendOutcome>> {
        let recorded = self.call(|state, now| {
            let rows: Vec<_> = sends.iter().map(|send| send.clone().build(now)).collect();
            // Each step makes a new version of the metrics.
            let steps = SendBatch::steps(&rows);
            Ok(steps.flat_map(|step| results_of(step, state.record_step(step, now))).collect())
        });
        results_of(&sends, recorded)
    }

    async fn record_events_each(&self, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>> {
        let recorded = self.call(|state, now| {
            // Each step makes a new version of the metrics.
            let steps = EventBatch::steps(&events);
            Ok(steps.flat_map(|step| results_of(step, state.record_events(step, now))).collect())
        });
        results_of(&events, recorded)
    }

    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>> {
        self.call(|state, _| Ok(state.email_tracking.find_one(&of_id(id))?.map(|(_, row)| row)))
    }

    async fn recorded(&self, ids: &[TrackingId]) -> Result<HashSet<TrackingId>> {
        self.call(|state, _| {
            let ids = ids.iter().copied();
            Ok(ids.filter(|id| state.email_tracking.any(&of_id(*id))).collect())
        })
    }

    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Page<EmailTracking>> {
        let filter = TrackingFilter::campaign(campaign_id).recipient(recipient.clone());
        self.call(|state, _| state.email_tracking.page(&filter.query(), &PageRequest::largest()))
    }

    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool> {
        self.0.scope().require(user_id)?;
        self.call(|state, _| Ok(state.email_tracking.any(&suppressing(user_id, slice::from_ref(recipient)))))
    }

    async fn suppressed(
        &self,
        user_id: UserId,
        recipients: &[EmailAddress],
    ) -> Result<HashSet<EmailAddress>> {
        self.0.scope().require(user_id)?;
        self.call(|state, _| {
            let is_suppressed = |recipient: &&EmailAddress| {
                state.email_tracking.any(&suppressing(user_id, slice::from_ref(recipient)))
            };
            Ok(recipients.iter().filter(is_suppressed).cloned().collect())
        })
    }

    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>> {
        self.call(|state, _| state.email_tracking.page(&filter.query(), page))
    }

    async fn list_summaries(
        &self,
        filter: &TrackingFilter,
        page: &PageRequest,
    ) -> Result<Page<EmailSummary>> {
        self.call(|state, _| state.email_tracking.page(&filter.query(), page))
    }

    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>> {
        self.stream_of(filter)
    }

    async fn stream_summaries(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailSummary>> {
        self.stream_of(filter)
    }

    async fn stream_ids(&self, filter: &TrackingFilter) -> Result<RecordStream<TrackingId>> {
        self.stream_of(filter)
    }
}
