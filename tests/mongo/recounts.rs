//! Metrics that somebody changed by hand, or that are stale because a process died.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use bson::{Document, doc};
use campaign_store::{
    Campaign, CampaignDuration, CampaignId, CampaignMetrics, Drift, MetricsFilter, NewCampaign, NewMailbox,
    NewSend, NewUser, Provider, Rates, RecordStream, Repositories, SeriesStep, Signal, Totals, TrackingEvent,
    Warning, contract,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;

use crate::support::database::TestDatabase;

/// Two campaigns with two e-mails each, one of them opened.
pub(crate) async fn campaigns(store: &Repositories) -> [Campaign; 2] {
    let user = store.users.create(NewUser::new("Ada", "ada").expect("valid")).await.expect("a user");
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("valid");
    let mailbox = store.mailboxes.link(mailbox).await.expect("a mailbox");
    let (start, day) = (contract::start(), CampaignDuration::hours(24.0).expect("valid"));
    let mut campaigns = Vec::new();
    for _ in 0..2 {
        let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers.", start, day);
        let campaign = store.campaigns.create(new.expect("valid")).await.expect("a campaign");
        let sends = ["bob", "eve"].map(|name| {
            NewSend::new(
                &campaign,
                &contract::sender_of(&campaign, "ada@work.example"),
                format!("{name}@example.com"),
                start,
            )
            .expect("valid")
        });
        let open = TrackingEvent::opened(sends[0].id(), start);
        store.email_tracking.record_sends(sends.into()).await.expect("the outcomes");
        store.email_tracking.record_events(vec![open]).await.expect("the outcomes");
        campaigns.push(campaign);
    }
    campaigns.try_into().expect("two campaigns")
}

pub(crate) fn right() -> Totals {
    let mut totals = Totals::default();
    (totals.sent, totals.delivered, totals.opened) = (2, 1, 1);
    totals
}

pub(crate) async fn metrics(store: &Repositories, id: CampaignId) -> CampaignMetrics {
    store.campaign_metrics.get(id).await.expect("a look-up").expect("the metrics")
}

pub(crate) async fn all<T>(stream: campaign_store::Result<RecordStream<T>>) -> Vec<T> {
    stream.expect("a stream").try_collect().await.expect("no error")
}

/// Sets fields of the metrics of a campaign.
pub(crate) async fn tamper(database: &TestDatabase, id: CampaignId, set: Document) {
    let metrics = database.collection("campaign_metrics").await;
    let update = metrics.update_one(doc! { "campaign_id": id.to_string() }, doc! { "$set": set }).await;
    assert_eq!(update.expect("an update").modified_count, 1);
}

#[tokio::test]
async fn changed_metrics_are_reported_and_put_right() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, other] = campaigns(&store).await;
    let untouched = metrics(&store, other.id).await;
    assert_eq!(untouched.totals, right());
    for set in [doc! { "total_opened": 0 }, doc! { "total_sent": 7_i64, "total_replied": 1.0 }] {
        tamper(&database, one.id, set).await;
        let wrong = metrics(&store, one.id).await;
        let drift: Vec<Drift> = all(store.campaign_metrics.drift().await).await;
        let [drift] = drift[..] else { panic!("one campaign is wrong: {drift:?}") };
        assert_eq!((drift.campaign_id, drift.stored, drift.counted), (one.id, Some(wrong.totals), right()));
        assert_eq!(metrics(&store, one.id).await, wrong, "a report writes nothing");
        let progress = all(store.campaign_metrics.recount_all().await).await;
        assert_eq!(progress.iter().map(|now| (now.checked, now.corrected)).collect::<Vec<_>>(), [(2, 1)]);
        let healed = metrics(&store, one.id).await;
        assert_eq!((healed.totals, healed.rates), (right(), Rates::of(&right())));
        assert!(healed.last_updated > wrong.last_updated);
        assert_eq!(metrics(&store, other.id).await, untouched);
    }
}

#[tokio::test]
async fn wrong_rates_are_put_right() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, _] = campaigns(&store).await;
    tamper(&database, one.id, doc! { "open_rate": 12.5 }).await;
    let healed = store.campaign_metrics.recount(one.id).await.expect("the metrics");
    assert_eq!(healed.rates, Rates::of(&right()));
    assert_eq!(metrics(&store, one.id).await, healed);
}

#[tokio::test]
async fn missing_metrics_are_made_and_rows_without_a_campaign_are_reported() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, orphaned] = campaigns(&store).await;
    let metrics_of = database.collection("campaign_metrics").await;
    metrics_of.delete_many(doc! {}).await.expect("a removal");
    let of_orphan = doc! { "campaign_id": orphaned.id.to_string() };
    database.collection("campaigns").await.delete_one(of_orphan).await.expect("a removal");
    let drift = all(store.campaign_metrics.drift().await).await;
    assert!(drift.iter().all(|drift| drift.stored.is_none() && drift.counted == right()));
    assert_eq!(drift.len(), 2);
    let progress = all(store.campaign_metrics.recount_all().await).await;
    assert_eq!(progress.iter().map(|now| (now.checked, now.corrected)).collect::<Vec<_>>(), [(2, 1)]);
    assert_eq!(metrics(&store, one.id).await.totals, right());
    let drift: Vec<_> = all(store.campaign_metrics.drift().await).await;
    assert_eq!(drift.iter().map(|drift| drift.campaign_id).collect::<Vec<_>>(), [orphaned.id]);
}

#[tokio::test]
async fn metrics_of_rows_that_are_gone_become_zeros() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, other] = campaigns(&store).await;
    let rows = database.collection("email_tracking").await;
    rows.delete_many(doc! { "campaign_id": one.id.to_string() }).await.expect("a removal");
    all(store.campaign_metrics.recount_all().await).await;
    assert_eq!(metrics(&store, one.id).await.totals, Totals::default());
    assert_eq!(metrics(&store, other.id).await.totals, right());
}

#[tokio::test]
async fn a_recount_removes_the_marks_of_version_0_1_and_until_then_there_is_a_warning() {
    for all_at_once in [false, true] {
        let database = TestDatabase::new();
        let mongo = database.provisioned().await;
        assert_eq!(mongo.warnings(), []);
        let store = mongo.system();
        let [one, other] = campaigns(&store).await;
        let marks = database.collection("recount_marks").await;
        let created_at = bson::DateTime::from(contract::start());
        let mark = |id: String| doc! { "_id": id, "created_at": created_at };
        let both = [&one, &one, &other].into_iter().enumerate();
        let ids = both.map(|(n, campaign)| format!("{}/{n:024}", campaign.id));
        marks.insert_many(ids.map(mark)).await.expect("marks");
        let warnings = database.connect().await.warnings().to_vec();
        assert!(matches!(warnings[..], [Warning::MarkedCampaigns { campaigns: 2, .. }]), "{warnings:?}");
        if all_at_once {
            all(store.campaign_metrics.recount_all().await).await;
        } else {
            store.campaign_metrics.recount(one.id).await.expect("metrics");
            assert_eq!(marks.count_documents(doc! {}).await.expect("a count"), 1);
            store.campaign_metrics.recount(other.id).await.expect("metrics");
        }
        assert_eq!(marks.count_documents(doc! {}).await.expect("a count"), 0);
        assert_eq!(database.connect().await.warnings(), []);
    }
}

/// 350,000 ids are more than the 16 MiB of one command.
#[tokio::test]
async fn totals_and_series_of_very_many_campaigns_are_asked_in_parts() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let [one, other] = campaigns(&store).await;
    let unknown = (0..350_000_u128).map(|n| CampaignId::from(uuid::Uuid::from_u128(n)));
    let many = MetricsFilter::campaigns([one.id, other.id].into_iter().chain(unknown).chain([one.id]));
    assert_eq!(store.campaign_metrics.totals(&many).await.expect("totals").totals.sent, 4);
    let around = contract::start() - TimeDelta::days(1)..contract::start() + TimeDelta::days(1);
    let series = store.campaign_metrics.series(&many, Signal::Opened, SeriesStep::Day, around).await;
    assert_eq!(series.expect("a series").iter().map(|point| point.count).sum::<u64>(), 2);
}
