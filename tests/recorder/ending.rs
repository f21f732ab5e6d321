//! Shutting down, callers that go away, and many callers at once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use campaign_store::{
    Contribution, Error, EventOutcome, EventRecorder, RecorderOptions, Totals, TrackingEvent, TrackingFilter,
};
use chrono::TimeDelta;
use futures_util::{FutureExt, TryStreamExt};
use tokio::time::sleep;

use super::{Scene, Watched, noon, opened};

fn patient() -> RecorderOptions {
    RecorderOptions::default().linger(Duration::from_secs(60))
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_records_all_that_was_accepted() {
    let scene = Scene::new(1, 50).await;
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), patient().batch_size(20));
    let callers: Vec<_> = scene.emails().into_iter().map(|id| recorder.record(opened(id)).boxed()).collect();
    let mut callers = futures_util::future::join_all(callers);
    assert!((&mut callers).now_or_never().is_none());

    let stats = recorder.shutdown().await;
    assert_eq!((stats.accepted, stats.recorded, stats.queued), (50, 50, 0));
    assert_eq!(callers.now_or_never(), Some(vec![Ok(EventOutcome::First); 50]));

    let other = recorder.clone();
    assert_eq!(other.record(opened(scene.emails()[0])).await, Err(Error::ShutDown));
    assert_eq!(other.try_record(opened(scene.emails()[0])).await, Err(Error::ShutDown));
    assert_eq!(other.shutdown().await, stats);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_callers_that_wait_for_a_place() {
    let scene = Scene::new(1, 10).await;
    let watched = Arc::new(Watched::gated(scene.store.email_tracking.clone()));
    let recorder = EventRecorder::start(watched.clone(), patient().batch_size(2).queue_capacity(1));
    let ids = scene.emails();
    let mut callers = pin!(super::record_all(&recorder, ids.iter().copied().map(opened)));
    assert!(callers.as_mut().now_or_never().is_none());
    let end = {
        let recorder = recorder.clone();
        tokio::spawn(async move { recorder.shutdown().await })
    };
    let (outcomes, ()) = tokio::join!(callers, async {
        sleep(Duration::from_secs(1)).await;
        watched.gate.add_permits(10);
    });
    assert_eq!(outcomes, [const { Ok(EventOutcome::First) }; 10]);
    assert_eq!(end.await.unwrap().recorded, 10);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_loses_nothing_also_when_all_handles_are_gone() {
    let scene = Scene::new(1, 10).await;
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), patient());
    for id in scene.emails() {
        assert!(recorder.record(opened(id)).now_or_never().is_none());
    }
    assert_eq!(recorder.stats().queued, 10);
    drop(recorder);
    // No handle is left to wait by. It is well before the end of the linger.
    sleep(Duration::from_secs(1)).await;
    for id in scene.emails() {
        assert_eq!(scene.row(id).await.opens, 1);
    }
}

#[test]
fn the_end_of_the_runtime_is_an_error_to_those_who_wait() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (recorder, caller) = first.block_on(async {
        let scene = Scene::new(1, 1).await;
        let recorder = EventRecorder::start(scene.store.email_tracking.clone(), patient());
        let caller = recorder.clone();
        let event = opened(scene.emails()[0]);
        let mut caller = async move { caller.record(event).await }.boxed();
        assert!((&mut caller).now_or_never().is_none());
        (recorder, caller)
    });
    drop(first);
    let second = runtime();
    assert!(matches!(second.block_on(caller), Err(Error::Unavailable { .. })));
    assert_eq!(second.block_on(recorder.shutdown()).failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_many_tasks_in_any_order_count_once() {
    const TASKS: usize = 16;
    let scene = Scene::new(4, 25).await;
    let options = RecorderOptions::default().batch_size(64).queue_capacity(128).commits_at_once(2);
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), options);
    let ids: Vec<_> = scene.campaigns.iter().flat_map(|(_, ids)| ids.clone()).collect();
    let events: Vec<_> = ids
        .iter()
        .enumerate()
        .flat_map(|(n, id)| {
            let at = noon() + TimeDelta::seconds(i64::try_from(n).unwrap());
            [
                TrackingEvent::opened(*id, at),
                TrackingEvent::clicked(*id, at),
                TrackingEvent::delivered(*id, at),
            ]
        })
        .enumerate()
        .map(|(n, event)| event.provider_event_id(format!("event-{n}")).unwrap())
        .collect();
    // Every task delivers every event, each from another place on.
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (recorder, mut events) = (recorder.clone(), events.clone());
            let first = task * events.len() / TASKS;
            events.rotate_left(first);
            tokio::spawn(async move { super::record_all(&recorder, events).await })
        })
        .collect();
    let mut counted = 0;
    for task in tasks {
        for outcome in task.await.unwrap() {
            counted += usize::from(outcome.unwrap() != EventOutcome::Duplicate);
        }
    }
    assert_eq!(counted, events.len());
    let rows: Vec<_> =
        scene.store.email_tracking.stream(&TrackingFilter::all()).await.unwrap().try_collect().await.unwrap();
    assert!(rows.iter().all(|row| (row.opens, row.clicks) == (1, 1)));
    for (campaign, _) in &scene.campaigns {
        let rows = rows.iter().filter(|row| row.campaign_id == campaign.id);
        let metrics = scene.store.campaign_metrics.get(campaign.id).await.unwrap().unwrap();
        assert_eq!(metrics.totals, rows.map(Contribution::of).map(Totals::from).sum());
        assert_eq!(metrics.totals.clicked, 25);
    }
    let stats = recorder.shutdown().await;
    assert_eq!(stats.recorded, u64::try_from(TASKS * events.len()).unwrap());
}
