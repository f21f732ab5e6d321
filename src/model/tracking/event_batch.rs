//! The effect of recording a batch of events.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::oid::ObjectId;
use chrono::{DateTime, Utc};

use super::{BounceKind, Contribution, EventOutcome, FoundMetrics, Receipt, TotalsDelta, TrackingEvent};
use crate::error::{Error, Result};
use crate::model::{CampaignId, EmailTracking, TrackingId};

/// The outcomes of a batch, the rows to write and the receipts to keep. Rows and receipts are in the
/// order of their collection.
#[derive(Debug, Default)]
pub(crate) struct EventBatch {
    pub(crate) outcomes: Vec<Result<EventOutcome>>,
    pub(crate) rows: Vec<ChangedRow>,
    /// Each with the e-mail of its event.
    pub(crate) receipts: Vec<(Receipt, TrackingId)>,
}

/// The result of each item of a step: its own, or the error of the step.
pub(crate) fn results_of<T, O>(step: &[T], recorded: Result<Vec<Result<O>>>) -> Vec<Result<O>> {
    recorded.unwrap_or_else(|error| step.iter().map(|_| Err(error.clone())).collect())
}

/// A row that events change.
#[derive(Debug)]
pub(crate) struct ChangedRow {
    pub(crate) id: ObjectId,
    pub(crate) before: EmailTracking,
    pub(crate) after: EmailTracking,
}

impl ChangedRow {
    /// The change of the totals of its campaign.
    fn delta(&self) -> TotalsDelta {
        TotalsDelta::between(Contribution::of(&self.before), Contribution::of(&self.after))
    }
}

impl EventBatch {
    /// The largest number of events in a step. A step is a transaction, and long transactions block others.
    pub(crate) const MAX_EVENTS: usize = 1_000;

    /// Splits events into steps. Each step is atomic.
    pub(crate) fn steps(events: &[TrackingEvent]) -> impl Iterator<Item = &[TrackingEvent]> {
        events.chunks(Self::MAX_EVENTS)
    }

    /// Applies `events` to `rows`, the existing ones that can be read, at the time `now`. The events of the
    /// `unreadable` rows fail. `seen` has the existing receipts.
    pub(crate) fn new<'a>(
        events: impl IntoIterator<Item = &'a TrackingEvent>,
        rows: impl IntoIterator<Item = (ObjectId, EmailTracking)>,
        unreadable: &HashMap<TrackingId, Error>,
        mut seen: HashSet<Receipt>,
        now: DateTime<Utc>,
    ) -> Self {
        let changed =
            |(id, row): (_, EmailTracking)| (row.id, ChangedRow { id, after: row.clone(), before: row });
        let mut changed: HashMap<TrackingId, ChangedRow> = rows.into_iter().map(changed).collect();
        let mut batch = Self::default();
        for event in events {
            let id = event.tracking_id();
            let outcome = match (changed.get_mut(&id), event.receipt()) {
                (None, _) => match unreadable.get(&id) {
                    Some(error) => Err(error.clone()),
                    None => Ok(EventOutcome::UnknownTracking),
                },
                // It comes first, because receipts are not always looked up.
                (Some(row), _) if !row.before.can_have_event(event.at(), now) => {
                    Ok(EventOutcome::ImplausibleTime)
                }
                (Some(_), Some(receipt)) if seen.contains(&receipt) => Ok(EventOutcome::Duplicate),
                (Some(row), receipt) => {
                    if let Some(receipt) = receipt {
                        seen.insert(receipt);
                        batch.receipts.push((receipt, id));
                    }
                    let is_first = row.after.apply(event);
                    Ok(match event.bounce_kind() {
                        Some(BounceKind::Soft) => EventOutcome::Noted,
                        Some(BounceKind::Hard) | None if is_first => EventOutcome::First,
                        Some(BounceKind::Hard) | None => EventOutcome::Repeat,
                    })
                }
            };
            batch.outcomes.push(outcome);
        }
        batch.rows = changed.into_values().filter(|row| row.before != row.after).collect();
        batch.rows.sort_unstable_by_key(|row| row.id);
        batch.receipts.sort_unstable();
        batch
    }

    /// The changes of the totals of each campaign by the changes of its rows.
    pub(crate) fn deltas(&self) -> BTreeMap<CampaignId, TotalsDelta> {
        let mut deltas = BTreeMap::<_, TotalsDelta>::new();
        for row in &self.rows {
            let delta = row.delta();
            if delta != TotalsDelta::default() {
                *deltas.entry(row.after.campaign_id).or_default() += delta;
            }
        }
        deltas
    }

    /// Lets the events fail whose rows would change totals that cannot be read. `events` are those of the
    /// batch.
    pub(crate) fn leave_out<'a>(
        &mut self,
        metrics: &FoundMetrics,
        events: impl IntoIterator<Item = &'a TrackingEvent>,
    ) {
        let mut failed = HashMap::new();
        self.rows.retain(|row| match metrics.error_of(row.after.campaign_id) {
            Some(error) if row.delta() != TotalsDelta::default() => {
                failed.insert(row.after.id, error);
                false
            }
            _ => true,
        });
        self.receipts.retain(|(_, email)| !failed.contains_key(email));
        for (event, outcome) in events.into_iter().zip(&mut self.outcomes) {
            if let Some(error) = failed.get(&event.tracking_id()) {
                *outcome = Err((*error).clone());
            }
        }
    }
}
