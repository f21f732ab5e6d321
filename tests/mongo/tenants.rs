//! Within a user: what the server is asked, and what other programs wrote.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use bson::{Bson, Document, doc};
use campaign_store::{
    Campaign, Collection, Drift, Error, NewUser, Provider, Repositories, SendOutcome, Store, TrackingEvent,
    UserId, contract,
};
use campaign_store::{CampaignDuration, NewCampaign, NewMailbox, NewSend};
use futures_util::TryStreamExt;

use super::query_plans::{ask_everything, command_in, populate, profile, shape_of};
use super::recounts::{all, metrics, tamper};
use crate::support::database::TestDatabase;

/// The commands without the id of the user, and why they need none. All are in a call that has found the campaign
/// or the rows by the user's id.
const WITHOUT: [(&str, &str); 5] = [
    (
        "find campaign_metrics filter: {campaign_id {$in []}}",
        "metrics that cannot be read do not say whose they are",
    ),
    ("find campaign_metrics filter: {campaign_id }", "the metrics of a campaign that is recounted"),
    ("aggregate email_tracking pipeline: [{$match {campaign_id {$in []}}}]", "its rows are counted"),
    ("find email_tracking filter: {tracking_id {$in []}}", "tracking ids are unique over all users"),
    ("update campaign_metrics updates: [{q {_id } u [{$", "the metrics that were just found"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_the_user_is_in_the_filters() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    let people = populate(&mongo.system()).await.expect("valid inputs");
    let driver = database.driver().await;
    profile(&driver).await;
    let one = people.get(1..2).expect("there are people");
    let id = one.first().expect("one of them").0.id;
    ask_everything(&mongo.of(id), one).await.expect("valid inputs");
    driver.run_command(doc! { "profile": 0 }).await.expect("the profiler stops");

    let profile = driver.collection::<Document>("system.profile").find(doc! {}).await.expect("a profile");
    let entries: Vec<_> = profile.try_collect().await.expect("its entries");
    let id = Bson::from(id.as_object_id()).to_string();
    let (mut with, mut without) = (0, Vec::new());
    for command in entries.iter().filter_map(command_in) {
        let collection = command.values().next().and_then(Bson::as_str).expect("the name of a collection");
        if Collection::BOOKKEEPING.iter().any(|other| other.name() == collection) {
            continue;
        }
        if Bson::Document(command.clone()).to_string().contains(&id) {
            with += 1;
        } else {
            without.push(shape_of(&command));
        }
    }
    assert!(with > 500, "only {with} commands");
    without.sort();
    without.dedup();
    without.retain(|shape| !WITHOUT.iter().any(|(prefix, _)| shape.starts_with(prefix)));
    assert!(without.is_empty(), "{without:#?}");
}

/// A user with a campaign and one e-mail.
struct Tenant {
    id: UserId,
    campaign: Campaign,
    within: Repositories,
}

impl Tenant {
    async fn new(store: &impl Store, name: &str) -> Self {
        let all = store.system();
        let user = all.users.create(NewUser::new(name, name).expect("valid")).await.expect("a user");
        let mailbox =
            NewMailbox::new(user.id, format!("{name}@work.example"), Provider::Gmail).expect("valid");
        let mailbox = all.mailboxes.link(mailbox).await.expect("a mailbox");
        let (start, day) = (contract::start(), CampaignDuration::hours(24.0).expect("valid"));
        let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers.", start, day);
        let campaign = all.campaigns.create(new.expect("valid")).await.expect("a campaign");
        all.email_tracking.record_sends(vec![send(&campaign, "bob")]).await.expect("the outcomes");
        Self { id: user.id, campaign, within: store.of(user.id) }
    }
}

fn send(campaign: &Campaign, name: &str) -> NewSend {
    let sender = contract::sender_of(campaign, "a@work.example");
    NewSend::new(campaign, &sender, format!("{name}@example.com"), contract::start()).expect("valid")
}

async fn opened() -> (TestDatabase, Repositories, Tenant, Tenant) {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let (ada, eve) = (Tenant::new(&store, "ada").await, Tenant::new(&store, "eve").await);
    (database, store.system(), ada, eve)
}

#[tokio::test]
async fn metrics_that_do_not_say_whose_they_are_harm_their_own_campaign_alone() {
    let (database, store, ada, eve) = opened().await;
    tamper(&database, ada.campaign.id, doc! { "user_id": "nobody" }).await;
    let sends = || vec![send(&eve.campaign, "carol"), send(&ada.campaign, "carol")];
    let outcomes = eve.within.email_tracking.record_sends_each(sends()).await;
    assert_eq!(outcomes, [Ok(SendOutcome::Recorded), Ok(SendOutcome::UnknownCampaign)]);
    let outcomes = ada.within.email_tracking.record_sends_each(sends()).await;
    assert_eq!(outcomes.first(), Some(&Ok(SendOutcome::UnknownCampaign)));
    assert!(matches!(outcomes.get(1), Some(Err(Error::Corrupt { .. }))), "{outcomes:?}");

    let id = ada.campaign.id;
    let missing = Error::not_found(Collection::Campaigns, id);
    assert_eq!(eve.within.campaign_metrics.recount(id).await, Err(missing));
    assert!(store.campaign_metrics.get(id).await.is_err(), "a stranger corrects nothing");
    let corrected = ada.within.campaign_metrics.recount(id).await.expect("the metrics");
    assert_eq!((corrected.user_id, corrected.totals.sent), (ada.id, 1));
    assert_eq!(ada.within.campaign_metrics.get(id).await, Ok(Some(corrected)));
}

#[tokio::test]
async fn a_user_recounts_its_own_campaigns() {
    let (database, store, ada, eve) = opened().await;
    for tenant in [&ada, &eve] {
        tamper(&database, tenant.campaign.id, doc! { "total_opened": 1_i64 }).await;
    }
    let drifted = |drifts: Vec<Drift>| drifts.iter().map(|drift| drift.campaign_id).collect::<Vec<_>>();
    let metrics_of_all = &store.campaign_metrics;
    let drifts = drifted(all(ada.within.campaign_metrics.drift().await).await);
    assert_eq!(drifts, [ada.campaign.id]);
    let reports = all(ada.within.campaign_metrics.recount_all().await).await;
    assert_eq!(reports.last().map(|report| (report.checked, report.corrected)), Some((1, 1)));
    assert_eq!(drifted(all(metrics_of_all.drift().await).await), [eve.campaign.id]);
}

/// A row of Ada that names a campaign of Eve.
#[tokio::test]
async fn a_row_of_another_campaign_is_the_campaigns() {
    let (database, store, ada, eve) = opened().await;
    let rows = database.collection("email_tracking").await;
    let set = doc! { "$set": { "campaign_id": eve.campaign.id.to_string() } };
    rows.update_one(doc! { "user_id": ada.id.as_object_id() }, set).await.expect("an update");
    let before = metrics(&store, eve.campaign.id).await;
    // Hers is the row, and not the campaign.
    let id = send(&ada.campaign, "bob").id();
    ada.within
        .email_tracking
        .record_events(vec![TrackingEvent::opened(id, contract::start())])
        .await
        .expect("ok");
    all(ada.within.campaign_metrics.recount_all().await).await;
    let drifts = all(ada.within.campaign_metrics.drift().await).await;
    assert_eq!(drifts, []);
    assert_eq!(metrics(&store, eve.campaign.id).await, before);
    // Every recount of the campaign counts it, within its user and over all.
    let corrected = eve.within.campaign_metrics.recount(eve.campaign.id).await.expect("the metrics");
    assert_eq!((corrected.totals.sent, corrected.totals.opened), (2, 1));
    assert_eq!(store.campaign_metrics.recount(eve.campaign.id).await, Ok(corrected));
}

#[tokio::test]
async fn a_user_removes_no_mark_of_another() {
    let (database, store, ada, eve) = opened().await;
    let marks = database.collection("recount_marks").await;
    let mark = |tenant: &Tenant| doc! { "_id": format!("{}/1", tenant.campaign.id) };
    marks.insert_many([mark(&ada), mark(&eve)]).await.expect("new marks");
    let reports = all(ada.within.campaign_metrics.recount_all().await).await;
    assert_eq!(reports.last().map(|report| report.checked), Some(1));
    let left: Vec<Document> = marks.find(doc! {}).await.expect("a find").try_collect().await.expect("marks");
    assert_eq!(left, [mark(&eve)]);
    all(store.campaign_metrics.recount_all().await).await;
    assert_eq!(marks.count_documents(doc! {}).await.expect("a count"), 0);
}
