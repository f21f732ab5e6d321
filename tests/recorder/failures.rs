//! What fails, for whom, and what is retried.

use std::sync::Arc;
use std::time::Duration;

use campaign_store::{Collection, Error, EventOutcome, EventRecorder, RecorderOptions};
use tokio::time::Instant;

use super::watched::{Fault, away, bad_event};
use super::{Scene, Watched, opened, record_all};

#[tokio::test(start_paused = true)]
async fn a_bad_event_is_alone_with_its_error() {
    let scene = Scene::new(1, 100).await;
    let ids = scene.emails();
    let fault = Fault::OfBatch([ids[17], ids[70]].into());
    let watched = Arc::new(Watched::faulty(scene.store.email_tracking.clone(), fault));
    let recorder = EventRecorder::start(watched.clone(), RecorderOptions::default());
    let outcomes = record_all(&recorder, ids.iter().copied().map(opened)).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let expected = if [17, 70].contains(&n) { Err(bad_event()) } else { Ok(EventOutcome::First) };
        assert_eq!(outcome, expected, "event {n}");
        assert_eq!(scene.row(ids[n]).await.opens, u64::from(expected.is_ok()), "event {n}");
    }
    let stats = recorder.stats();
    assert_eq!((stats.accepted, stats.recorded, stats.failed, stats.queued), (100, 98, 2, 0));
    // Two ways down through seven halvings, and not one call for each event.
    assert!(watched.sizes().len() <= 2 * 2 * 7 + 1, "{:?}", watched.sizes());
}

/// A full disk, for instance: halving down to single events would commit twice as often as there are events.
#[tokio::test(start_paused = true)]
async fn an_error_that_no_event_causes_is_not_looked_for_in_the_events() {
    const DISK_FULL: i32 = 14_031;
    let scene = Scene::new(1, 256).await;
    let inner = scene.store.email_tracking.clone();
    let watched = Arc::new(Watched::faulty(inner, Fault::Always(DISK_FULL)));
    let recorder = EventRecorder::start(watched.clone(), RecorderOptions::default());
    for outcome in record_all(&recorder, scene.emails().into_iter().map(opened)).await {
        assert_eq!(outcome, Err(Error::backend("watched", Some(DISK_FULL))));
    }
    assert_eq!(recorder.stats().failed, 256);
    assert!(watched.sizes().len() <= 9, "{:?}", watched.sizes());
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_beside_a_failure_is_not_recorded_again() {
    let scene = Scene::new(2, 8).await;
    let [(_, good), (_, step)] = &scene.campaigns[..] else { panic!("it has as many") };
    let fault = Fault::OfStep { bad: step[3], step: step.iter().copied().collect() };
    let watched = Arc::new(Watched::faulty(scene.store.email_tracking.clone(), fault));
    let recorder = EventRecorder::start(watched.clone(), RecorderOptions::default());
    record_all(&recorder, good.iter().chain(step).copied().map(opened)).await;
    for id in good {
        assert_eq!(scene.row(*id).await.opens, 1);
    }
    let mut opens = Vec::new();
    for id in step {
        opens.push(scene.row(*id).await.opens);
    }
    assert_eq!(opens, [1, 1, 1, 0, 1, 1, 1, 1]);
    assert_eq!(watched.sizes()[..4], [16, 4, 4, 2]);
    let metrics = scene.store.campaign_metrics.get(scene.campaigns[0].0.id).await.unwrap().unwrap();
    assert_eq!(metrics.totals.opened, 8);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_can_pass_is_tried_again() {
    let scene = Scene::new(1, 10).await;
    let watched = scene.watched();
    let recorder = EventRecorder::start(watched.clone(), RecorderOptions::default());
    for _ in 0..3 {
        scene.memory.fail_next(Collection::EmailTracking, away());
    }
    let outcomes = record_all(&recorder, scene.emails().into_iter().map(opened)).await;
    assert_eq!(outcomes, [const { Ok(EventOutcome::First) }; 10]);
    assert_eq!(watched.sizes(), [10; 4]);
    assert_eq!(recorder.stats().batches, 1);
}

/// The server ends the transaction of a killed process after up to 85 s; until then every call on its
/// campaign fails, each after the 10 s that a call may take.
#[tokio::test(start_paused = true)]
async fn the_default_patience_outlasts_the_transaction_of_a_killed_process() {
    let scene = Scene::new(1, 10).await;
    let fault = Fault::Until(Instant::now() + Duration::from_secs(85));
    let watched = Arc::new(Watched::faulty(scene.store.email_tracking.clone(), fault));
    let recorder = EventRecorder::start(watched.clone(), RecorderOptions::default());
    let outcomes = record_all(&recorder, scene.emails().into_iter().map(opened)).await;
    assert_eq!(outcomes, [const { Ok(EventOutcome::First) }; 10]);
    let stats = recorder.stats();
    assert_eq!((stats.recorded, stats.failed, stats.batches), (10, 0, 1));
}

/// Halves that fail one after the other share the patience of their batch.
#[tokio::test(start_paused = true)]
async fn patience_is_that_of_a_batch_and_its_waits_are_capped() {
    let scene = Scene::new(1, 1).await;
    let watched = Arc::new(Watched::faulty(scene.store.email_tracking.clone(), Fault::Away));
    let options = RecorderOptions::default().linger(Duration::ZERO).patience(Duration::from_secs(60));
    let recorder = EventRecorder::start(watched.clone(), options);
    let started = Instant::now();
    assert_eq!(recorder.record(opened(scene.emails()[0])).await, Err(away()));
    let elapsed = started.elapsed();
    assert!((Duration::from_secs(60)..Duration::from_secs(61)).contains(&elapsed), "{elapsed:?}");
    // Waits of 0.05, 0.1, 0.2, 0.4, 0.8, 1.6 and 3.2 s, ten of 5 s, and the rest.
    assert_eq!(watched.sizes().len(), 19);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_does_not_pass_goes_to_every_caller_of_the_batch() {
    let scene = Scene::new(1, 10).await;
    let watched = scene.watched();
    // Waits of 50, 100 and 50 ms.
    let options = RecorderOptions::default().patience(Duration::from_millis(200));
    let recorder = EventRecorder::start(watched.clone(), options);
    for _ in 0..4 {
        scene.memory.fail_next(Collection::EmailTracking, away());
    }
    let outcomes = record_all(&recorder, scene.emails().into_iter().map(opened)).await;
    assert_eq!(outcomes, vec![Err(away()); 10]);
    assert_eq!(watched.sizes(), [10; 4], "halving would not have helped");
    assert_eq!(scene.row(scene.emails()[0]).await.opens, 0);
    // The next batch is none the worse for it.
    assert_eq!(recorder.record(opened(scene.emails()[0])).await, Ok(EventOutcome::First));
    let stats = recorder.stats();
    assert_eq!((stats.recorded, stats.failed, stats.queued), (1, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_is_an_error_to_its_batch_alone() {
    let scene = Scene::new(1, 3).await;
    let ids = scene.emails();
    let watched = Watched::faulty(scene.store.email_tracking.clone(), Fault::Panic(ids[0]));
    let options = RecorderOptions::default().linger(Duration::from_millis(1));
    let recorder = EventRecorder::start(Arc::new(watched), options);
    let outcomes = record_all(&recorder, [ids[0], ids[1]].map(opened)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Unavailable { .. }))));
    assert_eq!(recorder.record(opened(ids[2])).await, Ok(EventOutcome::First));
    let stats = recorder.shutdown().await;
    assert_eq!((stats.accepted, stats.recorded, stats.failed, stats.queued), (3, 1, 2, 0));
}
