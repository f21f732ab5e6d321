//! Recording events with the store.

use std::time::Instant;

use campaign_store::{EventOutcome, EventRecorder, RecorderOptions};
use futures_util::TryStreamExt;
use futures_util::future::join_all;

use crate::Result;
use crate::world::World;

const EVENTS: usize = 40_000;

/// Events per second through `record_events`.
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

/// Events per second through a recorder with 64 callers. Each records the events of one webhook call after
/// another, and waits for all outcomes of a call.
pub(crate) async fn recorder(world: &World, turn: usize) -> Result<f64> {
    const CALLERS: usize = 64;
    const EVENTS_PER_CALL: usize = 64;
    let events = world.opens(EVENTS, turn, false)?;
    let recorder = EventRecorder::start(world.store.email_tracking.clone(), RecorderOptions::default());
    let started = Instant::now();
    let callers = events.chunks(EVENTS.div_ceil(CALLERS)).map(|events| {
        let (recorder, events) = (recorder.clone(), events.to_vec());
        tokio::spawn(async move {
            for call in events.chunks(EVENTS_PER_CALL) {
                let outcomes = join_all(call.iter().map(|event| recorder.record(event.clone()))).await;
                outcomes.into_iter().collect::<campaign_store::Result<Vec<_>>>()?;
            }
            campaign_store::Result::<()>::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let stats = recorder.shutdown().await;
    eprintln!("{} events in {} batches", stats.recorded, stats.batches);
    world.check().await?;
    Ok(per_second(EVENTS, seconds))
}

/// Rows per second of a recount that finds nothing to correct.
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
