//! Recording events in transactions that do not conflict.

use std::collections::{BTreeSet, HashMap, HashSet};

use bson::oid::ObjectId;
use bson::raw::CStr;
use futures_util::FutureExt;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mongodb::ClientSession;
use tokio::time::Instant;

use crate::collection::Collection;
use crate::document::email_tracking::{
    RowKey, event_changes, field, keyed_without_texts, row_key, spelled_otherwise, without_texts,
};
use crate::document::{ID, Query};
use crate::error::{Error, Result};
use crate::model::{
    CampaignId, ChangedRow, EmailTracking, EventBatch, EventOutcome, TrackingEvent, TrackingId, results_of,
};
use crate::mongo::campaign_metrics::{change_totals, metrics_of};
use crate::mongo::email_tracking::Tracking;
use crate::mongo::link::error::DriverResult;
use crate::mongo::link::table::{each, of_id, projection};

const OPERATION: &str = "email_tracking.record_events";
/// How many transactions to run at once. More bring no gain.
const LANES: usize = 2;
/// More than the number of documents that a step can find.
const WHOLE_STEP: u32 = 2_000;

/// The keys of rows, or why one cannot be read.
type Keys = HashMap<TrackingId, Result<RowKey>>;

/// An event whose row is known, and its place in the batch.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    place: usize,
    event: &'a TrackingEvent,
    row: RowKey,
}

/// Distributes the campaigns, the largest first, each to the lane with the fewest events. Within a campaign
/// the rows are in the order of the collection, which is the fastest order; the events of a row keep their
/// order.
fn lanes_of<'a>(events: &'a [TrackingEvent], keys: &Keys) -> Vec<Vec<Found<'a>>> {
    let mut campaigns: HashMap<CampaignId, Vec<Found<'a>>> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        if let Some(Ok(key)) = keys.get(&event.tracking_id()) {
            campaigns.entry(key.campaign_id).or_default().push(Found { place, event, row: *key });
        }
    }
    let mut campaigns: Vec<_> = campaigns.into_values().collect();
    campaigns.sort_unstable_by_key(|events| std::cmp::Reverse(events.len()));
    let mut lanes = vec![Vec::new(); LANES];
    for mut events in campaigns {
        events.sort_by_key(|found| found.row.id);
        if let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.len()) {
            lane.extend(events);
        }
    }
    lanes
}

impl Tracking {
    /// Records a batch. Concurrent transactions of one campaign would conflict at its metrics, so those that
    /// run at once are of different campaigns.
    pub(in crate::mongo) async fn record_all(
        &self,
        events: &[TrackingEvent],
    ) -> Result<Vec<Result<EventOutcome>>> {
        // The look-ups of a small batch run concurrently too.
        let size = events.len().div_ceil(LANES).clamp(1, EventBatch::MAX_EVENTS);
        let look_ups: Vec<_> = events.chunks(size).map(|events| self.row_keys(events)).collect();
        let look_ups = stream::iter(look_ups).buffer_unordered(LANES);
        let deadline = self.db.deadline();
        let keys = self.db.run(OPERATION, look_ups.try_concat()).await?;
        let lanes = lanes_of(events, &keys);
        let recorded = join_all(lanes.iter().map(|lane| self.record_lane(lane, deadline))).await;
        let known = |event: &TrackingEvent| match keys.get(&event.tracking_id()) {
            Some(Err(unreadable)) => Err(unreadable.clone()),
            _ => Ok(EventOutcome::UnknownTracking),
        };
        let mut results: Vec<_> = events.iter().map(known).collect();
        for (found, result) in recorded.into_iter().flatten() {
            if let Some(place) = results.get_mut(found) {
                *place = result;
            }
        }
        Ok(results)
    }

    async fn row_keys(&self, events: &[TrackingEvent]) -> DriverResult<Keys> {
        let mut ids: HashSet<_> = events.iter().map(TrackingEvent::tracking_id).collect();
        let mut keys = Keys::with_capacity(ids.len());
        self.find_keys(&Query::all().one_of(field::id, &ids), &mut keys).await?;
        ids.retain(|id| !keys.contains_key(id));
        if !ids.is_empty() {
            // Other spellings are rare, and so are ids of no row.
            self.find_keys(&spelled_otherwise(ids), &mut keys).await?;
        }
        Ok(keys)
    }

    async fn find_keys(&self, query: &Query, keys: &mut Keys) -> DriverResult<()> {
        let fields = projection([ID, field::id, field::campaign_id].map(CStr::as_str));
        let find = self.db.email_tracking.find(query.to_filter()).projection(fields);
        // All in one reply: by default the server would return only the first hundred.
        let find = find.batch_size(WHOLE_STEP);
        each(None, find, |row| {
            // A row without a tracking id is nobody's.
            keys.extend(row_key(row));
            Ok(())
        })
        .await
    }

    /// Records events step by step. What was recorded when the deadline comes keeps its outcome.
    async fn record_lane(&self, lane: &[Found<'_>], deadline: Instant) -> Vec<(usize, Result<EventOutcome>)> {
        let mut results = Vec::with_capacity(lane.len());
        for step in lane.chunks(EventBatch::MAX_EVENTS) {
            let recorded = results_of(step, self.db.within(deadline, self.record_events(step)).await);
            results.extend(step.iter().map(|found| found.place).zip(recorded));
        }
        results
    }

    async fn record_events(&self, step: &[Found<'_>]) -> Result<Vec<Result<EventOutcome>>> {
        let _held = self.locks.lock(step.iter().map(|found| found.row.campaign_id)).await;
        let mut look_up = self.receipts.expects_repeats();
        loop {
            let recorded = self
                .db
                .transact(OPERATION, (self, step), move |session, (this, step)| {
                    this.record_events_in(session, step, look_up).boxed()
                })
                .await;
            match recorded {
                // One of the events was recorded before, perhaps by another caller after the receipts were
                // read: the retry sees it.
                Err(Error::Unique { collection: Collection::EventReceipts, .. }) => look_up = true,
                recorded => return recorded,
            }
        }
    }

    async fn record_events_in(
        &self,
        session: &mut ClientSession,
        step: &[Found<'_>],
        look_up: bool,
    ) -> DriverResult<Vec<Result<EventOutcome>>> {
        let now = self.db.now();
        let events = || step.iter().map(|found| found.event);
        let seen = self.receipts.seen(session, events(), look_up).await?;
        self.receipts.note(!seen.is_empty());
        let (rows, unreadable) = self.rows_without_texts(session, step).await?;
        let mut batch = EventBatch::new(events(), rows, &unreadable, seen, now);
        let metrics = metrics_of(&self.db, session, &batch.deltas().into_keys().collect()).await?;
        batch.leave_out(&metrics, events());
        // The writes that can conflict come first, so that a conflict costs little.
        change_totals(&self.db, session, &metrics, &batch.deltas(), now).await?;
        self.receipts.write(session, batch.receipts.iter().map(|(receipt, _)| receipt)).await?;
        // The snapshot of the transaction guards the rows, and the server is fastest by id alone.
        let update =
            |row: &ChangedRow| (of_id(row.id), event_changes(&row.before, &row.after).to_plain_update());
        self.db.email_tracking.update_each(Some(session), batch.rows.iter().map(update)).await?;
        Ok(batch.outcomes)
    }

    async fn rows_without_texts(
        &self,
        session: &mut ClientSession,
        step: &[Found<'_>],
    ) -> DriverResult<(Vec<(ObjectId, EmailTracking)>, HashMap<TrackingId, Error>)> {
        let events: HashMap<_, _> =
            step.iter().map(|found| (found.row.id, found.event.tracking_id())).collect();
        let ids: BTreeSet<_> = events.keys().copied().collect();
        let (mut rows, mut unreadable) = (Vec::with_capacity(ids.len()), HashMap::new());
        let query = Query::all().one_of(ID, &ids);
        let find = self.db.email_tracking.find(query.to_filter()).projection(projection(without_texts()));
        let find = find.batch_size(WHOLE_STEP);
        each(Some(session), find, |row| {
            match keyed_without_texts(row) {
                Ok(row) => rows.push(row),
                Err(error) => {
                    let id = row.get_object_id(ID.as_str()).ok().and_then(|id| events.get(&id));
                    unreadable.extend(id.map(|id| (*id, error)));
                }
            }
            Ok(())
        })
        .await?;
        Ok((rows, unreadable))
    }
}
