//! The stored form and the form for an API, pinned document by document in `tests/golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test --test mongo stored_form` rewrites the files: review the change.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::collections::HashMap;
use std::path::PathBuf;

use campaign_store::{
    BounceKind, Campaign, CampaignDuration, CampaignId, ClerkUser, Clock, MailboxStatus, NewCampaign,
    NewMailbox, NewSend, NewUser, Provider, Repositories, SystemClock, TrackingEvent, TrackingId,
    UserProfile, contract,
};
use chrono::TimeDelta;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::database::TestDatabase;

#[tokio::test]
async fn users_are_stored_as_the_schema_says() {
    let (database, store) = open().await;
    let minimal = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let clerk = ClerkUser::new("user_2f", "Grâce", "Grace@Example.com", contract::start())
        .unwrap()
        .email("grace@example.com");
    let full = store.users.upsert_from_clerk(clerk.unwrap()).await.unwrap().into_user().unwrap();
    database.clock.advance(TimeDelta::hours(1));
    let full = store.users.record_login(full.id).await.unwrap();
    for (kind, user) in [("minimal", &minimal), ("full", &full)] {
        let names = [("user", user.id.to_string())];
        check(&database, "users", kind, user.id.as_object_id(), user, &names).await;
    }
}

#[tokio::test]
async fn mailboxes_are_stored_as_the_schema_says() {
    let (database, store) = open().await;
    let user = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let profile =
        json!({ "name": "Ada", "locale": null, "ids": [1, -2.5, "x"], "@odata.context": { "a.b": "$x" } });
    let profile = UserProfile::new(profile.as_object().unwrap().clone()).unwrap();
    let new = NewMailbox::new(user.id, "Ada@Work.Example", Provider::Outlook).unwrap().user_profile(profile);
    let full = store.mailboxes.link(new).await.unwrap();
    let new = NewMailbox::new(user.id, "ada@lab.example", Provider::new("Fastmail").unwrap()).unwrap();
    let minimal = store.mailboxes.link(new).await.unwrap();
    store.mailboxes.set_status(full.id, MailboxStatus::Error).await.unwrap();
    let full = store.mailboxes.touch(full.id).await.unwrap();
    for (kind, mailbox) in [("minimal", &minimal), ("full", &full)] {
        let names = [("mailbox", mailbox.id.to_string()), ("owner", user.id.to_string())];
        check(&database, "mailboxes", kind, mailbox.id.as_object_id(), mailbox, &names).await;
    }
}

#[tokio::test]
async fn campaigns_and_their_metrics_are_stored_as_the_schema_says() {
    let (database, store) = open().await;
    let minimal = campaign(&store, ["ada", "ada"], 24.0).await;
    let full = campaign(&store, ["alan", "grace"], 1.5).await;
    store.campaigns.add_recipients(full.id, 250.into()).await.unwrap();
    // What events will count, each number another one, so that none can take another's place.
    let totals = doc! {
        "total_sent": 99, "total_delivered": 80, "total_opened": 40, "total_clicks": 20, "total_bounced": 5,
        "total_replied": 10, "total_unsubscribed": 3,
    };
    let metrics = database.collection("campaign_metrics").await;
    let of_full = doc! { "campaign_id": full.id.to_string() };
    metrics.update_one(of_full, doc! { "$set": totals }).await.unwrap();
    let send =
        NewSend::new(&full, &contract::sender_of(&full, "a@work.example"), "b@example.com", full.start_time)
            .unwrap();
    store.email_tracking.record_sends(vec![send]).await.unwrap();
    let full = store.campaigns.start(full.id).await.unwrap();
    for (kind, campaign) in [("minimal", &minimal), ("full", &full)] {
        let names = names_in(campaign);
        let id = row_of(&database, "campaigns", campaign.id).await;
        check(&database, "campaigns", kind, id, campaign, &names).await;
        let metrics = store.campaign_metrics.get(campaign.id).await.unwrap().unwrap();
        check(&database, "campaign_metrics", kind, metrics.id.as_object_id(), &metrics, &names).await;
    }
}

#[tokio::test]
async fn emails_are_stored_as_the_schema_says() {
    let (database, store) = open().await;
    let campaign = campaign(&store, ["ada", "ada"], 24.0).await;
    let at = campaign.start_time;
    let new = |n: u128| {
        let send =
            NewSend::new(&campaign, &contract::sender_of(&campaign, "a@work.example"), "b@example.com", at)
                .unwrap();
        send.tracking_id(TrackingId::from(Uuid::from_u128(n)))
    };
    let named =
        new(2).recipient_name("Bób").unwrap().subject("Hello Bób").unwrap().message("a\r\nb").unwrap();
    store.email_tracking.record_sends(vec![new(1), named]).await.unwrap();
    let later = |hours| at + TimeDelta::hours(hours);
    let id = Uuid::from_u128(2).into();
    let opened = TrackingEvent::opened(id, later(2));
    let clicked = TrackingEvent::clicked(id, later(3));
    let events = vec![
        TrackingEvent::delivered(id, later(1)),
        opened.clone(),
        opened.clone(),
        opened,
        clicked.clone(),
        clicked,
        TrackingEvent::replied(id, later(4)),
        TrackingEvent::bounced(id, later(6), BounceKind::Hard, Some("550 mailbox full")).unwrap(),
        TrackingEvent::unsubscribed(id, later(5)).provider_event_id("evt-1").unwrap(),
    ];
    store.email_tracking.record_events(events).await.unwrap();
    let receipts = database.collection("event_receipts").await;
    let receipt = receipts.find_one(doc! {}).await.unwrap().unwrap();
    // The first 16 bytes of the SHA-256 of the tracking id's bytes and the provider's id.
    let hash = uuid::uuid!("4ee2cf99-20f2-7c8c-2051-3de7c4985a18").into_bytes();
    assert_eq!(receipt.get_binary_generic("_id").unwrap(), &hash);
    let lifetime =
        receipt.get_datetime("expires_at").unwrap().timestamp_millis() - SystemClock.now().timestamp_millis();
    let week = TimeDelta::days(7).num_milliseconds();
    assert!((week - 3_600_000..=week).contains(&lifetime), "{lifetime}");
    let rows = database.collection("email_tracking").await;
    for (kind, n) in [("minimal", 1), ("full", 2)] {
        let id = TrackingId::from(Uuid::from_u128(n));
        let row = store.email_tracking.get(id).await.unwrap().unwrap();
        let found = rows.find_one(doc! { "tracking_id": id.to_string() }).await.unwrap().unwrap();
        let names = names_in(&campaign);
        check(&database, "email_tracking", kind, found.get_object_id("_id").unwrap(), &row, &names).await;
    }
}

async fn open() -> (TestDatabase, Repositories) {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    (database, store)
}

/// A campaign of the user `owner`, created by the user `creator`.
async fn campaign(store: &Repositories, [owner, creator]: [&str; 2], hours: f64) -> Campaign {
    let user = store.users.create(NewUser::new("Ada", owner).expect("a user")).await.expect("a new user");
    let creator = match creator {
        creator if creator == owner => user.id,
        creator => {
            let creator = NewUser::new("Grace", creator).expect("a user");
            store.users.create(creator).await.expect("a new user").id
        }
    };
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("a mailbox");
    let mailbox = store.mailboxes.link(mailbox).await.expect("a new mailbox");
    let start = contract::start() + TimeDelta::hours(1);
    let duration = CampaignDuration::hours(hours).expect("a duration");
    let text = "Dear all,\r\n\r\nflowers are out 🌷.";
    let new = NewCampaign::new(user.id, mailbox.id, "Frühling", "Hello", text, start, duration);
    store.campaigns.create(new.expect("a campaign").created_by(creator)).await.expect("a new campaign")
}

/// The ids that belong to a campaign, by what they are of.
fn names_in(campaign: &Campaign) -> [(&'static str, String); 4] {
    [
        ("creator", campaign.created_by.to_string()),
        ("owner", campaign.user_id.to_string()),
        ("mailbox", campaign.mailbox_id.to_string()),
        ("campaign", campaign.id.to_string()),
    ]
}

async fn row_of(database: &TestDatabase, collection: &str, id: CampaignId) -> ObjectId {
    let row = database.collection(collection).await.find_one(doc! { "campaign_id": id.to_string() }).await;
    row.expect("an answer").expect("the row").get_object_id("_id").expect("an ObjectId")
}

/// Compares a stored document and the public form of its record with their golden files, in which
/// `names` stand for ids that differ from run to run.
async fn check(
    database: &TestDatabase,
    collection: &str,
    kind: &str,
    id: ObjectId,
    record: &impl Serialize,
    names: &[(&str, String)],
) {
    let stored: Document = database
        .collection(collection)
        .await
        .find_one(doc! { "_id": id })
        .await
        .expect("an answer")
        .expect("the document");
    let stored = Bson::Document(stored).into_canonical_extjson();
    let public = serde_json::to_value(record).expect("records serialise");
    let names = names.iter().map(|(name, id)| (id.as_str(), *name)).collect();
    compare(&format!("{collection}.{kind}.json"), stored, &names);
    compare(&format!("{collection}.{kind}.public.json"), public, &names);
}

fn compare(name: &str, mut found: Value, names: &HashMap<&str, &str>) {
    replace_ids(&mut found, names);
    let found = serde_json::to_string_pretty(&found).expect("a value can be written") + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, found, "{name} differs");
}

/// Puts names in the place of ids; an id without one is the document's own.
fn replace_ids(value: &mut Value, names: &HashMap<&str, &str>) {
    match value {
        Value::String(text) if is_generated(text) => {
            *text = format!("<{}>", names.get(text.as_str()).unwrap_or(&"own id"));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace_ids(value, names)),
        Value::Object(map) => map.values_mut().for_each(|value| replace_ids(value, names)),
        _ => {}
    }
}

/// An `ObjectId`, or a UUID of version 7.
fn is_generated(text: &str) -> bool {
    text.parse::<ObjectId>().is_ok() || Uuid::parse_str(text).is_ok_and(|id| id.get_version_num() == 7)
}
