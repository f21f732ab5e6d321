//! Streams: what the server holds for them, and what they pass over.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::collections::BTreeSet;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use campaign_store::{
    Campaign, CampaignDuration, MongoOptions, MongoStore, NewCampaign, NewMailbox, NewSend, NewUser,
    Provider, Repositories, TrackingFilter, TrackingId, UserId, contract,
};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::Database;
use uuid::Uuid;

use crate::errors::fail_point::{Failures, with_app_name};
use crate::support::database::TestDatabase;
use crate::support::server;

async fn campaign(store: &Repositories) -> Campaign {
    let user = store.users.create(NewUser::new("Ada", "ada").expect("a name")).await.expect("a user");
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("an address");
    let mailbox = store.mailboxes.link(mailbox).await.expect("a mailbox");
    let day = CampaignDuration::hours(24.0).expect("a duration");
    let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "…", contract::start(), day);
    store.campaigns.create(new.expect("a campaign")).await.expect("a campaign")
}

/// A stored row of the campaign, as a pattern for many.
async fn row_of(store: &Repositories, driver: &Database, campaign: &Campaign) -> Document {
    let send = NewSend::new(
        campaign,
        &contract::sender_of(campaign, "ada@work.example"),
        "bob@example.com",
        contract::start(),
    );
    store.email_tracking.record_sends(vec![send.expect("addresses")]).await.expect("a row");
    let row = driver.collection::<Document>("email_tracking").find_one_and_delete(doc! {}).await;
    row.expect("a look-up").expect("the row")
}

/// Adds rows with these `_id`s.
async fn add(driver: &Database, row: &Document, ids: impl IntoIterator<Item = Bson>) {
    let rows = ids.into_iter().enumerate().map(|(n, id)| {
        let mut row = row.clone();
        row.insert("_id", id);
        row.insert("tracking_id", Uuid::new_v4().to_string());
        row.insert("recipient_email", format!("r{n}@example.com"));
        RawDocumentBuf::try_from(&row).expect("a document")
    });
    let collection = driver.collection::<RawDocumentBuf>("email_tracking");
    collection.insert_many(rows).await.expect("new rows");
}

fn object_ids(n: usize) -> impl Iterator<Item = Bson> {
    (0..n).map(|_| UserId::new().as_object_id().into())
}

/// Ends what the server holds for idle readers of the database, as it does after a time.
async fn end_idle_cursors(driver: &Database) -> usize {
    let admin = driver.client().database("admin");
    let stages = [
        doc! { "$currentOp": { "allUsers": true, "idleCursors": true } },
        doc! { "$match": { "type": "idleCursor", "ns": { "$regex": format!("^{}\\.", driver.name()) } } },
    ];
    let idle: Vec<_> = admin.aggregate(stages).await.expect("operations").try_collect().await.expect("them");
    for cursor in &idle {
        let id = cursor.get_document("cursor").expect("a cursor").get("cursorId").expect("its id");
        let (_, collection) = cursor.get_str("ns").expect("a name").split_once('.').expect("a name");
        let killed = driver.run_command(doc! { "killCursors": collection, "cursors": [id] }).await;
        killed.expect("an ended cursor");
    }
    idle.len()
}

#[tokio::test]
async fn a_stream_goes_on_after_a_pause_of_any_length() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let driver = database.driver().await;
    let campaign = campaign(&store).await;
    let row = row_of(&store, &driver, &campaign).await;
    add(&driver, &row, object_ids(6_000)).await;
    let mut rows =
        store.email_tracking.stream(&TrackingFilter::campaign(campaign.id)).await.expect("a stream");
    let mut ids = BTreeSet::new();
    while let Some(row) = rows.next().await {
        ids.insert(row.expect("a row").id);
        if ids.len().is_multiple_of(1_000) {
            // The next batch is being fetched.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            end_idle_cursors(&driver).await;
        }
    }
    assert_eq!(ids.len(), 6_000);
    assert_eq!(end_idle_cursors(&driver).await, 0);
}

#[tokio::test]
async fn rows_with_ids_of_every_type_are_streamed_once() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let driver = database.driver().await;
    let campaign = campaign(&store).await;
    let row = row_of(&store, &driver, &campaign).await;
    let binary = |n: u8| Binary { subtype: BinarySubtype::Generic, bytes: vec![n; 3] };
    let others = [
        Bson::Null,
        Bson::MinKey,
        Bson::MaxKey,
        true.into(),
        false.into(),
        7.into(),
        8_i64.into(),
        0.5.into(),
        f64::NAN.into(),
        binary(1).into(),
        binary(2).into(),
        doc! { "a": 1 }.into(),
        bson::DateTime::from_chrono(contract::start()).into(),
        bson::Timestamp { time: 1, increment: 1 }.into(),
    ];
    let texts = (0..2_500).map(|n| Bson::from(format!("id {n}")));
    add(&driver, &row, object_ids(1_500).chain(texts).chain(others.clone())).await;
    for filter in [TrackingFilter::all(), TrackingFilter::campaign(campaign.id)] {
        let ids = store.email_tracking.stream_ids(&filter).await.expect("a stream");
        let ids: Vec<TrackingId> = ids.try_collect().await.expect("readable rows");
        assert_eq!(ids.len(), 1_500 + 2_500 + others.len());
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 1_500 + 2_500 + others.len());
    }
}

#[tokio::test]
async fn batches_of_large_rows_are_small() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let driver = database.driver().await;
    let campaign = campaign(&store).await;
    let mut row = row_of(&store, &driver, &campaign).await;
    row.insert("message", "x".repeat(1 << 20));
    for _ in 0..8 {
        add(&driver, &row, object_ids(5)).await;
    }
    driver.run_command(doc! { "profile": 2 }).await.expect("the profiler starts");
    let filter = TrackingFilter::campaign(campaign.id);
    let rows = store.email_tracking.stream(&filter).await.expect("a stream");
    assert_eq!(rows.try_fold(0, async |n, _| Ok(n + 1)).await, Ok(40));
    let ids = store.email_tracking.stream_ids(&filter).await.expect("a stream");
    assert_eq!(ids.try_fold(0, async |n, _| Ok(n + 1)).await, Ok(40));
    let summaries = store.email_tracking.stream_summaries(&filter).await.expect("a stream");
    assert_eq!(summaries.try_fold(0, async |n, _| Ok(n + 1)).await, Ok(40));
    driver.run_command(doc! { "profile": 0 }).await.expect("the profiler stops");

    let reads =
        doc! { "op": { "$in": ["query", "getmore"] }, "ns": format!("{}.email_tracking", driver.name()) };
    let profile = driver.collection::<Document>("system.profile");
    let reads = profile.find(reads).sort(doc! { "ts": 1 });
    let reads: Vec<_> = reads.await.expect("a profile").try_collect().await.expect("its entries");
    let sizes: Vec<_> = reads.iter().filter_map(|read| read.get_i32("responseLength").ok()).collect();
    let (first, others) = sizes.split_first().expect("a batch");
    // The server cuts the first one.
    assert!(*first < 17 << 20, "{sizes:?}");
    assert!(others.iter().all(|size| *size < 5 << 20), "{sizes:?}");
    // All three streams together have read little more than the bodies once.
    assert!(sizes.iter().sum::<i32>() < 42 << 20, "{sizes:?}");
}

#[tokio::test]
async fn a_batch_that_fails_is_tried_again() {
    const CHANGES_ROLE: i32 = 10_107;
    let database = TestDatabase::new();
    let failures = Failures::of(&database.name).await;
    let sound = database.provisioned().await.system();
    let driver = database.driver().await;
    let campaign = campaign(&sound).await;
    let row = row_of(&sound, &driver, &campaign).await;
    add(&driver, &row, object_ids(4_000)).await;
    let uri = with_app_name(server::uri(), &database.name);
    let options = MongoOptions::new(uri, &database.name).clock(database.clock.clone());
    let store = MongoStore::connect_with(options).await.expect("the server answers").system();
    let filter = TrackingFilter::campaign(campaign.id);

    // More often than the driver itself tries again.
    let mut rows = store.email_tracking.stream(&filter).await.expect("a stream");
    rows.next().await.expect("a row").expect("a row");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    failures.fail(doc! { "times": 3 }, &["find"], doc! { "errorCode": CHANGES_ROLE }).await;
    assert_eq!(rows.try_fold(1, async |n, _| Ok(n + 1)).await, Ok(4_000));

    // For good: the stream ends with the error.
    let mut rows = store.email_tracking.stream(&filter).await.expect("a stream");
    rows.next().await.expect("a row").expect("a row");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    failures.fail("alwaysOn", &["find"], doc! { "errorCode": 2 }).await;
    let rest: Vec<_> = rows.collect().await;
    failures.stop().await;
    let (last, others) = rest.split_last().expect("the rest");
    assert!(last.as_ref().is_err_and(|error| !error.is_retryable()), "{last:?}");
    assert!(others.len() >= 999 && others.iter().all(Result::is_ok));
}
