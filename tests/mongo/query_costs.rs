//! The cost of every query is bounded by what it returns, however many other documents there are: the tests
//! count the keys and documents that the server looked at.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use bson::{Document, RawDocumentBuf, doc};
use campaign_store::{
    CampaignFilter, MetricsFilter, PageRequest, Repositories, Result, TrackingFilter, User, UserId,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use mongodb::Database;

use super::query_plans::{
    ask_campaigns, ask_clerk, ask_mailboxes, ask_tracking, ask_users, command_in, populate, profile, read,
    shape_of,
};
use crate::support::database::TestDatabase;

/// Rows beside those that are asked for.
const ROWS: usize = 300_000;
/// Campaigns, metrics, mailboxes and users beside those that are asked for.
const OTHERS: usize = 3_000;

/// The queries that may look at more, each as a part of its shape and the reason.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("aggregate ", "it sums up what it looks at"),
    ("end_time", "the campaigns that have expired are completed by status"),
    ("recipient_email {$in", "a suppression looks at all e-mails to the recipients"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_look_at_about_what_they_return() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    let store = mongo.system();
    let driver = database.driver().await;
    let people = populate(&store).await.expect("valid inputs");
    let (user, mailbox) = people.first().expect("there are people");
    crowd(&store, &driver, user).await;
    profile(&driver).await;
    ask_clerk(&store).await.expect("valid inputs");
    for store in [store, mongo.of(user.id)] {
        ask_users(&store, user).await.expect("valid inputs");
        ask_mailboxes(&store, user, mailbox).await.expect("valid inputs");
        ask_campaigns(&store, user, mailbox).await.expect("valid inputs");
        ask_metrics(&store, user).await.expect("valid inputs");
        ask_tracking(&store, user).await.expect("valid inputs");
    }
    driver.run_command(doc! { "profile": 0 }).await.expect("the profiler stops");

    let profile = driver.collection::<Document>("system.profile").find(doc! {}).await.expect("a profile");
    let entries: Vec<_> = profile.try_collect().await.expect("its entries");
    let (mut checked, mut costly) = (0, Vec::new());
    for entry in &entries {
        let Some(command) = command_in(entry) else { continue };
        let shape = shape_of(&command);
        let filter = command.get("filter").map(ToString::to_string).unwrap_or_default();
        if EXCEPTIONS.iter().any(|(part, _)| shape.contains(part)) {
            continue;
        }
        // Of a state alone, without a campaign or a user, no list is in order.
        if filter.contains("$or") && !filter.contains("campaign_id") && !filter.contains("user_id") {
            continue;
        }
        let number = |name| entry.get(name).and_then(|n| n.as_i64().or(n.as_i32().map(i64::from)));
        let found = ["nreturned", "nMatched", "ndeleted"].into_iter().filter_map(number).sum::<i64>();
        // Each value in a list takes a look of its own.
        let listed = i64::try_from(filter.matches(',').count()).expect("a short filter");
        let bound = 100 + 4 * found + 2 * listed;
        checked += 1;
        for name in ["keysExamined", "docsExamined"] {
            let examined = number(name).unwrap_or_default();
            if examined > bound {
                costly.push(format!("{name} {examined} for {found}: {shape}"));
            }
        }
    }
    costly.sort();
    costly.dedup();
    assert!(costly.is_empty(), "{costly:#?}");
    assert!(checked > 500, "only {checked} queries");
}

/// Adds what the queries must pass over: rows of the same campaign and user without any rare event, and records
/// of others.
async fn crowd(store: &Repositories, driver: &Database, user: &User) {
    let all = PageRequest::default();
    let campaigns = store.campaigns.list(&CampaignFilter::user(user.id), &all).await.expect("a page").items;
    let campaign = campaigns.first().expect("a campaign");
    let of_campaign = doc! { "campaign_id": campaign.id.to_string() };
    let row = driver.collection::<Document>("email_tracking").find_one(of_campaign.clone()).await;
    let row = row.expect("a look-up").expect("a row");
    let other = UserId::new().as_object_id();
    let rows = (0..ROWS).map(|n| {
        let mut row = row.clone();
        row.insert("tracking_id", format!("0191d2a5-6d9c-7cc0-a1f3-{n:012}"));
        row.insert("recipient_email", format!("crowd{n}@example.com"));
        // States that many rows have by nature; the others are rare.
        for time in ["delivered_at", "opened_at", "clicked_at"] {
            row.insert(time, bson::DateTime::from_chrono(campaign.start_time));
        }
        if n % 2 == 0 {
            row.insert("user_id", other);
            row.insert("campaign_id", format!("0191d2a5-6d9c-7cc0-a1f4-{:012}", n % 100));
        }
        row
    });
    add(driver, "email_tracking", rows).await;
    for name in ["users", "mailboxes", "campaigns", "campaign_metrics"] {
        let pattern = driver.collection::<Document>(name).find_one(doc! {}).await;
        let pattern = pattern.expect("a look-up").expect("a document");
        let documents = (0..OTHERS).map(|n| {
            let mut document = pattern.clone();
            for key in ["login_id", "clerk_user_id", "email"] {
                if document.contains_key(key) {
                    document.insert(key, format!("crowd{n}"));
                }
            }
            if document.contains_key("campaign_id") {
                document.insert("campaign_id", format!("0191d2a5-6d9c-7cc0-a1f5-{n:012}"));
            }
            for (key, value) in [("user_id", other), ("mailbox_id", other)] {
                if document.contains_key(key) {
                    document.insert(key, value);
                }
            }
            if name == "campaigns" {
                document.insert("status", "completed");
            }
            document.insert("is_primary", false);
            document
        });
        add(driver, name, documents).await;
    }
}

async fn add(driver: &Database, name: &str, documents: impl Iterator<Item = Document>) {
    let collection = driver.collection::<RawDocumentBuf>(name);
    let mut documents = documents.map(|mut document| {
        document.insert("_id", UserId::new().as_object_id());
        RawDocumentBuf::try_from(&document).expect("a document")
    });
    loop {
        let batch: Vec<_> = documents.by_ref().take(10_000).collect();
        if batch.is_empty() {
            return;
        }
        collection.insert_many(batch).await.expect("new documents");
    }
}

async fn ask_metrics(store: &Repositories, user: &User) -> Result<()> {
    let metrics = &store.campaign_metrics;
    let mine = metrics.list(&MetricsFilter::user(user.id), &PageRequest::default()).await?;
    let mine = mine.items.first().expect("a campaign");
    metrics.get(mine.campaign_id).await?;
    let created = mine.created_at..mine.created_at + TimeDelta::milliseconds(1);
    for filter in [
        MetricsFilter::all(),
        MetricsFilter::user(user.id),
        MetricsFilter::mailbox(mine.mailbox_id),
        MetricsFilter::campaigns([mine.campaign_id]),
        MetricsFilter::user(user.id).created(created),
    ] {
        let no_stream = Box::pin(futures_util::stream::empty());
        read(async |page| metrics.list(&filter, &page).await, no_stream).await?;
    }
    let tracking = &store.email_tracking;
    let rows = tracking.list(&TrackingFilter::campaign(mine.campaign_id), &PageRequest::default()).await?;
    assert_eq!(rows.items.len(), 50);
    Ok(())
}
