//! Events that arrive late, repeatedly, out of order and at once, while transactions fail.

#![expect(clippy::indexing_slicing, reason = "the places are drawn to be in bounds")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bson::{Document, doc};
use campaign_store::{
    BounceKind, Campaign, CampaignId, Contribution, EmailTracking, Error, EventOutcome, MemoryStore, NewSend,
    RecountProgress, Repositories, Signal, Totals, TrackingEvent, TrackingFilter, TrackingId, contract,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use proptest::prelude::{Rng, RngExt};
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::task::JoinSet;

use super::fail_point::{Failing, times};
use super::{error_of, new_campaign, scene};

const CAMPAIGNS: usize = 4;
const SENDS: usize = 50;
const EVENTS: usize = 1_000;
const DELIVERIES: usize = 3;
const TASKS: usize = 64;

/// Some e-mails, and what happens to them.
struct Story {
    sent: HashMap<TrackingId, EmailTracking>,
    events: Vec<TrackingEvent>,
    rng: TestRng,
}

impl Story {
    async fn new(store: &Repositories, first: &Campaign) -> Self {
        // The same each time: what differs from run to run is how the tasks meet.
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut campaigns = vec![first.clone()];
        let mailbox = store.mailboxes.get(first.mailbox_id).await.expect("a look-up").expect("the mailbox");
        for _ in 1..CAMPAIGNS {
            campaigns.push(store.campaigns.create(new_campaign(&mailbox)).await.expect("a campaign"));
        }
        let send = |n: usize| {
            let recipient = format!("r{n}@canary.example");
            let campaign = &campaigns[n % CAMPAIGNS];
            NewSend::new(
                campaign,
                &contract::sender_of(campaign, "canary@canary.example"),
                recipient,
                contract::start(),
            )
            .expect("valid")
        };
        let sends = (0..SENDS * CAMPAIGNS).map(send).collect();
        store.email_tracking.record_sends(sends).await.expect("the outcomes");
        let sent = rows(store).await;
        let ids: Vec<_> = sent.keys().copied().collect();
        let events = (0..EVENTS).map(|n| event(&mut rng, ids[n % ids.len()], n)).collect();
        Self { sent, events, rng }
    }

    /// Every event several times, in batches of any size and no order, dealt out to the tasks.
    fn deliveries(&mut self) -> Vec<Vec<Vec<TrackingEvent>>> {
        let mut all: Vec<_> = (0..DELIVERIES).flat_map(|_| self.events.clone()).collect();
        for place in (1..all.len()).rev() {
            all.swap(place, self.rng.random_range(0..=place));
        }
        let mut tasks = vec![Vec::new(); TASKS];
        let mut rest = &all[..];
        while !rest.is_empty() {
            let size = self.rng.random_range(1..=40).min(rest.len());
            let (batch, later) = rest.split_at(size);
            tasks[self.rng.random_range(0..TASKS)].push(batch.to_vec());
            rest = later;
        }
        tasks
    }

    /// The rows after all events, by the rule.
    fn told(&self) -> HashMap<TrackingId, EmailTracking> {
        let mut rows = self.sent.clone();
        for event in &self.events {
            rows.get_mut(&event.tracking_id()).expect("a row").apply(event);
        }
        rows
    }

    /// Checks that every event did what it had to, once, and that the rest are duplicates.
    fn check_outcomes(outcomes: Vec<(TrackingEvent, EventOutcome)>) {
        assert_eq!(outcomes.len(), EVENTS * DELIVERIES);
        let mut counted = HashMap::<TrackingEvent, usize>::new();
        let mut firsts = BTreeMap::new();
        for (event, outcome) in outcomes {
            let counted = counted.entry(event.clone()).or_default();
            match outcome {
                EventOutcome::Duplicate => {}
                EventOutcome::First | EventOutcome::Repeat => *counted += 1,
                other => panic!("{other:?} of {event:?}"),
            }
            let firsts = firsts.entry((event.tracking_id(), event.signal())).or_insert(0);
            *firsts += usize::from(outcome == EventOutcome::First);
        }
        assert_eq!(counted.len(), EVENTS);
        assert!(counted.values().all(|times| *times == 1), "an event counts once");
        for ((id, kind), firsts) in firsts {
            // Another event can have told of a delivery before.
            let expected = if kind == Signal::Delivered { 0..=1 } else { 1..=1 };
            assert!(expected.contains(&firsts), "{kind} of {id} was first {firsts} times");
        }
    }

    async fn check_store(&self, store: &Repositories) {
        let told = self.told();
        let found = rows(store).await;
        assert_eq!(found.len(), told.len());
        for (id, row) in &found {
            assert!(told.get(id) == Some(row), "row {id}: {row:?}");
        }
        let mut sums = HashMap::<CampaignId, Totals>::new();
        for row in told.values() {
            *sums.entry(row.campaign_id).or_default() += Contribution::of(row);
        }
        for (id, sum) in sums {
            let metrics = store.campaign_metrics.get(id).await.expect("a look-up").expect("the metrics");
            assert_eq!(metrics.totals, sum);
            assert_eq!(store.campaign_metrics.recount(id).await.expect("the metrics"), metrics);
        }
        let drift = store.campaign_metrics.drift().await.expect("a stream");
        assert_eq!(drift.try_collect::<Vec<_>>().await.expect("no error"), []);
        let progress = store.campaign_metrics.recount_all().await.expect("a stream");
        let progress: Vec<RecountProgress> = progress.try_collect().await.expect("no error");
        let last = progress.last().expect("a report");
        assert_eq!((last.checked, last.corrected), (CAMPAIGNS as u64, 0));
    }
}

fn event(rng: &mut TestRng, id: TrackingId, n: usize) -> TrackingEvent {
    let at = contract::start() + TimeDelta::seconds(rng.random_range(0..80_000));
    let event = match rng.random_range(0..12) {
        0 | 1 => TrackingEvent::delivered(id, at),
        2..6 => TrackingEvent::opened(id, at),
        6..9 => TrackingEvent::clicked(id, at),
        9 => TrackingEvent::replied(id, at),
        10 => TrackingEvent::bounced(id, at, BounceKind::Hard, Some(["550", "451"][n % 2]))
            .expect("a valid reason"),
        _ => TrackingEvent::unsubscribed(id, at),
    };
    event.provider_event_id(format!("evt-{n}")).expect("a valid id")
}

async fn rows(store: &Repositories) -> HashMap<TrackingId, EmailTracking> {
    let rows = store.email_tracking.stream(&TrackingFilter::all()).await.expect("a stream");
    let rows: Vec<EmailTracking> = rows.try_collect().await.expect("every row");
    rows.into_iter().map(|row| (row.id, row)).collect()
}

/// Lets every task deliver its batches.
async fn deliver(store: &Repositories, story: &mut Story) -> Vec<(TrackingEvent, EventOutcome)> {
    let mut tasks = JoinSet::new();
    for batches in story.deliveries() {
        let tracking = store.email_tracking.clone();
        tasks.spawn(async move {
            let mut all = Vec::new();
            for batch in batches {
                let outcomes = tracking.record_events(batch.clone()).await.expect("the outcomes");
                all.extend(batch.into_iter().zip(outcomes));
            }
            all
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_exact_while_transactions_are_aborted_at_random() {
    let db = Arc::new(Failing::new().await);
    let mut story = Story::new(&db.sound, &db.scene.campaign).await;
    let saboteur = tokio::spawn({
        let db = db.clone();
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
        async move {
            let transient = doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] };
            let unconfirmed = doc! {
                "writeConcernError": { "code": 64, "errmsg": "waiting for canary" },
                "errorLabels": ["UnknownTransactionCommitResult"],
            };
            loop {
                // No transient failure of a commit: after an unconfirmed one, which has happened, a
                // server never says that all is to be done again.
                let (command, failure): (_, Document) = match rng.next_u32() % 4 {
                    0 => ("insert", transient.clone()),
                    1 => ("update", transient.clone()),
                    2 => ("commitTransaction", unconfirmed.clone()),
                    _ => ("commitTransaction", doc! { "closeConnection": true }),
                };
                db.fail(doc! { "activationProbability": 0.3 }, &[command], failure).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let outcomes = deliver(&db.store, &mut story).await;
    assert!(!saboteur.is_finished());
    saboteur.abort();
    let _ = saboteur.await;
    db.stop().await;
    Story::check_outcomes(outcomes);
    story.check_store(&db.sound).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_exact_in_memory_too() {
    let store = MemoryStore::new().system();
    let campaign = scene(&store).await.campaign;
    let mut story = Story::new(&store, &campaign).await;
    let outcomes = deliver(&store, &mut story).await;
    Story::check_outcomes(outcomes);
    story.check_store(&store).await;
}

#[tokio::test]
async fn an_event_whose_row_cannot_be_written_is_not_counted_and_can_come_again() {
    for receipt in [None, Some("evt-1")] {
        let db = Failing::new().await;
        let mut story = Story::new(&db.sound, &db.scene.campaign).await;
        let mut event = TrackingEvent::opened(story.events[0].tracking_id(), contract::start());
        if let Some(id) = receipt {
            event = event.provider_event_id(id).expect("a valid id");
        }
        let failure = doc! { "errorCode": 8, "namespace": format!("{}.email_tracking", db.database.name) };
        db.fail(times(1), &["update"], failure).await;
        let error = error_of(db.store.email_tracking.record_events(vec![event.clone()]).await);
        assert_eq!(error, Error::backend("email_tracking.record_events", Some(8)));
        db.stop().await;
        story.events.clear();
        story.check_store(&db.sound).await;
        let outcomes = db.store.email_tracking.record_events(vec![event.clone()]).await;
        assert_eq!(outcomes.expect("the outcomes"), [EventOutcome::First]);
        story.events.push(event);
        story.check_store(&db.sound).await;
    }
}
