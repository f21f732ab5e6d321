//! Rows of other programs that spell the id of their campaign or their own in another way than the store.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use campaign_store::{
    Campaign, CampaignId, Collection, Error, EventOutcome, MetricsFilter, NewSend, PageRequest,
    RecountProgress, Repositories, SeriesStep, Signal, Totals, TrackingEvent, TrackingFilter, contract,
};
use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

use crate::recounts::{all, campaigns, metrics, right, tamper};
use crate::support::database::TestDatabase;

fn binary(subtype: BinarySubtype, id: Uuid) -> Bson {
    Binary { subtype, bytes: id.as_bytes().to_vec() }.into()
}

/// What means this id, besides the stored form.
fn spellings(id: Uuid) -> Vec<Bson> {
    let texts = [
        format!("{id:X}"),
        format!("{:x}", id.simple()),
        format!("{:X}", id.simple()),
        format!("{:x}", id.braced()),
        format!("{:X}", id.braced()),
        format!("{:x}", id.urn()),
        format!("urn:uuid:{id:X}"),
    ];
    texts.map(Bson::from).into_iter().chain([binary(BinarySubtype::Uuid, id)]).collect()
}

/// What means no id at all; `None` is no value.
fn others(id: Uuid) -> Vec<Option<Bson>> {
    let text = id.to_string();
    let (start, end) = text.split_at(18);
    let values: Vec<Bson> = vec![
        Bson::Null,
        7.into(),
        "camp-17".into(),
        "camp-17".into(),
        "".into(),
        format!(" {text}").into(),
        // Both cases at once.
        format!("{}{end}", start.to_uppercase()).into(),
        format!("URN:UUID:{text}").into(),
        binary(BinarySubtype::Generic, id),
        // In which order its bytes are nobody knows.
        binary(BinarySubtype::UuidOld, id),
        vec![text.clone()].into(),
        doc! { "$uuid": text }.into(),
    ];
    std::iter::once(None).chain(values.into_iter().map(Some)).collect()
}

/// Three more rows of a campaign in the stored form, and five with this id, one of them opened.
async fn add_rows(
    database: &TestDatabase,
    store: &Repositories,
    campaign: &Campaign,
    id: &Bson,
) -> Vec<NewSend> {
    let send = |n| {
        NewSend::new(
            campaign,
            &contract::sender_of(campaign, "ada@work.example"),
            format!("r{n}@example.com"),
            contract::start(),
        )
        .expect("valid")
    };
    let sends: Vec<_> = (0..8).map(send).collect();
    store.email_tracking.record_sends(sends.clone()).await.expect("the outcomes");
    let last = sends.last().expect("sends").id();
    let open = TrackingEvent::opened(last, contract::start());
    store.email_tracking.record_events(vec![open]).await.expect("the outcomes");
    let rows = database.collection("email_tracking").await;
    let spelled: Vec<_> = sends.iter().skip(3).map(|send| send.id().to_string()).collect();
    let update = doc! { "$set": { "campaign_id": id } };
    rows.update_many(doc! { "tracking_id": { "$in": spelled } }, update).await.expect("an update");
    sends
}

#[tokio::test]
async fn every_spelling_of_a_campaign_means_the_same_to_everybody() {
    let mut wrong = Vec::new();
    let some_id = CampaignId::new_at(contract::start()).as_uuid();
    for n in 0..spellings(some_id).len() {
        let database = TestDatabase::new();
        let store = database.provisioned().await.system();
        let [campaign, _] = campaigns(&store).await;
        let id = spellings(campaign.id.as_uuid()).swap_remove(n);
        let sends = add_rows(&database, &store, &campaign, &id).await;
        let before = metrics(&store, campaign.id).await;
        let (ten, two) = (before.totals.sent, before.totals.opened);
        let mut check = |what: &str, is_right: bool| {
            if !is_right {
                wrong.push(format!("{n} {id}: {what}"));
            }
        };
        check("the sends", (ten, two) == (10, 2));
        let tracking = &store.email_tracking;
        let filter = TrackingFilter::campaign(campaign.id);
        let page = tracking.list(&filter, &PageRequest::default()).await.expect("a page");
        check("list", page.items.len() == 10);
        let rows = all(tracking.stream(&filter.clone().state(Signal::Opened)).await).await;
        check("stream", rows.len() == 2);
        let recipient = campaign_store::EmailAddress::new("r7@example.com").expect("valid");
        let found = tracking.find_by_campaign_and_recipient(campaign.id, &recipient).await;
        check("by recipient", found.is_ok_and(|rows| rows.items.len() == 1));
        let (many, around) = (MetricsFilter::campaigns([campaign.id]), contract::start());
        let around = around - TimeDelta::days(1)..around + TimeDelta::days(1);
        let series = store.campaign_metrics.series(&many, Signal::Opened, SeriesStep::Day, around).await;
        let opened: u64 = series.expect("a series").iter().map(|point| point.count).sum();
        check("series", opened == 2);
        let drift = all(store.campaign_metrics.drift().await).await;
        check("drift", drift.is_empty());
        let recounted = store.campaign_metrics.recount(campaign.id).await.expect("the metrics");
        check("recount", recounted == before);
        let click = TrackingEvent::clicked(sends[3].id(), contract::start());
        let outcome = tracking.record_events(vec![click]).await;
        check("event", outcome == Ok(vec![EventOutcome::First]));
        let after = metrics(&store, campaign.id).await;
        check("metrics after the event", (after.totals.opened, after.totals.clicked) == (3, 1));
        // Metrics that are wrong become right.
        tamper(&database, campaign.id, doc! { "total_sent": 3 }).await;
        let progress = all(store.campaign_metrics.recount_all().await).await;
        let last = progress.last().expect("a report");
        check("recount of all", (last.corrected, last.unattributed, last.unreadable) == (1, 0, 0));
        check("number of campaigns", last.checked == 2);
        check("metrics after that", metrics(&store, campaign.id).await.totals == after.totals);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// All in one campaign: their sums are added.
#[tokio::test]
async fn rows_of_all_spellings_add_up() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    let rows = database.collection("email_tracking").await;
    let row = rows.find_one(doc! { "campaign_id": campaign.id.to_string(), "opens": 1 }).await;
    let row = row.expect("a row").expect("a row");
    for (n, id) in spellings(campaign.id.as_uuid()).into_iter().enumerate() {
        let mut row = row.clone();
        row.remove("_id");
        row.extend(doc! { "campaign_id": id, "tracking_id": format!("{n:032}") });
        if n % 2 == 0 {
            // Only the reader can count it.
            row.insert("opens", "1");
        }
        rows.insert_one(row).await.expect("an insert");
    }
    let mut expected = Totals::default();
    (expected.sent, expected.delivered, expected.opened) = (10, 9, 9);
    let drift = all(store.campaign_metrics.drift().await).await;
    let [drift] = drift[..] else { panic!("one campaign is wrong: {drift:?}") };
    assert_eq!((drift.campaign_id, drift.counted), (campaign.id, expected));
    let progress = all(store.campaign_metrics.recount_all().await).await;
    assert_eq!(progress.iter().map(|now| (now.checked, now.corrected)).collect::<Vec<_>>(), [(2, 1)]);
    assert_eq!(metrics(&store, campaign.id).await.totals, expected);
    assert_eq!(all(store.campaign_metrics.drift().await).await, []);
}

/// Adds one row for each value that is no id, and gives the `_id`s.
async fn add_others(database: &TestDatabase, id: CampaignId) -> Vec<ObjectId> {
    let rows = database.collection("email_tracking").await;
    let row = rows.find_one(doc! {}).await.expect("a row").expect("a row");
    let mut ids = Vec::new();
    for (n, value) in others(id.as_uuid()).into_iter().enumerate() {
        let mut row: Document = row.clone();
        let id = ObjectId::from_bytes([u8::try_from(n).expect("few"); 12]);
        ids.push(id);
        row.insert("_id", id);
        row.insert("tracking_id", Uuid::from_u128(n as u128).to_string());
        row.remove("campaign_id");
        row.extend(value.map(|id| ("campaign_id".to_owned(), id)));
        rows.insert_one(&row).await.expect("an insert");
    }
    ids
}

#[tokio::test]
async fn rows_of_no_campaign_are_counted_named_and_passed_over() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, other] = campaigns(&store).await;
    let ids = add_others(&database, one.id).await;
    tamper(&database, one.id, doc! { "total_sent": 7 }).await;
    let mut named = Vec::new();
    let mut drifts = Vec::new();
    let mut drift = store.campaign_metrics.drift().await.expect("a stream");
    while let Some(item) = drift.next().await {
        match item {
            Ok(drift) => drifts.push(drift.campaign_id),
            Err(Error::Corrupt { collection: Collection::EmailTracking, id, path, .. }) => {
                assert_eq!(path, "campaign_id");
                named.push(id);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(drifts, [one.id]);
    assert_eq!(sorted(named), sorted(ids.iter().map(ToString::to_string).collect()));
    let progress = all(store.campaign_metrics.recount_all().await).await;
    let last: &RecountProgress = progress.last().expect("a report");
    assert_eq!((last.checked, last.corrected, last.unreadable), (2, 1, 0));
    assert_eq!(last.unattributed, ids.len() as u64);
    let named = sorted(last.first_unattributed.clone());
    assert_eq!(named, sorted(ids.iter().map(ToString::to_string).collect()));
    for id in [one.id, other.id] {
        assert_eq!(metrics(&store, id).await.totals, right());
        assert_eq!(store.campaign_metrics.recount(id).await.expect("the metrics").totals, right());
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn an_event_finds_its_row_by_every_spelling_of_its_id() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [campaign, _] = campaigns(&store).await;
    let rows = database.collection("email_tracking").await;
    let some_id = CampaignId::new_at(contract::start()).as_uuid();
    for n in 0..spellings(some_id).len() {
        let recipient = format!("spelled{n}@example.com");
        let send = NewSend::new(
            &campaign,
            &contract::sender_of(&campaign, "ada@work.example"),
            recipient,
            contract::start(),
        )
        .expect("valid");
        store.email_tracking.record_sends(vec![send.clone()]).await.expect("the outcomes");
        let of_row = doc! { "tracking_id": send.id().to_string() };
        let id = spellings(send.id().as_uuid()).swap_remove(n);
        let update = doc! { "$set": { "tracking_id": &id } };
        rows.update_one(of_row, update).await.expect("an update");
        let event = || vec![TrackingEvent::opened(send.id(), contract::start())];
        let outcomes = store.email_tracking.record_events(event()).await;
        assert_eq!(outcomes, Ok(vec![EventOutcome::First]), "{id}");
        let row = store.email_tracking.get(send.id()).await.expect("a look-up").expect("the row");
        assert_eq!((row.id, row.opens), (send.id(), 1), "{id}");
    }
    let filter = TrackingFilter::campaign(campaign.id).state(Signal::Opened);
    let opened: Vec<_> =
        store.email_tracking.stream(&filter).await.expect("a stream").try_collect().await.expect("rows");
    assert_eq!(opened.len(), 9);
    assert_eq!(all(store.campaign_metrics.drift().await).await, []);
}
