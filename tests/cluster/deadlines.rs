//! Members fail in ways that a client cannot see. Its calls end at their deadline.

use std::time::{Duration, Instant};

use campaign_store::{
    CampaignTransition, Clock, Error, MongoStore, NewUser, Result, SystemClock, TrackingEvent,
};
use futures_util::future::{BoxFuture, FutureExt, join_all};

use crate::scene::{Scene, connect, options};
use crate::support::cluster::{Cluster, Setup};

const LIMIT: Duration = Duration::from_secs(3);
/// What a call may take over its limit.
const SLACK: Duration = Duration::from_secs(1);

/// A scene, and a store whose calls end soon.
async fn scene_of(cluster: &Cluster) -> (Scene, MongoStore) {
    let scene = Scene::at(&cluster.uri()).await;
    let impatient = connect(options(&cluster.uri()).await.operation_timeout(LIMIT).timeout(LIMIT)).await;
    (scene, impatient)
}

/// A call whose result matters only as far as it is an error.
fn call<'a, T>(call: impl Future<Output = Result<T>> + Send + 'a) -> BoxFuture<'a, Result<()>> {
    call.map(|done| done.map(drop)).boxed()
}

/// Runs the calls side by side, and checks that each fails and ends in time.
async fn all_end(calls: Vec<BoxFuture<'_, Result<()>>>) {
    let timed = calls.into_iter().map(|call| async {
        let begun = Instant::now();
        (call.await, begun.elapsed())
    });
    for (result, taken) in join_all(timed).await {
        assert!(matches!(result, Err(Error::Unavailable { .. })), "{result:?}");
        assert!(taken < LIMIT + SLACK, "{taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_out_of_a_black_hole_end() {
    let cluster = Cluster::start(Setup { is_proxied: true, ..Setup::default() }).await;
    let (scene, mongo) = scene_of(&cluster).await;
    let row = scene.sent("bob@mail.example").await;
    let store = mongo.system();
    store.users.get(scene.user.id).await.unwrap();
    cluster.black_hole();
    all_end(vec![
        call(store.users.get(scene.user.id)),
        call(store.users.create(NewUser::new("Eve", "eve").unwrap())),
        call(store.mailboxes.touch(scene.mailbox.id)),
        call(store.campaigns.transition(scene.campaign.id, CampaignTransition::Cancel)),
        call(store.email_tracking.record_sends(vec![scene.send("carol@mail.example")])),
        call(store.email_tracking.record_events(vec![TrackingEvent::opened(row, SystemClock.now())])),
    ])
    .await;
    cluster.pass();
    // It is not known whether the write happened, and it can be made again.
    let opened = TrackingEvent::opened(row, SystemClock.now());
    scene.store.email_tracking.record_events(vec![opened]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_without_a_majority_end() {
    let cluster = Cluster::start(Setup::default()).await;
    let (scene, mongo) = scene_of(&cluster).await;
    let store = mongo.system();
    store.users.get(scene.user.id).await.unwrap();
    let secondaries = cluster.secondaries().await;
    for member in &secondaries {
        cluster[*member].pause();
    }
    all_end(vec![
        call(store.users.create(NewUser::new("Eve", "eve").unwrap())),
        call(store.mailboxes.touch(scene.mailbox.id)),
        call(store.email_tracking.record_sends(vec![scene.send("carol@mail.example")])),
    ])
    .await;
    for member in secondaries {
        cluster[member].resume();
    }
    cluster.settle().await;
    let outcomes = scene.store.email_tracking.record_sends(vec![scene.send("carol@mail.example")]).await;
    outcomes.unwrap();
    let metrics = scene.store.campaign_metrics.get(scene.campaign.id).await.unwrap().unwrap();
    assert_eq!(metrics.totals.sent, 1, "once, whether or not the first attempt was committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_while_there_is_no_primary_and_not_one_after_the_other() {
    let cluster = Cluster::start(Setup::default()).await;
    let (scene, mongo) = scene_of(&cluster).await;
    let row = scene.sent("bob@mail.example").await;
    let store = mongo.system();
    store.users.get(scene.user.id).await.unwrap();
    // All of them, so that no other can become the primary.
    for member in 0..3 {
        cluster[member].pause();
    }
    let mut calls: Vec<BoxFuture<'_, Result<()>>> = vec![
        call(store.users.get(scene.user.id)),
        call(store.email_tracking.record_sends(vec![scene.send("carol@mail.example")])),
    ];
    for _ in 0..20 {
        let opened = TrackingEvent::opened(row, SystemClock.now());
        calls.push(call(store.email_tracking.record_events(vec![opened])));
    }
    all_end(calls).await;
    for member in 0..3 {
        cluster[member].resume();
    }
    cluster.settle().await;
    scene.store.users.get(scene.user.id).await.unwrap();
}
