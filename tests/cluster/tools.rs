//! The tools themselves: a fault that does not happen proves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use mongodb::{Client, Collection};

use crate::support::cluster::{Cluster, Setup};

/// Longer than what is not held up takes.
const HELD_UP: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(30);

fn rows(client: &Client) -> Collection<Document> {
    client.database("test").collection("rows")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_replaced_and_comes_back_with_its_data() {
    let cluster = Cluster::start(Setup::default()).await;
    let rows = rows(&cluster.client().await);
    rows.insert_one(doc! { "_id": 1 }).await.unwrap();
    let killed = cluster.settle().await;
    cluster[killed].kill();
    assert!(cluster[killed].hello().await.is_none());
    assert_ne!(cluster.settle().await, killed);
    rows.insert_one(doc! { "_id": 2 }).await.unwrap();
    cluster[killed].restart().await;
    let other = cluster.settle().await;
    assert!(cluster[killed].hello().await.is_some());
    // It makes a majority again.
    let third = (0..3).find(|member| ![killed, other].contains(member)).unwrap();
    cluster[third].kill();
    rows.insert_one(doc! { "_id": 3 }).await.unwrap();
    assert_eq!(rows.count_documents(doc! {}).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_be_paused_step_down_and_lag() {
    let cluster = Cluster::start(Setup::default()).await;
    let rows = rows(&cluster.client().await);
    let first = cluster.settle().await;
    let second = cluster.step_down().await;
    assert_ne!(first, second);

    cluster[second].pause();
    assert!(cluster[second].hello().await.is_none());
    assert_ne!(cluster.settle().await, second);
    cluster[second].resume();
    let primary = cluster.settle().await;

    let lagging = (0..3).find(|member| *member != primary).unwrap();
    cluster[lagging].stop_replication().await;
    rows.insert_one(doc! { "_id": 1 }).await.unwrap();
    let tags = [("member".to_owned(), lagging.to_string())].into();
    let there = ReadPreference::Secondary {
        options: Some(mongodb::options::ReadPreferenceOptions::builder().tag_sets(vec![tags]).build()),
    };
    let find = || {
        rows.find_one(doc! { "_id": 1 }).selection_criteria(SelectionCriteria::ReadPreference(there.clone()))
    };
    assert_eq!(find().await.unwrap(), None);
    cluster[lagging].resume_replication().await;
    let deadline = tokio::time::Instant::now() + LIMIT;
    while find().await.unwrap().is_none() {
        assert!(tokio::time::Instant::now() < deadline, "it still lags");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_takes_data_and_leaves_monitors_and_replication() {
    let cluster = Cluster::start(Setup { is_proxied: true, ..Setup::default() }).await;
    let heartbeats = Arc::new(AtomicU32::new(0));
    let counter = heartbeats.clone();
    let mut options = ClientOptions::parse(cluster.uri()).await.unwrap();
    options.heartbeat_freq = Some(Duration::from_millis(500));
    options.sdam_event_handler = Some(EventHandler::callback(move |event| match event {
        SdamEvent::ServerHeartbeatSucceeded(_) => {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        SdamEvent::ServerHeartbeatFailed(event) => panic!("{event:?}"),
        _ => {}
    }));
    let rows = rows(&Client::with_options(options).unwrap());
    rows.insert_one(doc! { "_id": 1 }).await.unwrap();

    let primary = cluster.settle().await;
    cluster.black_hole();
    let before = heartbeats.load(Ordering::Relaxed);
    let task = rows.clone();
    let mut insert = tokio::spawn(async move { task.insert_one(doc! { "_id": 2 }).await });
    assert!(tokio::time::timeout(HELD_UP, &mut insert).await.is_err(), "an answer out of a black hole");
    assert!(heartbeats.load(Ordering::Relaxed) > before + 2, "no monitor lives");
    assert_eq!(cluster.settle().await, primary, "the members lost each other");

    cluster.pass();
    tokio::time::timeout(LIMIT, insert).await.expect("an answer").unwrap().unwrap();
    assert_eq!(rows.count_documents(doc! {}).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_drivers_are_reset_and_made_again() {
    let cluster = Cluster::start(Setup { is_proxied: true, ..Setup::default() }).await;
    let primary = cluster.settle().await;
    let mut options = ClientOptions::parse(cluster.uri()).await.unwrap();
    options.retry_reads = Some(false);
    let rows = rows(&Client::with_options(options).unwrap());
    rows.find_one(doc! {}).await.unwrap();
    cluster.black_hole();
    let task = rows.clone();
    let find = tokio::spawn(async move { task.find_one(doc! {}).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.reset();
    assert!(tokio::time::timeout(LIMIT, find).await.expect("an error").unwrap().is_err());
    cluster.pass();
    rows.find_one(doc! {}).await.unwrap();
    assert_eq!(cluster.settle().await, primary);
}
