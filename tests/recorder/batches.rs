//! Which events share a commit, and which callers wait.

use std::sync::Arc;
use std::time::Duration;

use campaign_store::{
    BounceKind, Error, EventOutcome, EventRecorder, RecorderOptions, TrackingEvent, TrackingId,
};
use tokio::time::{Instant, sleep};

use super::{Scene, Watched, noon, opened, record_all};

const LINGER: Duration = Duration::from_secs(10);

fn options() -> RecorderOptions {
    RecorderOptions::default().linger(LINGER)
}

#[tokio::test]
async fn every_caller_gets_the_outcome_of_its_own_event() {
    let scene = Scene::new(1, 2).await;
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), RecorderOptions::default());
    let [bob, carol] = scene.emails()[..] else { panic!("it has as many") };
    let nobody = TrackingId::new_at(noon());
    let open = |id| opened(id).provider_event_id("open-1").unwrap();
    let events = [open(bob), open(bob), opened(bob), open(nobody), TrackingEvent::clicked(carol, noon())];
    let outcomes = record_all(&recorder, events).await;
    let [first, repeat, duplicate, unknown] =
        [EventOutcome::First, EventOutcome::Repeat, EventOutcome::Duplicate, EventOutcome::UnknownTracking];
    assert_eq!(outcomes, [first, duplicate, repeat, unknown, first].map(Ok));
    assert_eq!(recorder.record(open(carol)).await, Ok(first));
    let stats = recorder.stats();
    assert_eq!((stats.accepted, stats.recorded, stats.failed, stats.queued), (6, 6, 0, 0));
}

#[tokio::test]
async fn a_soft_bounce_and_a_wrong_time_are_answers_to_their_own_callers() {
    let scene = Scene::new(1, 1).await;
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), RecorderOptions::default());
    let id = scene.emails()[0];
    let soft = TrackingEvent::bounced(id, noon(), BounceKind::Soft, None).unwrap();
    let year_0 = TrackingEvent::clicked(id, "0000-01-01T00:00:00Z".parse().unwrap());
    let outcomes = record_all(&recorder, [soft, year_0, opened(id)]).await;
    let expected = [EventOutcome::Noted, EventOutcome::ImplausibleTime, EventOutcome::First];
    assert_eq!(outcomes, expected.map(Ok));
    assert_eq!(recorder.stats().failed, 0);
}

#[tokio::test(start_paused = true)]
async fn events_that_arrive_together_share_a_commit() {
    let scene = Scene::new(1, 25).await;
    let watched = scene.watched();
    let recorder = EventRecorder::start(watched.clone(), options());
    record_all(&recorder, scene.emails().into_iter().map(opened)).await;
    assert_eq!(watched.sizes(), [25]);
    assert_eq!(recorder.stats().batches, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_waits_no_more_than_the_linger() {
    let scene = Scene::new(1, 1).await;
    let recorder = EventRecorder::start(scene.store.email_tracking.clone(), options());
    let start = Instant::now();
    assert_eq!(recorder.record(opened(scene.emails()[0])).await, Ok(EventOutcome::First));
    // The timer of tokio has a resolution of a millisecond.
    assert!((LINGER..=LINGER + Duration::from_millis(1)).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_linger() {
    let scene = Scene::new(1, 25).await;
    let watched = scene.watched();
    let recorder = EventRecorder::start(watched.clone(), options().batch_size(10));
    let start = Instant::now();
    record_all(&recorder, scene.emails().into_iter().take(20).map(opened)).await;
    assert_eq!(watched.sizes(), [10, 10]);
    assert!(start.elapsed() < LINGER);
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_another_commit_does_not_linger_again() {
    let scene = Scene::new(1, 3).await;
    let watched = Arc::new(Watched::gated(scene.store.email_tracking.clone()));
    let recorder = EventRecorder::start(watched.clone(), options());
    let [bob, carol, dave] = scene.emails()[..] else { panic!("it has as many") };
    let start = Instant::now();
    let others = async {
        sleep(LINGER * 2).await;
        record_all(&recorder, [carol, dave].map(opened)).await
    };
    let release = async {
        sleep(LINGER * 4).await;
        watched.gate.add_permits(2);
    };
    tokio::join!(recorder.record(opened(bob)), others, release).0.unwrap();
    assert_eq!(watched.sizes(), [1, 2]);
    assert!(start.elapsed() < LINGER * 5);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_callers_wait_or_tells_them() {
    let scene = Scene::new(1, 6).await;
    let watched = Arc::new(Watched::gated(scene.store.email_tracking.clone()));
    let recorder = EventRecorder::start(watched.clone(), options().batch_size(1).queue_capacity(2));
    let spawn = |id| {
        let recorder = recorder.clone();
        tokio::spawn(async move { recorder.record(opened(id)).await })
    };
    // One is in the commit, two are in the queue, and two more wait for a place.
    let ids = scene.emails();
    let mut callers = vec![spawn(ids[0])];
    sleep(Duration::from_millis(1)).await;
    callers.extend(ids[1..5].iter().copied().map(spawn));
    sleep(Duration::from_millis(1)).await;
    let stats = recorder.stats();
    assert_eq!((stats.accepted, stats.queued), (3, 3));
    assert_eq!(recorder.try_record(opened(ids[5])).await, Err(Error::busy("recorder.try_record")));
    assert_eq!(recorder.stats().accepted, 3);

    watched.gate.add_permits(6);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(EventOutcome::First));
    }
    assert_eq!(recorder.try_record(opened(ids[5])).await, Ok(EventOutcome::First));
    assert_eq!(recorder.stats().recorded, 6);
}

#[tokio::test(start_paused = true)]
async fn several_batches_can_be_committed_at_once() {
    let scene = Scene::new(1, 4).await;
    let watched = Arc::new(Watched::gated(scene.store.email_tracking.clone()));
    let recorder = EventRecorder::start(watched.clone(), options().batch_size(1).commits_at_once(3));
    let events = record_all(&recorder, scene.emails().into_iter().map(opened));
    let look = async {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(watched.sizes(), [1, 1, 1]);
        watched.gate.add_permits(4);
    };
    let (outcomes, ()) = tokio::join!(events, look);
    assert_eq!(outcomes, [const { Ok(EventOutcome::First) }; 4]);
}
