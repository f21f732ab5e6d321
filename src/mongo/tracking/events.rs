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
    CampaignId, ChangedRow, EmailTracking, EventBatch, EventOutcome, TrackingEvent, TrackingId, deltas_of,
    results_of,
};
use crate::mongo::campaign_metrics::{change_totals, metrics_of};
use crate::mongo::email_tracking::Tracking;
use crate::mongo::link::error::{DriverResult, ours};
use crate::mongo::link::table::{each, of_id, projection};

const OPERATION: &str = "email_tracking.record_events";
/// How many transactions to run at once. More bring no gain.
const LANES: usize = 2;
/// More than the number of documents that a step can find.
const WHOLE_STEP: u32 = 2_000;

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
fn lanes_of<'a>(events: &'a [TrackingEvent], keys: &HashMap<TrackingId, RowKey>) -> Vec<Vec<Found<'a>>> {
    let mut campaigns: HashMap<CampaignId, Vec<Found<'a>>> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        if let Some(key) = keys.get(&event.tracking_id()) {
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
        let mut results = vec![Ok(EventOutcome::UnknownTracking); events.len()];
        for (found, result) in recorded.into_iter().flatten() {
            if let Some(place) = results.get_mut(found) {
                *place = result;
            }
        }
        Ok(results)
    }

    async fn row_keys(&self, events: &[TrackingEvent]) -> DriverResult<HashMap<TrackingId, RowKey>> {
        let mut ids: HashSet<_> = events.iter().map(TrackingEvent::tracking_id).collect();
        let mut keys = HashMap::with_capacity(ids.len());
        self.find_keys(&Query::all().one_of(field::id, &ids), &mut keys).await?;
        ids.retain(|id| !keys.contains_key(id));
        if !ids.is_empty() {
            // Other spellings are rare, and so are ids of no row.
            self.find_keys(&spelled_otherwise(ids), &mut keys).await?;
        }
        Ok(keys)
    }

    async fn find_keys(&self, query: &Query, keys: &mut HashMap<TrackingId, RowKey>) -> DriverResult<()> {
        let fields = projection([field::id, field::campaign_id].map(CStr::as_str));
        let find = self.db.email_tracking.find(query.to_filter()).projection(fields);
        // All in one reply: by default the server would return only the first hundred.
        let find = find.batch_size(WHOLE_STEP);
        each(None, find, |row| {
            let (id, key) = row_key(row).map_err(ours)?;
            keys.insert(id, key);
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

    async fn record_events(&self, step: &[Found<'_>]) -> Result<Vec<EventOutcome>> {
        let _held = self.locks.lock(step.iter().map(|found| found.row.campaign_id)).await;
        loop {
            let recorded = self
                .db
                .transact(OPERATION, (self, step), |session, (this, step)| {
                    this.record_events_in(session, step).boxed()
                })
                .await;
            match recorded {
                // Another caller recorded one of the events after the receipts were read: the retry sees it.
                Err(Error::Unique { collection: Collection::EventReceipts, .. }) => {}
                recorded => return recorded,
            }
        }
    }

    async fn record_events_in(
        &self,
        session: &mut ClientSession,
        step: &[Found<'_>],
    ) -> DriverResult<Vec<EventOutcome>> {
        let now = self.db.now();
        let receipts: Vec<_> = step.iter().filter_map(|found| found.event.receipt()).collect();
        let seen = self.receipts.seen(session, &receipts).await?;
        let rows = self.rows_without_texts(session, step).await?;
        let batch = EventBatch::new(step.iter().map(|found| found.event), rows, seen);
        let deltas = deltas_of(&batch.rows);
        // The writes that can conflict come first, so that a conflict costs little.
        let metrics = metrics_of(&self.db, session, &deltas.keys().copied().collect()).await?;
        change_totals(&self.db, session, &metrics, &deltas, now).await?;
        self.receipts.write(session, &batch.receipts).await?;
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
    ) -> DriverResult<Vec<(ObjectId, EmailTracking)>> {
        let ids: BTreeSet<_> = step.iter().map(|found| found.row.id).collect();
        let mut rows = Vec::with_capacity(ids.len());
        let query = Query::all().one_of(ID, &ids);
        let find = self.db.email_tracking.find(query.to_filter()).projection(projection(without_texts()));
        let find = find.batch_size(WHOLE_STEP);
        each(Some(session), find, |row| {
            rows.push(keyed_without_texts(row).map_err(ours)?);
            Ok(())
        })
        .await?;
        Ok(rows)
    }
}
