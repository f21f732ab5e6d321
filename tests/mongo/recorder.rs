//! The event recorder on a real server.

#![expect(clippy::expect_used, reason = "a helper fails its test by a panic")]

use bson::doc;
use campaign_store::{
    Campaign, CampaignDuration, CampaignMetrics, Collection, Contribution, Error, EventOutcome,
    EventRecorder, NewCampaign, NewMailbox, NewSend, NewUser, Provider, RecorderOptions, Repositories,
    Result, Totals, TrackingEvent, TrackingFilter, TrackingId, contract,
};
use futures_util::TryStreamExt;
use futures_util::future::join_all;

use crate::support::database::TestDatabase;

/// Campaigns with their e-mails.
type Sent = Vec<(Campaign, Vec<TrackingId>)>;

async fn send(store: &Repositories, campaigns: usize, emails: usize) -> Result<Sent> {
    let user = store.users.create(NewUser::new("Ada", "ada")?).await?;
    let mailbox =
        store.mailboxes.link(NewMailbox::new(user.id, "ada@work.example", Provider::Gmail)?).await?;
    let (start, day) = (contract::start(), CampaignDuration::hours(24.0)?);
    let mut sent = Vec::new();
    for _ in 0..campaigns {
        let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Hi", start, day)?;
        let campaign = store.campaigns.create(new).await?;
        let send = |n| {
            NewSend::new(
                &campaign,
                &contract::sender_of(&campaign, "ada@work.example"),
                format!("reader{n}@example.com"),
                start,
            )
        };
        let sends: Vec<_> = (0..emails).map(send).collect::<Result<_, _>>()?;
        let ids = sends.iter().map(NewSend::id).collect();
        store.email_tracking.record_sends(sends).await?;
        sent.push((campaign, ids));
    }
    Ok(sent)
}

async fn record_all(recorder: &EventRecorder, events: Vec<TrackingEvent>) -> Vec<Result<EventOutcome>> {
    join_all(events.into_iter().map(|event| recorder.record(event))).await
}

async fn metrics(store: &Repositories, campaign: &Campaign) -> CampaignMetrics {
    store.campaign_metrics.get(campaign.id).await.expect("the look-up").expect("metrics")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_that_many_tasks_deliver_to_two_recorders_count_once() {
    const TASKS: usize = 8;
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let sent = send(&store, 3, 20).await.unwrap();
    // As two processes: each with connections of its own.
    let mut recorders = Vec::new();
    for _ in 0..2 {
        let store = database.connect().await.system();
        let options = RecorderOptions::default().batch_size(50).commits_at_once(2);
        recorders.push(EventRecorder::start(store.email_tracking.clone(), options));
    }
    let at = contract::start();
    let ids = sent.iter().flat_map(|(_, ids)| ids);
    let of_email = |id: &TrackingId| {
        [TrackingEvent::delivered(*id, at), TrackingEvent::opened(*id, at), TrackingEvent::clicked(*id, at)]
    };
    let events: Vec<_> = ids
        .flat_map(of_email)
        .enumerate()
        .map(|(n, event)| event.provider_event_id(format!("event-{n}")).unwrap())
        .collect();
    let tasks = (0..TASKS).map(|task| {
        let (recorder, mut events) = (recorders[task % 2].clone(), events.clone());
        let first = task * events.len() / TASKS;
        events.rotate_left(first);
        tokio::spawn(async move { record_all(&recorder, events).await })
    });
    let mut counted = 0;
    for task in join_all(tasks).await {
        for outcome in task.unwrap() {
            counted += usize::from(outcome.unwrap() != EventOutcome::Duplicate);
        }
    }
    assert_eq!(counted, events.len());
    for (campaign, ids) in &sent {
        let rows = store.email_tracking.stream(&TrackingFilter::campaign(campaign.id)).await.unwrap();
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        assert!(rows.iter().all(|row| (row.opens, row.clicks) == (1, 1)));
        let totals = metrics(&store, campaign).await.totals;
        assert_eq!(totals, rows.iter().map(Contribution::of).map(Totals::from).sum());
        assert_eq!(totals.clicked, u64::try_from(ids.len()).unwrap());
    }
    for recorder in recorders {
        let stats = recorder.shutdown().await;
        assert_eq!((stats.failed, stats.queued), (0, 0));
    }
}

#[tokio::test]
async fn an_event_whose_row_is_broken_fails_alone_and_nothing_counts_twice() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let sent = send(&store, 2, 20).await.unwrap();
    let broken = sent[1].1[7];
    let rows = database.collection(Collection::EmailTracking.name()).await;
    let change = doc! { "$set": { "opens": "many" } };
    rows.update_one(doc! { "tracking_id": broken.to_string() }, change).await.unwrap();

    let recorder = EventRecorder::start(store.email_tracking.clone(), RecorderOptions::default());
    // Without ids of a provider, so that a second recording would show.
    let ids: Vec<_> = sent.iter().flat_map(|(_, ids)| ids.clone()).collect();
    let events = ids.iter().map(|id| TrackingEvent::opened(*id, contract::start())).collect();
    for (id, outcome) in ids.iter().zip(record_all(&recorder, events).await) {
        if *id == broken {
            assert!(matches!(outcome, Err(Error::Corrupt { .. })), "{outcome:?}");
        } else {
            assert_eq!(outcome, Ok(EventOutcome::First));
            assert_eq!(store.email_tracking.get(*id).await.unwrap().unwrap().opens, 1);
        }
    }
    let stats = recorder.shutdown().await;
    assert_eq!((stats.recorded, stats.failed), (39, 1));
    for ((campaign, _), opened) in sent.iter().zip([20, 19]) {
        assert_eq!(metrics(&store, campaign).await.totals.opened, opened);
    }
}
