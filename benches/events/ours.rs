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
    let events = world.opens(EVENTS, turn, with_ids.then_some("batch"))?;
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
/// another, and waits for all outcomes of a call. With `repeats`, the events have provider event ids, and
/// every so many events (0 for never) one is delivered a second time.
pub(crate) async fn recorder(world: &World, turn: usize, repeats: Option<usize>) -> Result<f64> {
    const CALLERS: usize = 64;
    const EVENTS_PER_CALL: usize = 64;
    let way = repeats.map(|every| format!("webhook{every}"));
    let mut events = world.opens(EVENTS, turn, way.as_deref())?;
    let mut repeated = 0;
    if let Some(every @ 1..) = repeats {
        // Before its repeat, an event has left for the database or is in the same batch.
        for place in (every..EVENTS).step_by(every) {
            let (before, after) = events.split_at_mut(place);
            if let (Some(first), Some(second)) = (before.last(), after.first_mut()) {
                second.clone_from(first);
                repeated += 1;
            }
        }
    }
    let recorder = EventRecorder::start(world.store.email_tracking.clone(), options());
    let started = Instant::now();
    let callers = events.chunks(EVENTS.div_ceil(CALLERS)).map(|events| {
        let (recorder, events) = (recorder.clone(), events.to_vec());
        tokio::spawn(async move {
            let mut duplicates = 0_usize;
            for call in events.chunks(EVENTS_PER_CALL) {
                for outcome in join_all(call.iter().map(|event| recorder.record(event.clone()))).await {
                    duplicates += usize::from(outcome? == EventOutcome::Duplicate);
                }
            }
            campaign_store::Result::<usize>::Ok(duplicates)
        })
    });
    let mut duplicates = 0;
    for caller in callers.collect::<Vec<_>>() {
        duplicates += caller.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let stats = recorder.shutdown().await;
    eprintln!("{} events in {} batches", stats.recorded, stats.batches);
    if duplicates != repeated {
        return Err(format!("{duplicates} duplicates for {repeated} repeats").into());
    }
    if repeats.is_none() {
        world.check().await?;
    }
    Ok(per_second(EVENTS, seconds))
}

fn options() -> RecorderOptions {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let options = RecorderOptions::default().batch_size(number("EVENTS_BATCH").unwrap_or(1_000));
    options.commits_at_once(number("EVENTS_COMMITS").map_or(1, |n| u32::try_from(n).unwrap_or(1)))
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
