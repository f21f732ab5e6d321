//! Documents that another program wrote or damaged.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, Timestamp, doc};
use campaign_store::{
    CampaignFilter, CampaignStatus, Collection, Error, MailboxFilter, MetricsFilter, PageRequest,
    RecordStream, Result, Store, TrackingFilter, UserFilter,
};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Scene, assert_discreet, error_of, new_campaign, new_sends, scene};
use crate::support::database::TestDatabase;

/// One document in each collection, as the store wrote it.
struct Stored {
    database: TestDatabase,
    driver: mongodb::Database,
    store: Store,
    scene: Scene,
}

impl Stored {
    async fn new() -> Self {
        let database = TestDatabase::new();
        let store = database.provisioned().await.repositories();
        let scene = scene(&store).await;
        let sends = new_sends(&scene.campaign, &["a"]);
        store.email_tracking.record_sends(sends).await.expect("a recorded send");
        Self { driver: database.driver().await, database, store, scene }
    }

    async fn document(&self, collection: Collection) -> Document {
        let found = self.driver.collection(collection.name()).find_one(doc! {}).await;
        found.expect("a look-up").expect("a document")
    }

    /// Puts `document` in the place of the one that is there.
    async fn replace(&self, collection: Collection, document: &Document) {
        let documents = self.driver.collection::<Document>(collection.name());
        documents.replace_one(doc! {}, document).await.expect("a replaced document");
    }

    async fn insert(&self, collection: Collection, document: &Document) {
        let documents = self.driver.collection::<Document>(collection.name());
        documents.insert_one(document).await.expect("a new document");
    }

    /// The records of a page, as JSON.
    async fn listed(&self, collection: Collection) -> Result<Value> {
        let (store, page) = (&self.store, PageRequest::default());
        Ok(match collection {
            Collection::Users => json!(store.users.list(&UserFilter::all(), &page).await?.items),
            Collection::Mailboxes => json!(store.mailboxes.list(&MailboxFilter::all(), &page).await?.items),
            Collection::Campaigns => json!(store.campaigns.list(&CampaignFilter::all(), &page).await?.items),
            Collection::CampaignMetrics => {
                json!(store.campaign_metrics.list(&MetricsFilter::all(), &page).await?.items)
            }
            Collection::EmailTracking => {
                json!(store.email_tracking.list(&TrackingFilter::all(), &page).await?.items)
            }
            _ => panic!("{collection} has no list"),
        })
    }

    /// The records of a stream, as JSON; `None` where there are no streams.
    async fn streamed(&self, collection: Collection) -> Option<Vec<Result<Value>>> {
        async fn drain<T: Serialize>(stream: Result<RecordStream<T>>) -> Vec<Result<Value>> {
            let stream = stream.expect("a stream");
            stream.map(|record| record.map(|record| json!(record))).collect().await
        }
        let store = &self.store;
        Some(match collection {
            Collection::Users => drain(store.users.stream(&UserFilter::all()).await).await,
            Collection::Mailboxes => drain(store.mailboxes.stream(&MailboxFilter::all()).await).await,
            Collection::Campaigns => drain(store.campaigns.stream(&CampaignFilter::all()).await).await,
            Collection::EmailTracking => {
                drain(store.email_tracking.stream(&TrackingFilter::all()).await).await
            }
            _ => return None,
        })
    }

    /// Checks that the document is corrupt at `path` when `field` has this value, or none.
    async fn assert_corrupt(&self, at: Collection, field: &str, value: Option<Bson>, problem: &str) {
        let sound = self.document(at).await;
        let mut broken = sound.clone();
        broken.remove(field);
        broken.extend(value.map(|value| (field.to_owned(), value)));
        self.replace(at, &broken).await;
        let id = sound.get_object_id("_id").expect("an ObjectId");
        let expected = format!("{at}: document {id} cannot be read: {field}: {problem}");
        let error = error_of(self.listed(at).await);
        assert!(matches!(error, Error::Corrupt { .. }) && !error.is_retryable(), "{error:?}");
        assert_eq!(error.to_string(), expected, "{broken}");
        if let Some(streamed) = self.streamed(at).await {
            let [Err(error)] = &streamed[..] else { panic!("{streamed:?}") };
            assert_discreet(error);
            assert_eq!(error.to_string(), expected);
        }
        self.replace(at, &sound).await;
        self.listed(at).await.expect("a sound document");
    }

    /// Checks the same of many.
    async fn assert_all_corrupt(&self, collection: Collection, cases: Vec<(&str, Option<Bson>, &str)>) {
        for (field, value, problem) in cases {
            self.assert_corrupt(collection, field, value, problem).await;
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the values of the cases are optional")]
fn canary() -> Option<Bson> {
    Some("canary".into())
}

#[expect(clippy::unnecessary_wraps, reason = "the values of the cases are optional")]
fn some(value: impl Into<Bson>) -> Option<Bson> {
    Some(value.into())
}

const MISSING: &str = "is missing";
const NO_OBJECT_ID: &str = "is not an ObjectId";
const NO_STRING: &str = "is not a string";
const NO_BOOLEAN: &str = "is not a boolean";
const NO_DATE: &str = "is not a date";
const OUT_OF_CALENDAR: &str = "is a date out of the calendar";
const NO_NUMBER: &str = "is not a number";
const NO_COUNT: &str = "is not a count";
const OF_NO_KIND: &str = "does not have the form of its kind";

#[tokio::test]
async fn a_broken_user_is_named_by_id_and_field() {
    let cases = vec![
        ("user_name", some(7), NO_STRING),
        ("user_name", None, MISSING),
        ("login_id", some(Bson::Null), MISSING),
        ("clerk_user_id", some(vec!["canary"]), NO_STRING),
        ("email", some(doc! { "canary": "canary" }), NO_STRING),
        ("created_at", canary(), NO_DATE),
        ("created_at", some(bson::DateTime::MAX), OUT_OF_CALENDAR),
        ("updated_at", some(bson::DateTime::MIN), OUT_OF_CALENDAR),
        ("updated_at", None, MISSING),
        ("is_active", canary(), NO_BOOLEAN),
        ("is_active", some(1), NO_BOOLEAN),
        ("last_login", some(Timestamp { time: 1, increment: 1 }), NO_DATE),
    ];
    Stored::new().await.assert_all_corrupt(Collection::Users, cases).await;
}

#[tokio::test]
async fn a_broken_mailbox_is_named_by_id_and_field() {
    let binary = Binary { subtype: BinarySubtype::Generic, bytes: b"canary".to_vec() };
    let no_json = "holds a value that JSON does not have";
    let cases = vec![
        ("user_id", canary(), NO_OBJECT_ID),
        ("user_id", None, MISSING),
        ("email", some(7), NO_STRING),
        ("provider", None, MISSING),
        ("user_profile", canary(), "is not an object"),
        ("user_profile", some(doc! { "canary": [{ "canary": binary }] }), no_json),
        ("is_primary", canary(), NO_BOOLEAN),
        ("is_active", canary(), NO_BOOLEAN),
        ("status", canary(), OF_NO_KIND),
        ("status", some("Active"), OF_NO_KIND),
        ("status", some(1), NO_STRING),
        ("last_used", canary(), NO_DATE),
    ];
    Stored::new().await.assert_all_corrupt(Collection::Mailboxes, cases).await;
}

#[tokio::test]
async fn a_broken_campaign_is_named_by_id_and_field() {
    let out_of_bounds = "is out of its bounds";
    let cases = vec![
        ("campaign_id", canary(), OF_NO_KIND),
        ("campaign_id", None, MISSING),
        ("mailbox_id", canary(), NO_OBJECT_ID),
        ("message", None, MISSING),
        ("duration", some(f64::NAN), out_of_bounds),
        ("duration", some(f64::INFINITY), out_of_bounds),
        ("duration", some(0), out_of_bounds),
        ("duration", some(-24_i64), out_of_bounds),
        ("duration", canary(), NO_NUMBER),
        ("duration", None, MISSING),
        ("start_time", some(bson::DateTime::MAX), OUT_OF_CALENDAR),
        ("end_time", None, MISSING),
        ("status", canary(), OF_NO_KIND),
        ("total_recipients", some(-1), NO_COUNT),
        ("total_recipients", some(0.5), NO_COUNT),
        ("total_recipients", canary(), NO_NUMBER),
        ("created_by", None, MISSING),
    ];
    Stored::new().await.assert_all_corrupt(Collection::Campaigns, cases).await;
}

#[tokio::test]
async fn a_broken_metrics_record_is_named_by_id_and_field() {
    let cases = vec![
        ("campaign_id", canary(), OF_NO_KIND),
        ("user_id", None, MISSING),
        ("total_sent", some(-1_i64), NO_COUNT),
        ("total_opened", some(f64::NAN), NO_COUNT),
        ("total_clicks", some(1e300), NO_COUNT),
        ("total_replied", canary(), NO_NUMBER),
        ("open_rate", canary(), NO_NUMBER),
        ("last_updated", None, MISSING),
        ("created_at", canary(), NO_DATE),
    ];
    Stored::new().await.assert_all_corrupt(Collection::CampaignMetrics, cases).await;
}

#[tokio::test]
async fn a_broken_tracking_row_is_named_by_id_and_field() {
    let cases = vec![
        ("tracking_id", canary(), OF_NO_KIND),
        ("campaign_id", None, MISSING),
        ("recipient_email", None, MISSING),
        ("recipient_name", some(doc! { "canary": 1 }), NO_STRING),
        ("sent_at", some(bson::DateTime::MAX), OUT_OF_CALENDAR),
        ("delivered_at", canary(), "is a text that is no date"),
        ("opened_at", some(1_767_603_600_i64), NO_DATE),
        ("opens", some(-1), NO_COUNT),
        ("clicks", canary(), "is a text that is no count"),
        ("bounced", canary(), "is a text that is neither true nor false"),
        ("bounce_reason", some(1), NO_STRING),
        ("unsubscribed_at", canary(), "is a text that is no date"),
    ];
    Stored::new().await.assert_all_corrupt(Collection::EmailTracking, cases).await;
}

#[tokio::test]
async fn an_id_of_another_type_is_named_as_unknown() {
    let stored = Stored::new().await;
    for collection in Collection::ALL {
        let mut document = stored.document(collection).await;
        document.insert("_id", "canary");
        // Another value for each unique index.
        for key in ["login_id", "email", "campaign_id", "tracking_id"] {
            if document.contains_key(key) {
                document.insert(key, "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa");
            }
        }
        document.remove("is_primary");
        stored.insert(collection, &document).await;
        let error = error_of(stored.listed(collection).await).to_string();
        let expected = format!("{collection}: document unknown cannot be read: _id: {NO_OBJECT_ID}");
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_a_broken_document() {
    let stored = Stored::new().await;
    let sound = stored.document(Collection::Users).await;
    for n in 0..9 {
        let mut user = sound.clone();
        user.insert("_id", bson::oid::ObjectId::from_bytes([0xf0 + n; 12]));
        user.insert("login_id", format!("user{n}"));
        if n % 3 == 0 {
            user.insert("is_active", "canary");
        }
        stored.insert(Collection::Users, &user).await;
    }
    let streamed = stored.streamed(Collection::Users).await.unwrap();
    let readable: Vec<_> = streamed.iter().map(Result::is_ok).collect();
    assert_eq!(readable, [true, false, true, true, false, true, true, false, true, true]);
    for error in streamed.iter().filter_map(|record| record.as_ref().err()) {
        assert_discreet(error);
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn broken_documents_on_the_way_of_a_write_are_named_and_nothing_is_written() {
    let stored = Stored::new().await;
    let mut mailbox = stored.document(Collection::Mailboxes).await;
    mailbox.insert("status", "canary");
    stored.replace(Collection::Mailboxes, &mailbox).await;
    let error = error_of(stored.store.campaigns.create(new_campaign(&stored.scene.mailbox)).await);
    assert!(matches!(error, Error::Corrupt { collection: Collection::Mailboxes, .. }), "{error:?}");
    let mut metrics = stored.document(Collection::CampaignMetrics).await;
    metrics.insert("total_sent", "canary");
    stored.replace(Collection::CampaignMetrics, &metrics).await;
    let sends = new_sends(&stored.scene.campaign, &["b"]);
    let error = error_of(stored.store.email_tracking.record_sends(sends).await);
    assert!(matches!(error, Error::Corrupt { collection: Collection::CampaignMetrics, .. }), "{error:?}");
    for (collection, count) in [("campaigns", 1), ("campaign_metrics", 1), ("email_tracking", 1)] {
        let documents = stored.database.collection(collection).await;
        assert_eq!(documents.count_documents(doc! {}).await.unwrap(), count, "{collection}");
    }
}

#[tokio::test]
async fn what_the_server_cannot_compute_with_is_not_shown() {
    let stored = Stored::new().await;
    let mut user = stored.document(Collection::Users).await;
    user.insert("updated_at", "canary");
    stored.replace(Collection::Users, &user).await;
    let error = error_of(stored.store.users.set_active(stored.scene.user.id, false).await);
    assert!(
        matches!(&error, Error::Backend { operation, code: Some(_), .. } if operation == "users.set_active")
    );
    let mut campaign = stored.document(Collection::Campaigns).await;
    campaign.insert("total_recipients", "canary");
    stored.replace(Collection::Campaigns, &campaign).await;
    let error = error_of(stored.store.campaigns.add_recipients(stored.scene.campaign.id, 1).await);
    assert!(
        matches!(&error, Error::Backend { operation, code: Some(_), .. } if operation == "campaigns.add_recipients")
    );
}

#[tokio::test]
async fn an_unknown_status_cannot_be_counted() {
    let stored = Stored::new().await;
    let mut campaign = stored.document(Collection::Campaigns).await;
    campaign.insert("status", "canary");
    stored.replace(Collection::Campaigns, &campaign).await;
    let error = error_of(stored.store.campaigns.count_by_status(None).await);
    assert_eq!(
        error.to_string(),
        format!("campaigns: document unknown cannot be read: status: {OF_NO_KIND}")
    );
}

#[tokio::test]
async fn a_campaign_without_a_status_is_counted_as_scheduled() {
    let stored = Stored::new().await;
    let user_id = stored.scene.user.id;
    for status in [None, Some(Bson::Null)] {
        let mut campaign = stored.document(Collection::Campaigns).await;
        campaign.remove("status");
        campaign.extend(status.map(|status| ("status".to_owned(), status)));
        stored.replace(Collection::Campaigns, &campaign).await;
        for of in [None, Some(user_id)] {
            let counts = stored.store.campaigns.count_by_status(of).await.unwrap();
            assert_eq!((counts.of(CampaignStatus::Scheduled), counts.total()), (1, 1));
        }
    }
}

#[tokio::test]
async fn numbers_of_every_type_are_read() {
    let stored = Stored::new().await;
    for (collection, fields, value) in [
        (Collection::Campaigns, ["duration", "total_recipients"], 24),
        (Collection::CampaignMetrics, ["total_unsubscribed", "click_rate"], 7),
        (Collection::EmailTracking, ["opens", "replies"], 3),
    ] {
        let sound = stored.document(collection).await;
        for number in [Bson::Int32(value), Bson::Int64(value.into()), Bson::Double(value.into())] {
            let mut document = sound.clone();
            document.extend(fields.map(|field| (field.to_owned(), number.clone())));
            stored.replace(collection, &document).await;
            let listed = stored.listed(collection).await.unwrap();
            for field in fields {
                assert_eq!(listed[0][field].as_f64(), Some(value.into()), "{number:?}");
            }
        }
        stored.replace(collection, &sound).await;
    }
}

#[tokio::test]
async fn an_explicit_null_is_as_good_as_an_absent_field() {
    let stored = Stored::new().await;
    for (collection, fields) in [
        (Collection::Users, &["clerk_user_id", "email", "last_login", "is_active"][..]),
        (Collection::Mailboxes, &["user_profile", "last_used", "status", "is_active"]),
        (Collection::Campaigns, &["status", "total_recipients"]),
        (Collection::CampaignMetrics, &["total_sent", "total_opened", "open_rate", "reply_rate"]),
        (
            Collection::EmailTracking,
            &["recipient_name", "delivered_at", "opened_at", "opens", "bounced", "bounce_reason"],
        ),
    ] {
        let mut absent = stored.document(collection).await;
        let mut null = absent.clone();
        for field in fields {
            absent.remove(field);
            null.insert(*field, Bson::Null);
        }
        stored.replace(collection, &absent).await;
        let expected = stored.listed(collection).await.unwrap();
        stored.replace(collection, &null).await;
        assert_eq!(stored.listed(collection).await.unwrap(), expected);
    }
}
