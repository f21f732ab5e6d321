//! What the store does.

use std::time::Instant;

use campaign_store::EventOutcome;
use futures_util::TryStreamExt;

use crate::Result;
use crate::world::World;

const EVENTS: usize = 40_000;

/// Events a second through `record_events`.
pub(crate) async fn batches(world: &World, turn: usize, with_ids: bool) -> Result<f64> {
    let events = world.opens(EVENTS, turn, with_ids)?;
    let started = Instant::now();
    let outcomes = world.store.email_tracking.record_events(events).await?;
    let seconds = started.elapsed().as_secs_f64();
    let counted = |outcome: &EventOutcome| matches!(outcome, EventOutcome::First | EventOutcome::Repeat);
    if outcomes.len() != EVENTS || !outcomes.iter().all(counted) {
        return Err("not every event was counted".into());
    }
    if !with_ids {
        world.check().await?;
    }
    Ok(per_second(EVENTS, seconds))
}

/// Rows a second of a recount that finds nothing to put right.
pub(crate) async fn recount(world: &World) -> Result<f64> {
    let started = Instant::now();
    let progress: Vec<_> = world.store.campaign_metrics.recount_all().await?.try_collect().await?;
    let seconds = started.elapsed().as_secs_f64();
    match progress.last() {
        Some(last) if last.corrected == 0 => Ok(per_second(world.ids.len(), seconds)),
        other => Err(format!("an unexpected recount: {other:?}").into()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for small numbers")]
pub(crate) fn per_second(number: usize, seconds: f64) -> f64 {
    number as f64 / seconds
}
