use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::campaign_metrics::totals_change;
use crate::document::email_tracking::suppressing;
use crate::document::{Query, field};
use crate::error::Result;
use crate::model::{
    CampaignId, CampaignMetrics, Contribution, EmailAddress, EmailTracking, MetricId, MetricsFilter, NewSend,
    SendBatch, SendOutcome, TrackingFilter, TrackingId, UserId,
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
    fn sort_sends(&self, sends: &[NewSend], now: DateTime<Utc>) -> Result<SendBatch> {
        let recorded = sends.iter().map(|send| send.id).filter(|id| self.email_tracking.any(&of_id(*id)));
        let mut campaigns = HashSet::new();
        for id in sends.iter().map(|send| send.campaign_id) {
            if !campaigns.contains(&id) && self.find_campaign(id)?.is_some() {
                campaigns.insert(id);
            }
        }
        Ok(SendBatch::new(sends, recorded.collect(), &campaigns, now))
    }

    fn record_step(&mut self, sends: &[NewSend], now: DateTime<Utc>) -> Result<Vec<SendOutcome>> {
        let batch = self.sort_sends(sends, now)?;
        for row in &batch.rows {
            self.email_tracking.insert(row)?;
        }
        for (campaign_id, added) in batch.added {
            self.add_to_metrics(campaign_id, added, now)?;
        }
        Ok(batch.outcomes)
    }

    fn add_to_metrics(&mut self, id: CampaignId, added: Contribution, now: DateTime<Utc>) -> Result<()> {
        let query = MetricsFilter::campaigns([id]).query();
        let found = self.campaign_metrics.find_one::<CampaignMetrics>(&query)?;
        let (row, totals) = match (found, self.find_campaign(id)?) {
            (Some((row, metrics)), _) => (row, metrics.totals),
            (None, None) => return Ok(()),
            (None, Some((_, campaign))) => {
                let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
                self.campaign_metrics.insert(&metrics)?;
                (metrics.id.as_object_id(), metrics.totals)
            }
        };
        self.campaign_metrics.change::<CampaignMetrics>(row, &totals_change(&(totals + added), now))?;
        Ok(())
    }
}

#[async_trait]
impl EmailTrackingRepository for Tracking {
    async fn record_sends(&self, sends: Vec<NewSend>) -> Result<Vec<SendOutcome>> {
        self.call(|state, now| {
            let mut outcomes = Vec::with_capacity(sends.len());
            // Each step gives the metrics a version.
            for step in SendBatch::steps(&sends) {
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
