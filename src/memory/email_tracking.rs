use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::email_tracking::suppressing;
use crate::document::{Query, field};
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailTracking, NewSend, SendBatch, SendOutcome, TrackingFilter, TrackingId,
    UserId,
};
use crate::page::{Page, PageRequest};
use crate::repository::{EmailTrackingRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Tracking(pub(super) MemoryStore);

impl Tracking {
    fn call<T>(&self, call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>) -> Result<T> {
        self.0.call(Collection::EmailTracking, call)
    }
}

fn of_id(id: TrackingId) -> Query {
    Query::all().is(field::TRACKING_ID, id.to_string())
}

impl State {
    fn record_step(&mut self, sends: &[EmailTracking], now: DateTime<Utc>) -> Result<Vec<SendOutcome>> {
        let recorded = sends.iter().map(|send| send.id).filter(|id| self.email_tracking.any(&of_id(*id)));
        let recorded = recorded.collect();
        let metrics = self.metrics_of(sends.iter().map(|send| send.campaign_id).collect())?;
        let batch = SendBatch::new(sends, recorded, |id| metrics.contains_key(id));
        for row in batch.rows {
            self.email_tracking.insert(row)?;
        }
        self.count(&metrics, &batch.added, now)?;
        Ok(batch.outcomes)
    }
}

#[async_trait]
impl EmailTrackingRepository for Tracking {
    async fn record_sends(&self, sends: Vec<NewSend>) -> Result<Vec<SendOutcome>> {
        self.call(|state, now| {
            let mut outcomes = Vec::with_capacity(sends.len());
            let rows: Vec<_> = sends.into_iter().map(|send| send.build(now)).collect();
            // Each step gives the metrics a version.
            for step in SendBatch::steps(&rows) {
                outcomes.extend(state.record_step(step, now)?);
            }
            Ok(outcomes)
        })
    }

    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>> {
        self.call(|state, _| Ok(state.email_tracking.find_one(&of_id(id))?.map(|(_, row)| row)))
    }

    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Vec<EmailTracking>> {
        let query = TrackingFilter::campaign(campaign_id).recipient(recipient.clone()).query();
        self.call(|state, _| {
            state.email_tracking.records(&query).into_iter().take(PageRequest::MAX_LIMIT).collect()
        })
    }

    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool> {
        self.call(|state, _| Ok(state.email_tracking.any(&suppressing(user_id, recipient))))
    }

    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>> {
        self.call(|state, _| state.email_tracking.page(&filter.query(), page))
    }

    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>> {
        self.call(|state, _| Ok(stream::iter(state.email_tracking.records(&filter.query())).boxed()))
    }
}
