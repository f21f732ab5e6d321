//! What cannot be read fails alone: its neighbours in a batch are recorded.

use bson::{Bson, Document, doc};
use campaign_store::{
    Campaign, Collection, Error, EventOutcome, NewSend, Repositories, Result, SendOutcome, TrackingEvent,
    TrackingFilter, TrackingId, contract,
};
use futures_util::TryStreamExt;

use super::{assert_discreet, new_campaign, new_sends, scene};
use crate::support::database::TestDatabase;

/// Two campaigns, each with the e-mails `a`, `b` and `c`.
struct Sent {
    database: TestDatabase,
    store: Repositories,
    campaigns: [Campaign; 2],
}

impl Sent {
    async fn new() -> Self {
        let database = TestDatabase::new();
        let store = database.provisioned().await.system();
        let scene = scene(&store).await;
        let second = store.campaigns.create(new_campaign(&scene.mailbox)).await.expect("a campaign");
        let campaigns = [scene.campaign, second];
        for campaign in &campaigns {
            let sends = new_sends(campaign, &["a", "b", "c"]);
            store.email_tracking.record_sends(sends).await.expect("the outcomes");
        }
        Self { database, store, campaigns }
    }

    /// An open of each e-mail, those of the second campaign between those of the first.
    fn opens(&self) -> Vec<TrackingEvent> {
        let ids = self.campaigns.each_ref().map(|campaign| {
            let sends = new_sends(campaign, &["a", "b", "c"]);
            sends.iter().map(NewSend::id).collect::<Vec<_>>()
        });
        let [first, second] = ids;
        let ids = first.into_iter().zip(second).flat_map(|(one, other)| [one, other]);
        ids.map(|id| TrackingEvent::opened(id, contract::start())).collect()
    }

    async fn change(&self, collection: Collection, filter: Document, update: Document) {
        let documents = self.database.collection(collection.name()).await;
        let changed = documents.update_one(filter, update).await.expect("an update");
        assert_eq!(changed.modified_count, 1);
    }

    async fn break_metrics(&self, campaign: &Campaign) {
        let of_campaign = doc! { "campaign_id": campaign.id.to_string() };
        let update = doc! { "$set": { "total_opened": -1 } };
        self.change(Collection::CampaignMetrics, of_campaign, update).await;
    }

    async fn opened(&self, campaign: &Campaign) -> u64 {
        let metrics = self.store.campaign_metrics.get(campaign.id).await.expect("a look-up");
        metrics.expect("the metrics").totals.opened
    }

    async fn rows(&self, campaign: &Campaign) -> usize {
        let rows = self.store.email_tracking.stream(&TrackingFilter::campaign(campaign.id)).await;
        rows.expect("a stream").try_collect::<Vec<_>>().await.expect("every row").len()
    }
}

/// Checks that the events of these e-mails fail because of a document in `collection`, and no others.
fn assert_alone(
    events: &[TrackingEvent],
    results: Vec<Result<EventOutcome>>,
    bad: &[TrackingId],
    collection: Collection,
) {
    assert_eq!(results.len(), events.len());
    for (event, result) in events.iter().zip(results) {
        if bad.contains(&event.tracking_id()) {
            let error = result.expect_err("a document that cannot be read");
            assert_discreet(&error);
            assert!(
                matches!(&error, Error::Corrupt { collection: of, .. } if *of == collection),
                "{error:?}"
            );
        } else {
            assert_eq!(result, Ok(EventOutcome::First));
        }
    }
}

#[tokio::test]
async fn events_of_a_row_that_cannot_be_read_fail_alone() {
    let broken: [(&str, Option<Bson>); 5] = [
        ("opens", Some("canary".into())),
        ("sent_at", None),
        ("campaign_id", None),
        ("campaign_id", Some(7.into())),
        ("campaign_id", Some("canary-17".into())),
    ];
    for (field, value) in broken {
        let sent = Sent::new().await;
        let events = sent.opens();
        let bad = events.first().map(TrackingEvent::tracking_id).expect("an event");
        let update = if let Some(value) = value {
            doc! { "$set": { field: value } }
        } else {
            doc! { "$unset": { field: "" } }
        };
        sent.change(Collection::EmailTracking, doc! { "tracking_id": bad.to_string() }, update).await;
        let results = sent.store.email_tracking.record_events_each(events.clone()).await;
        assert_alone(&events, results, &[bad], Collection::EmailTracking);
        let [first, second] = &sent.campaigns;
        assert_eq!((sent.opened(first).await, sent.opened(second).await), (2, 3), "{field}");
    }
}

#[tokio::test]
async fn an_event_of_a_row_with_a_foreign_id_fails_alone() {
    let sent = Sent::new().await;
    let events = sent.opens();
    let bad = events.first().map(TrackingEvent::tracking_id).expect("an event");
    let rows = sent.database.collection(Collection::EmailTracking.name()).await;
    let id = doc! { "tracking_id": bad.to_string() };
    let mut row = rows.find_one_and_delete(id).await.expect("a look-up").expect("the row");
    row.insert("_id", "canary");
    rows.insert_one(row).await.expect("an insert");
    let results = sent.store.email_tracking.record_events_each(events.clone()).await;
    assert_alone(&events, results, &[bad], Collection::EmailTracking);
}

#[tokio::test]
async fn events_of_a_campaign_whose_metrics_cannot_be_read_fail_alone() {
    let sent = Sent::new().await;
    let [broken, sound] = &sent.campaigns;
    let bad: Vec<_> = new_sends(broken, &["a", "b", "c"]).iter().map(NewSend::id).collect();
    // An event that changes no total needs no metrics.
    let early = TrackingEvent::opened(bad[2], contract::start());
    sent.store.email_tracking.record_events(vec![early]).await.expect("the outcomes");
    sent.break_metrics(broken).await;
    // One at a time, in one lane with the others.
    let events: Vec<_> = sent.opens().into_iter().filter(|event| event.tracking_id() != bad[2]).collect();
    let results = sent.store.email_tracking.record_events_each(events.clone()).await;
    assert_alone(&events, results, &bad, Collection::CampaignMetrics);
    assert_eq!(sent.opened(sound).await, 3);
    let again = TrackingEvent::opened(bad[2], contract::start()).provider_event_id("evt-1").expect("an id");
    let fresh = TrackingEvent::opened(bad[0], contract::start()).provider_event_id("evt-1").expect("an id");
    let results = sent.store.email_tracking.record_events_each(vec![fresh.clone(), again.clone()]).await;
    assert!(matches!(results[..], [Err(Error::Corrupt { .. }), Ok(EventOutcome::Repeat)]), "{results:?}");
    // What failed left nothing behind, so it is recorded once the metrics are mended.
    assert_eq!(sent.store.email_tracking.get(bad[0]).await.expect("a look-up").expect("the row").opens, 0);
    let of_campaign = doc! { "campaign_id": broken.id.to_string() };
    sent.change(Collection::CampaignMetrics, of_campaign, doc! { "$set": { "total_opened": 1 } }).await;
    let results = sent.store.email_tracking.record_events_each(vec![fresh, again]).await;
    assert_eq!(results, [Ok(EventOutcome::First), Ok(EventOutcome::Duplicate)]);
    assert_eq!(sent.opened(broken).await, 2);
}

#[tokio::test]
async fn sends_of_a_campaign_whose_metrics_cannot_be_read_fail_alone() {
    let sent = Sent::new().await;
    let [broken, sound] = &sent.campaigns;
    sent.break_metrics(broken).await;
    let sends = [new_sends(broken, &["a", "d"]), new_sends(sound, &["a", "d"])].concat();
    let error = sent.store.email_tracking.record_sends(sends.clone()).await.expect_err("unreadable metrics");
    assert_discreet(&error);
    assert!(matches!(error, Error::Corrupt { collection: Collection::CampaignMetrics, .. }), "{error:?}");
    assert_eq!((sent.rows(broken).await, sent.rows(sound).await), (3, 4));
    let [old, fresh, neighbour, last] =
        sent.store.email_tracking.record_sends_each(sends).await.try_into().expect("a result for each");
    assert_eq!([old, neighbour, last], [const { Ok(SendOutcome::AlreadyRecorded) }; 3]);
    assert_eq!(fresh, Err(error));
    let metrics = sent.store.campaign_metrics.get(sound.id).await.expect("a look-up").expect("the metrics");
    assert_eq!(metrics.totals.sent, 4);
}
