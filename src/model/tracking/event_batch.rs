//! The effect of recording a batch of events.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::oid::ObjectId;

use super::{Contribution, EventOutcome, TotalsDelta, TrackingEvent};
use crate::error::Result;
use crate::model::{CampaignId, EmailTracking, TrackingId};

/// The outcomes of a batch, the rows to write and the receipts to keep. Rows and receipts are in the
/// order of their collection.
#[derive(Debug, Default)]
pub(crate) struct EventBatch {
    pub(crate) outcomes: Vec<EventOutcome>,
    pub(crate) rows: Vec<ChangedRow>,
    pub(crate) receipts: Vec<String>,
}

/// The result of each event of a step: its outcome, or the error of the step.
pub(crate) fn results_of<T>(step: &[T], recorded: Result<Vec<EventOutcome>>) -> Vec<Result<EventOutcome>> {
    match recorded {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) => step.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// A row that events change.
#[derive(Debug)]
pub(crate) struct ChangedRow {
    pub(crate) id: ObjectId,
    pub(crate) before: EmailTracking,
    pub(crate) after: EmailTracking,
}

impl EventBatch {
    /// The largest number of events in a step. A step is a transaction, and long transactions block others.
    pub(crate) const MAX_EVENTS: usize = 1_000;

    /// Splits events into steps. Each step is atomic.
    pub(crate) fn steps(events: &[TrackingEvent]) -> impl Iterator<Item = &[TrackingEvent]> {
        events.chunks(Self::MAX_EVENTS)
    }

    /// Applies `events` to `rows`, the existing ones. `seen` has the existing receipts.
    pub(crate) fn new<'a>(
        events: impl IntoIterator<Item = &'a TrackingEvent>,
        rows: impl IntoIterator<Item = (ObjectId, EmailTracking)>,
        mut seen: HashSet<String>,
    ) -> Self {
        let changed =
            |(id, row): (_, EmailTracking)| (row.id, ChangedRow { id, after: row.clone(), before: row });
        let mut changed: HashMap<TrackingId, ChangedRow> = rows.into_iter().map(changed).collect();
        let mut batch = Self::default();
        for event in events {
            let outcome = match (changed.get_mut(&event.tracking_id()), event.receipt()) {
                (None, _) => EventOutcome::UnknownTracking,
                (Some(_), Some(receipt)) if seen.contains(&receipt) => EventOutcome::Duplicate,
                (Some(row), receipt) => {
                    if let Some(receipt) = receipt {
                        seen.insert(receipt.clone());
                        batch.receipts.push(receipt);
                    }
                    if row.after.apply(event) { EventOutcome::First } else { EventOutcome::Repeat }
                }
            };
            batch.outcomes.push(outcome);
        }
        batch.rows = changed.into_values().filter(|row| row.before != row.after).collect();
        batch.rows.sort_unstable_by_key(|row| row.id);
        batch.receipts.sort_unstable();
        batch
    }
}

/// The change of the totals of each campaign by the changes of its rows.
pub(crate) fn deltas_of<'a>(
    rows: impl IntoIterator<Item = &'a ChangedRow>,
) -> BTreeMap<CampaignId, TotalsDelta> {
    let mut deltas = BTreeMap::<_, TotalsDelta>::new();
    for ChangedRow { before, after, .. } in rows {
        let delta = TotalsDelta::between(Contribution::of(before), Contribution::of(after));
        if delta != TotalsDelta::default() {
            *deltas.entry(after.campaign_id).or_default() += delta;
        }
    }
    deltas
}
