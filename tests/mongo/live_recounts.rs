//! Recounts of campaigns that are being sent, and of metrics that cannot be read.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::{Bson, Document, doc};
use campaign_store::{
    BounceKind, Campaign, Collection, Error, NewSend, Rates, Repositories, Totals, TrackingEvent, TrackingId,
    contract,
};
use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

use crate::recounts::{all, campaigns, metrics, right, tamper};
use crate::support::database::TestDatabase;

/// Enough that counting them takes many times as long as a send.
const ROWS: u128 = 40_000;

/// Adds rows to a campaign, and to its metrics.
async fn add_rows(database: &TestDatabase, store: &Repositories, campaign: &Campaign) -> u64 {
    let rows = database.collection("email_tracking").await;
    let of_campaign = doc! { "campaign_id": campaign.id.to_string() };
    let row = rows.find_one(of_campaign).await.expect("a row").expect("a row");
    for first in (0..ROWS).step_by(10_000) {
        let copies = (first..first + 10_000).map(|n| {
            let mut row: Document = row.clone();
            row.remove("_id");
            row.insert("tracking_id", Uuid::from_u128(n + 1).to_string());
            row
        });
        rows.insert_many(copies).await.expect("an insert");
    }
    store.campaign_metrics.recount(campaign.id).await.expect("the metrics").totals.sent
}

/// Sends one e-mail after another, each after a pause, until it is stopped; gives how many.
fn sender(store: &Repositories, campaign: &Campaign, pause: Duration) -> (Arc<AtomicBool>, Sender) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (store, campaign, stop) = (store.clone(), campaign.clone(), is_over.clone());
    let task = tokio::spawn(async move {
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let to = format!("live{sent}@example.com");
            let send = NewSend::new(
                &campaign,
                &contract::sender_of(&campaign, "ada@work.example"),
                to,
                contract::start(),
            )
            .expect("valid");
            store.email_tracking.record_sends(vec![send]).await.expect("the outcome");
            sent += 1;
            tokio::time::sleep(pause).await;
        }
        sent
    });
    (is_over, task)
}

type Sender = tokio::task::JoinHandle<u64>;

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_being_sent_can_be_recounted() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    let rows = add_rows(&database, &store, &campaign).await;
    for set in [doc! { "total_opened": 0 }, doc! { "total_sent": 7_i64, "total_replied": 3 }] {
        tamper(&database, campaign.id, set).await;
        let (is_over, sends) = sender(&store, &campaign, Duration::from_millis(20));
        let recounted = store.campaign_metrics.recount(campaign.id).await;
        is_over.store(true, Ordering::Relaxed);
        sends.await.expect("no panic");
        let recounted = recounted.expect("the metrics");
        assert_eq!(recounted.rates, Rates::of(&recounted.totals));
        assert_eq!(all(store.campaign_metrics.drift().await).await, []);
    }
    let sent = metrics(&store, campaign.id).await.totals.sent;
    let rows_now = database.collection("email_tracking").await;
    let rows_now = rows_now.count_documents(doc! { "campaign_id": campaign.id.to_string() }).await;
    assert!(sent > rows && rows_now.is_ok_and(|rows| rows == sent), "{sent}");
}

/// A campaign that is sent as fast as it goes leaves room for the recount.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_sent_at_full_speed_can_be_recounted() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    tamper(&database, campaign.id, doc! { "total_sent": 7_i64, "total_replied": 3 }).await;
    let (is_over, sends) = sender(&store, &campaign, Duration::ZERO);
    let recounted = store.campaign_metrics.recount(campaign.id).await;
    is_over.store(true, Ordering::Relaxed);
    sends.await.expect("no panic");
    recounted.expect("the metrics");
    assert_eq!(all(store.campaign_metrics.drift().await).await, []);
}

/// The difference is applied once, however many found it.
#[tokio::test(flavor = "multi_thread")]
async fn of_recounts_at_the_same_time_each_leaves_the_right_metrics() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    add_rows(&database, &store, &campaign).await;
    tamper(&database, campaign.id, doc! { "total_opened": 3, "total_sent": 7_i64 }).await;
    let (is_over, sends) = sender(&store, &campaign, Duration::from_millis(20));
    let recounts = (0..6).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.campaign_metrics.recount(campaign.id).await })
    });
    let recounted = join_all(recounts).await;
    is_over.store(true, Ordering::Relaxed);
    sends.await.expect("no panic");
    for recounted in recounted {
        recounted.expect("no panic").expect("the metrics");
    }
    assert_eq!(all(store.campaign_metrics.drift().await).await, []);
}

/// Bounces that take e-mails from a total that is far too low already.
#[tokio::test(flavor = "multi_thread")]
async fn bounces_that_find_too_little_to_take_off_do_not_spoil_a_recount() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    add_rows(&database, &store, &campaign).await;
    tamper(&database, campaign.id, doc! { "total_delivered": 0, "total_opened": 2 }).await;
    let is_over = AtomicBool::new(false);
    let bounces = async {
        let mut n = 0;
        while !is_over.load(Ordering::Relaxed) {
            n += 1;
            let bounce =
                TrackingEvent::bounced(Uuid::from_u128(n).into(), contract::start(), BounceKind::Hard, None);
            store.email_tracking.record_events(vec![bounce.expect("no reason")]).await.expect("the outcome");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        n
    };
    let recount = async {
        // The first bounces come before the count.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let recounted = store.campaign_metrics.recount(campaign.id).await;
        is_over.store(true, Ordering::Relaxed);
        recounted.expect("the metrics")
    };
    let (bounced, _) = tokio::join!(bounces, recount);
    assert_eq!(all(store.campaign_metrics.drift().await).await, []);
    let totals = metrics(&store, campaign.id).await.totals;
    assert!(u128::from(totals.bounced) == bounced && totals.delivered > 0, "{totals:?}");
}

/// A small generator of numbers, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = usize::try_from(self.below(of.len() as u64)).expect("small");
        of.get(place).expect("not empty")
    }
}

/// The rows of `campaigns` that an actor may send or change.
async fn act(store: Repositories, campaigns: [Campaign; 2], mut random: Random, actor: u64) {
    let at = contract::start();
    let mut ids: Vec<TrackingId> = Vec::new();
    for n in 0..40 {
        let campaign = random.one_of(&campaigns);
        match (random.below(10), ids.is_empty()) {
            (0..=3, _) | (_, true) => {
                let to = format!("r{actor}-{n}@example.com");
                let send = NewSend::new(campaign, &contract::sender_of(campaign, "ada@work.example"), to, at)
                    .expect("valid");
                ids.push(send.id());
                store.email_tracking.record_sends(vec![send]).await.expect("the outcome");
            }
            (4..=7, false) => {
                let events = (0..3).map(|_| {
                    let id = *random.one_of(&ids);
                    match random.below(5) {
                        0 => TrackingEvent::bounced(id, at, BounceKind::Hard, None).expect("no reason"),
                        1 => TrackingEvent::clicked(id, at),
                        2 => TrackingEvent::unsubscribed(id, at),
                        _ => TrackingEvent::opened(id, at),
                    }
                });
                store.email_tracking.record_events(events.collect()).await.expect("the outcomes");
            }
            _ => drop(store.campaign_metrics.recount(campaign.id).await.expect("the metrics")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_sends_events_and_recounts_interleave_the_metrics_end_right() {
    for seed in 1..=3_u64 {
        let database = TestDatabase::new();
        let store = database.provisioned().await.system();
        let both = campaigns(&store).await;
        // Lower than the rows, so that bounces would take it below zero.
        tamper(&database, both[0].id, doc! { "total_delivered": 0, "total_opened": 0, "total_clicks": 9 })
            .await;
        let metrics_of = database.collection("campaign_metrics").await;
        metrics_of.delete_one(doc! { "campaign_id": both[1].id.to_string() }).await.expect("a removal");
        let actors = (0..6_u64).map(|actor| {
            let random = Random(seed * 1_000_003 + actor * 7_919 + 1);
            tokio::spawn(act(store.clone(), both.clone(), random, actor))
        });
        try_join_all(actors).await.expect("no panic");
        let last = both.iter().map(|campaign| store.campaign_metrics.recount(campaign.id));
        let last = try_join_all(last).await.expect("the metrics");
        assert_eq!(all(store.campaign_metrics.drift().await).await, [], "seed {seed}");
        let progress = all(store.campaign_metrics.recount_all().await).await;
        assert_eq!(progress.last().map(|last| last.corrected), Some(0), "seed {seed}: {last:?}");
    }
}

#[tokio::test]
async fn metrics_that_cannot_be_read_are_written_whole() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, other] = campaigns(&store).await;
    let before = metrics(&store, one.id).await;
    for set in [
        doc! { "total_opened": -1 },
        doc! { "open_rate": "many", "total_sent": 3.5 },
        doc! { "user_id": Bson::Null, "created_at": "yesterday" },
    ] {
        for all_at_once in [false, true] {
            tamper(&database, one.id, set.clone()).await;
            let unread = store.campaign_metrics.get(one.id).await;
            assert!(matches!(unread, Err(Error::Corrupt { .. })), "{unread:?}");
            let drift: Vec<_> = store.campaign_metrics.drift().await.expect("a stream").collect().await;
            let is_named = |error: &Error| {
                let collection = Collection::CampaignMetrics;
                matches!(error, Error::Corrupt { collection: found, id, .. } if *found == collection && *id == before.id.to_string())
            };
            assert!(matches!(&drift[..], [Err(error)] if is_named(error)), "{drift:?}");
            if all_at_once {
                let progress = all(store.campaign_metrics.recount_all().await).await;
                let last = progress.last().map(|last| (last.checked, last.corrected));
                assert_eq!(last, Some((2, 1)), "{set}");
            } else {
                let recounted = store.campaign_metrics.recount(one.id).await.expect("the metrics");
                assert_eq!(recounted.totals, right(), "{set}");
            }
            let now = metrics(&store, one.id).await;
            assert_eq!((now.id, now.totals, now.rates), (before.id, right(), Rates::of(&right())), "{set}");
            assert_eq!((now.user_id, now.created_at), (before.user_id, before.created_at), "{set}");
            assert_eq!(metrics(&store, other.id).await.totals, right());
        }
    }
}

/// A campaign of 5,000 rows that cannot be read: they are counted one by one, and named one by one.
#[tokio::test]
async fn unreadable_rows_are_all_named() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, _] = campaigns(&store).await;
    let rows = database.collection("email_tracking").await;
    let row = rows.find_one(doc! { "campaign_id": one.id.to_string() }).await.expect("a row").expect("a row");
    let copies = (0..5_000).map(|n: u128| {
        let mut row: Document = row.clone();
        row.remove("_id");
        row.extend(doc! { "tracking_id": Uuid::from_u128(n).to_string(), "opens": "many" });
        row
    });
    rows.insert_many(copies).await.expect("an insert");
    let mut expected = Totals::default();
    (expected.sent, expected.delivered, expected.opened) = (5_002, 1, 1);
    let mut drift = store.campaign_metrics.drift().await.expect("a stream");
    let (mut named, mut drifts) = (0, Vec::new());
    while let Some(item) = drift.next().await {
        match item {
            Ok(drift) => drifts.push((drift.campaign_id, drift.counted)),
            Err(Error::Corrupt { path, .. }) if path == "opens" => named += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((named, drifts), (5_000, vec![(one.id, expected)]));
    let progress: Vec<_> =
        store.campaign_metrics.recount_all().await.expect("a stream").try_collect().await.expect("reports");
    assert_eq!(progress.last().map(|last| (last.corrected, last.unreadable)), Some((1, 5_000)));
}
