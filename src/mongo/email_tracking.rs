use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use bson::raw::RawDocument;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::connection::Connection;
use super::error::{DriverResult, duplicates_of, is_duplicate_of, ours};
use super::table::{Session, Table};
use crate::document::campaign_metrics::totals_change;
use crate::document::email_tracking::suppressing;
use crate::document::field::{self, Field};
use crate::document::{Query, Record};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, CampaignMetrics, Contribution, EmailAddress, EmailTracking, MetricId, MetricsFilter, NewSend,
    SendBatch, SendOutcome, TrackingFilter, TrackingId, UserId,
};
use crate::page::{Page, PageRequest};
use crate::repository::{EmailTrackingRepository, RecordStream};
use crate::schema::index::{CAMPAIGN_METRICS_CAMPAIGN_ID, EMAIL_TRACKING_TRACKING_ID};

#[derive(Debug)]
pub(super) struct Tracking(pub(super) Arc<Connection>);

impl Tracking {
    async fn record(&self, step: &[NewSend], all_new: bool) -> Result<Vec<SendOutcome>> {
        self.0
            .transact("email_tracking.record_sends", (&self.0, step), move |session, (db, step)| {
                db.record_step(session, step, all_new).boxed()
            })
            .await
    }
}

impl Connection {
    /// Records a step of a batch. In a transaction, sends that are `all_new` are not looked up: if one
    /// was recorded before after all, the index refuses it and nothing happens.
    async fn record_step(
        &self,
        mut session: Session<'_>,
        sends: &[NewSend],
        all_new: bool,
    ) -> DriverResult<Vec<SendOutcome>> {
        let now = self.now();
        let named: HashSet<_> = sends.iter().map(|send| send.campaign_id).collect();
        let tracking = &self.email_tracking;
        let campaigns = self.campaigns.known(session.as_deref_mut(), field::CAMPAIGN_ID, &named).await?;
        let mut recorded = HashSet::new();
        // A send of an unknown campaign meets no index, and can be recorded all the same.
        if session.is_none() || !all_new || campaigns.len() < named.len() {
            let ids = sends.iter().map(|send| send.id).collect();
            recorded = tracking.known(session.as_deref_mut(), field::TRACKING_ID, &ids).await?;
        }
        let mut batch = SendBatch::new(sends, recorded.clone(), &campaigns, now);
        if session.is_none() {
            // Nothing keeps others from recording the same sends now: the index decides, and only
            // what was written is counted.
            let lost = tracking.insert_new(&batch.rows).await?;
            if !lost.is_empty() {
                recorded.extend(lost);
                batch = SendBatch::new(sends, recorded, &campaigns, now);
            }
        }
        // In a transaction the metrics come first: recorders of one campaign meet there, and the
        // one that has to try again has not yet written its rows.
        for (campaign_id, added) in &batch.added {
            self.add_to_metrics(session.as_deref_mut(), *campaign_id, *added, now).await?;
        }
        if let Some(session) = session
            && !batch.rows.is_empty()
        {
            let rows = batch.rows.iter().map(Record::encode);
            tracking.raw.insert_many(rows).session(session).await?;
        }
        Ok(batch.outcomes)
    }

    async fn add_to_metrics(
        &self,
        mut session: Session<'_>,
        campaign_id: CampaignId,
        added: Contribution,
        now: DateTime<Utc>,
    ) -> DriverResult<()> {
        loop {
            let metrics = self.require_metrics(session.as_deref_mut(), campaign_id).await?;
            let same_version = MetricsFilter::campaigns([campaign_id])
                .query()
                .is(field::LAST_UPDATED, bson::DateTime::from(metrics.last_updated));
            let changes = totals_change(&(metrics.totals + added), now);
            let changed: Option<CampaignMetrics> =
                self.campaign_metrics.update(session.as_deref_mut(), &same_version, &changes).await?;
            // Without a transaction somebody else may have counted in between; then once more.
            if changed.is_some() {
                return Ok(());
            }
        }
    }

    /// The metrics of a campaign, made now if they are missing.
    async fn require_metrics(
        &self,
        mut session: Session<'_>,
        id: CampaignId,
    ) -> DriverResult<CampaignMetrics> {
        let query = MetricsFilter::campaigns([id]).query();
        if let Some(metrics) = self.campaign_metrics.find_one(session.as_deref_mut(), &query).await? {
            return Ok(metrics);
        }
        let campaign = self.require_campaign(session.as_deref_mut(), id).await?;
        let metrics = CampaignMetrics::new(MetricId::new(), &campaign);
        let in_transaction = session.is_some();
        match self.campaign_metrics.insert(session, &metrics).await {
            // Somebody else made them; in a transaction it is tried again as a whole.
            Err(error) if !in_transaction && is_duplicate_of(&error, CAMPAIGN_METRICS_CAMPAIGN_ID) => {
                let metrics = self.campaign_metrics.find_one(None, &query).await?;
                metrics.ok_or_else(|| ours(Error::not_found(crate::Collection::CampaignMetrics, id)))
            }
            done => done.map(|()| metrics),
        }
    }
}

impl Table {
    /// Those of `ids` that rows have in `field`. Reads nothing but the index.
    async fn known<T>(&self, session: Session<'_>, field: Field, ids: &HashSet<T>) -> DriverResult<HashSet<T>>
    where
        T: ToString + FromStr + Eq + std::hash::Hash,
    {
        let query = Query::all().one_of(field, ids.iter().map(ToString::to_string));
        let find = self.raw.find(query.to_filter()).projection(doc! { field.as_str(): 1, "_id": 0 });
        let id = |row: &RawDocument| row.get_str(field.as_str()).ok().and_then(|id| id.parse().ok());
        let mut known = HashSet::new();
        if let Some(session) = session {
            let mut rows = find.session(&mut *session).await?;
            while rows.advance(session).await? {
                known.extend(id(rows.current()));
            }
        } else {
            let mut rows = find.await?;
            while rows.advance().await? {
                known.extend(id(rows.current()));
            }
        }
        Ok(known)
    }

    /// Adds the rows whose tracking id is new, and says which were not.
    async fn insert_new(&self, rows: &[EmailTracking]) -> DriverResult<Vec<TrackingId>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let Err(error) = self.raw.insert_many(rows.iter().map(Record::encode)).ordered(false).await else {
            return Ok(Vec::new());
        };
        let Some(refused) = duplicates_of(&error, EMAIL_TRACKING_TRACKING_ID) else { return Err(error) };
        Ok(refused.into_iter().filter_map(|place| rows.get(place)).map(|row| row.id).collect())
    }
}

#[async_trait]
impl EmailTrackingRepository for Tracking {
    async fn record_sends(&self, sends: Vec<NewSend>) -> Result<Vec<SendOutcome>> {
        let mut outcomes = Vec::with_capacity(sends.len());
        for step in SendBatch::steps(&sends) {
            // Most are: looking up a thousand ids first would cost every batch what a retry costs.
            let recorded = match self.record(step, true).await {
                Err(error) if error.unique_index() == Some(EMAIL_TRACKING_TRACKING_ID) => {
                    self.record(step, false).await
                }
                recorded => recorded,
            };
            outcomes.extend(recorded?);
        }
        Ok(outcomes)
    }

    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>> {
        let query = Query::all().is(field::TRACKING_ID, id.to_string());
        self.0.run("email_tracking.get", self.0.email_tracking.find_one(None, &query)).await
    }

    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Vec<EmailTracking>> {
        let query = TrackingFilter::campaign(campaign_id).recipient(recipient.clone()).query();
        let find = self.0.email_tracking.find_all(&query, PageRequest::MAX_LIMIT);
        self.0.run("email_tracking.find_by_campaign_and_recipient", find).await
    }

    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool> {
        let query = suppressing(user_id, recipient);
        self.0.run("email_tracking.is_suppressed", self.0.email_tracking.any(None, &query)).await
    }

    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>> {
        self.0.run("email_tracking.list", self.0.email_tracking.page(&filter.query(), page)).await
    }

    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>> {
        self.0.stream(&self.0.email_tracking, &filter.query()).await
    }
}
