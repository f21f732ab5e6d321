use std::collections::HashSet;
use std::slice;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::campaign_metrics::{change_totals, metrics_of};
use super::link::connection::Connection;
use super::link::error::DriverResult;
use super::link::table::{Session, Table, each};
use super::tracking::{CampaignLocks, Receipts};
use crate::document::email_tracking::{field, spelled_otherwise, suppressing};
use crate::document::{Field, Query, Stored};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, EmailAddress, EmailSummary, EmailTracking, EventOutcome, NewSend, SendBatch, SendOutcome,
    TrackingEvent, TrackingFilter, TrackingId, UserId, results_of,
};
use crate::page::{Page, PageRequest};
use crate::repository::{EmailTrackingRepository, RecordStream};
use crate::schema::index::EMAIL_TRACKING_TRACKING_ID;

/// How many ids to look up in one command: about 500 kB.
const MAX_LOOKED_UP: usize = 10_000;

#[derive(Debug)]
pub(super) struct Tracking {
    pub(super) db: Arc<Connection>,
    pub(super) receipts: Arc<Receipts>,
    pub(super) locks: Arc<CampaignLocks>,
}

impl Tracking {
    /// The rows of a filter. The scope is in it where it decides about the index.
    fn query(&self, filter: &TrackingFilter) -> Query {
        filter.within(self.db.scope).query()
    }

    async fn record(&self, step: &[EmailTracking], all_new: bool) -> Result<Vec<Result<SendOutcome>>> {
        // Senders and events of a campaign take turns. Without, an event met a new send at each attempt.
        let _held = self.locks.lock(step.iter().map(|send| send.campaign_id)).await;
        self.db
            .transact("email_tracking.record_sends", (self, step), move |session, (this, step)| {
                this.record_step(session, step, all_new).boxed()
            })
            .await
    }

    async fn record_new_or_known(&self, step: &[EmailTracking]) -> Result<Vec<Result<SendOutcome>>> {
        // Most sends are new: looking up a thousand ids first would cost every batch as much as a retry.
        match self.record(step, true).await {
            Err(error) if error.unique_index() == Some(EMAIL_TRACKING_TRACKING_ID) => {
                self.record(step, false).await
            }
            recorded => recorded,
        }
    }

    /// Records a step of a batch. Sends that are `all_new` are not looked up: if one was recorded before
    /// after all, the index refuses the step and nothing is written.
    async fn record_step(
        &self,
        session: &mut ClientSession,
        sends: &[EmailTracking],
        all_new: bool,
    ) -> DriverResult<Vec<Result<SendOutcome>>> {
        let now = self.db.now();
        let named: HashSet<_> = sends.iter().map(|send| send.campaign_id).collect();
        let tracking = &self.db.email_tracking;
        let metrics = metrics_of(&self.db, session, &named).await?;
        let mut recorded = HashSet::new();
        // A send of a campaign that is unknown or has unreadable metrics is not inserted, so no index tells
        // whether it was recorded before.
        if !all_new || metrics.readable() < named.len() {
            let ids = sends.iter().map(|send| send.id).collect();
            recorded = tracking.over_all_users().known(Some(&mut *session), field::id, &ids).await?;
        }
        let batch = SendBatch::new(sends, recorded, &metrics, self.db.scope);
        // The metrics come first: concurrent recorders of one campaign conflict there, and the one that must
        // retry has not yet written its rows.
        change_totals(&self.db, session, &metrics, &batch.added, now).await?;
        tracking.insert_all(session, batch.rows.iter().copied()).await?;
        Ok(batch.outcomes)
    }
}

impl Table {
    /// Those of `ids` that rows have in `field`. Over all users it reads only the index.
    pub(super) async fn known<T>(
        &self,
        session: Session<'_>,
        field: Field,
        ids: &HashSet<T>,
    ) -> DriverResult<HashSet<T>>
    where
        T: Stored + FromStr + Eq + std::hash::Hash,
    {
        let query = Query::all().one_of(field, ids);
        let find = self.find(query.to_filter()).projection(doc! { field.as_str(): 1, "_id": 0 });
        let mut known = HashSet::new();
        each(session, find, |row| {
            known.extend(row.get_str(field.as_str()).ok().and_then(|id| id.parse().ok()));
            Ok(())
        })
        .await?;
        Ok(known)
    }

    /// The suppressed ones among the addresses.
    async fn suppressed(
        &self,
        user_id: UserId,
        recipients: &[EmailAddress],
    ) -> DriverResult<HashSet<String>> {
        let address = field::recipient_email.as_str();
        let query = suppressing(user_id, recipients);
        let find = self.find(query.to_filter()).projection(doc! { address: 1, "_id": 0 });
        let mut suppressed = HashSet::new();
        each(None, find, |row| {
            suppressed.extend(row.get_str(address).ok().map(str::to_owned));
            Ok(())
        })
        .await?;
        Ok(suppressed)
    }
}

#[async_trait]
impl EmailTrackingRepository for Tracking {
    async fn record_sends_each(&self, sends: Vec<NewSend>) -> Vec<Result<SendOutcome>> {
        let deadline = self.db.deadline();
        let mut results = Vec::with_capacity(sends.len());
        let now = self.db.now();
        let rows: Vec<_> = sends.into_iter().map(|send| send.build(now)).collect();
        for step in SendBatch::steps(&rows) {
            let recorded = self.db.within(deadline, self.record_new_or_known(step)).await;
            let is_away = recorded.as_ref().is_err_and(Error::is_retryable);
            results.extend(results_of(step, recorded));
            if is_away {
                break;
            }
        }
        // The database did not answer in time; nobody should wait for each further step as long.
        if let Some(Err(error)) = results.last().cloned() {
            results.resize_with(rows.len(), || Err(error.clone()));
        }
        results
    }

    async fn record_events_each(&self, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>> {
        results_of(&events, self.record_all(&events).await)
    }

    async fn get(&self, id: TrackingId) -> Result<Option<EmailTracking>> {
        let (rows, query) = (&self.db.email_tracking, Query::all().is(field::id, &id));
        let find = async {
            match rows.find_one(None, &query).await? {
                Some(row) => Ok(Some(row)),
                // Other spellings are rare, and so is an id of no row.
                None => rows.find_one(None, &spelled_otherwise([id])).await,
            }
        };
        self.db.run("email_tracking.get", find).await
    }

    async fn recorded(&self, ids: &[TrackingId]) -> Result<HashSet<TrackingId>> {
        let mut recorded = HashSet::new();
        for ids in ids.chunks(MAX_LOOKED_UP) {
            let ids = ids.iter().copied().collect();
            let known = self.db.email_tracking.known(None, field::id, &ids);
            recorded.extend(self.db.run("email_tracking.recorded", known).await?);
        }
        Ok(recorded)
    }

    async fn find_by_campaign_and_recipient(
        &self,
        campaign_id: CampaignId,
        recipient: &EmailAddress,
    ) -> Result<Page<EmailTracking>> {
        let query = TrackingFilter::campaign(campaign_id).recipient(recipient.clone()).query();
        let page = PageRequest::largest();
        let find = self.db.email_tracking.deciding_page(&query, &page);
        self.db.run("email_tracking.find_by_campaign_and_recipient", find).await
    }

    async fn is_suppressed(&self, user_id: UserId, recipient: &EmailAddress) -> Result<bool> {
        self.db.scope.require(user_id)?;
        let query = suppressing(user_id, slice::from_ref(recipient));
        self.db.run("email_tracking.is_suppressed", self.db.email_tracking.any(None, &query)).await
    }

    async fn suppressed(
        &self,
        user_id: UserId,
        recipients: &[EmailAddress],
    ) -> Result<HashSet<EmailAddress>> {
        self.db.scope.require(user_id)?;
        let look_up = async {
            let mut suppressed = HashSet::new();
            for recipients in recipients.chunks(PageRequest::MAX_LIMIT) {
                let found = self.db.email_tracking.suppressed(user_id, recipients).await?;
                let found = recipients.iter().filter(|recipient| found.contains(recipient.as_str()));
                suppressed.extend(found.cloned());
            }
            Ok(suppressed)
        };
        self.db.run("email_tracking.suppressed", look_up).await
    }

    async fn list(&self, filter: &TrackingFilter, page: &PageRequest) -> Result<Page<EmailTracking>> {
        self.db.run("email_tracking.list", self.db.email_tracking.page(&self.query(filter), page)).await
    }

    async fn list_summaries(
        &self,
        filter: &TrackingFilter,
        page: &PageRequest,
    ) -> Result<Page<EmailSummary>> {
        self.db.run("email_tracking.list", self.db.email_tracking.page(&self.query(filter), page)).await
    }

    async fn stream(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailTracking>> {
        self.db.stream(&self.db.email_tracking, &self.query(filter)).await
    }

    async fn stream_summaries(&self, filter: &TrackingFilter) -> Result<RecordStream<EmailSummary>> {
        self.db.stream(&self.db.email_tracking, &self.query(filter)).await
    }

    async fn stream_ids(&self, filter: &TrackingFilter) -> Result<RecordStream<TrackingId>> {
        self.db.stream(&self.db.email_tracking, &self.query(filter)).await
    }
}
