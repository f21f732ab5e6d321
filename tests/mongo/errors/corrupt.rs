//! Documents that another program wrote or damaged.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, Timestamp, doc};
use campaign_store::{
    CampaignFilter, CampaignStatus, Collection, EmailAddress, Error, MailboxFilter, MetricsFilter, Order,
    Page, PageRequest, RecordStream, Repositories, Result, TrackingFilter, Unreadable, UserFilter, UserId,
    contract,
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
    store: Repositories,
    scene: Scene,
}

impl Stored {
    async fn new() -> Self {
        let database = TestDatabase::new();
        let store = database.provisioned().await.system();
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

    /// The records of a page, as JSON; the error of the first that cannot be read.
    async fn listed(&self, collection: Collection) -> Result<Value> {
        let (items, unreadable) = self.page(collection, PageRequest::default()).await?;
        unreadable.into_iter().next().map_or(Ok(items), |unreadable| Err(unreadable.into()))
    }

    /// The records of a page, as JSON, and what it names.
    async fn page(&self, collection: Collection, page: PageRequest) -> Result<(Value, Vec<Unreadable>)> {
        fn parts<T: Serialize>(page: Page<T>) -> (Value, Vec<Unreadable>) {
            (json!(page.items), page.unreadable)
        }
        let store = &self.store;
        Ok(match collection {
            Collection::Users => parts(store.users.list(&UserFilter::all(), &page).await?),
            Collection::Mailboxes => parts(store.mailboxes.list(&MailboxFilter::all(), &page).await?),
            Collection::Campaigns => parts(store.campaigns.list(&CampaignFilter::all(), &page).await?),
            Collection::CampaignMetrics => {
                parts(store.campaign_metrics.list(&MetricsFilter::all(), &page).await?)
            }
            Collection::EmailTracking => {
                parts(store.email_tracking.list(&TrackingFilter::all(), &page).await?)
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
async fn an_id_of_another_type_is_in_streams_and_in_no_list() {
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
        assert_eq!(stored.listed(collection).await.unwrap().as_array().map(Vec::len), Some(1));
        let Some(streamed) = stored.streamed(collection).await else { continue };
        let [Ok(_), other] = &streamed[..] else { panic!("{streamed:?}") };
        if let Err(error) = other {
            let expected = format!("{collection}: document unknown cannot be read: _id: {NO_OBJECT_ID}");
            assert_eq!(error.to_string(), expected);
        }
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
    let error = error_of(stored.store.campaigns.add_recipients(stored.scene.campaign.id, 1.into()).await);
    assert!(
        matches!(&error, Error::Backend { operation, code: Some(_), .. } if operation == "campaigns.add_recipients")
    );
}

/// Adds copies of a document that differ in what must be unique and in `field`, for which each has a value.
async fn add_copies(stored: &Stored, at: Collection, field: &str, values: &[Option<Bson>]) {
    let sound = stored.document(at).await;
    for (n, value) in values.iter().enumerate() {
        let mut copy = sound.clone();
        copy.insert("_id", UserId::new().as_object_id());
        for key in ["campaign_id", "tracking_id"] {
            if copy.contains_key(key) {
                copy.insert(key, format!("0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1{n:02}"));
            }
        }
        if let Some(value) = value {
            copy.insert(field, value.clone());
        }
        stored.insert(at, &copy).await;
    }
}

#[tokio::test]
async fn pages_return_what_can_be_read_and_name_the_rest() {
    let stored = Stored::new().await;
    let broken = || some("canary");
    let values = [None, broken(), None, broken(), broken(), broken(), None];
    add_copies(&stored, Collection::EmailTracking, "sent_at", &values).await;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut request = PageRequest::new(2).unwrap().order(order);
        let (mut sizes, mut named) = (Vec::new(), Vec::new());
        loop {
            let page = stored.store.email_tracking.list(&TrackingFilter::all(), &request).await.unwrap();
            sizes.push((page.items.len(), page.unreadable.len()));
            named.extend(page.unreadable);
            let Some(cursor) = page.next else { break };
            request = PageRequest::new(2).unwrap().order(order).after(cursor);
        }
        let mut expected = vec![(2, 0), (1, 1), (0, 2), (1, 1)];
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(sizes, expected);
        assert_eq!(named.len(), 4);
        for unreadable in named {
            assert_eq!((unreadable.path.as_ref(), unreadable.problem), ("sent_at", NO_DATE));
            let json = serde_json::to_value(&unreadable).unwrap();
            assert_eq!(json["collection"], "email_tracking");
            assert_discreet(&unreadable.into());
        }
    }
    let recipient = EmailAddress::new("a@canary.example").unwrap();
    let campaign = stored.scene.campaign.id;
    let mut row = stored.document(Collection::EmailTracking).await;
    row.insert("_id", UserId::new().as_object_id());
    row.insert("tracking_id", "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa");
    row.insert("opens", "canary");
    stored.insert(Collection::EmailTracking, &row).await;
    let tracking = &stored.store.email_tracking;
    let page = tracking.find_by_campaign_and_recipient(campaign, &recipient).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (1, 1));
}

#[tokio::test]
async fn totals_leave_out_what_cannot_be_read_and_count_it() {
    let stored = Stored::new().await;
    let decimal: bson::Decimal128 = "5".parse().unwrap();
    let values = [
        some(7),
        some(8_i64),
        some(9.0),
        some(decimal),
        canary(),
        some(-1),
        some(0.5),
        some(f64::NAN),
        some(1_i64 << 62),
        some(1_i64 << 62),
        some(Bson::Null),
    ];
    add_copies(&stored, Collection::CampaignMetrics, "total_sent", &values).await;
    for filter in [MetricsFilter::all(), MetricsFilter::user(stored.scene.user.id)] {
        let sum = stored.store.campaign_metrics.totals(&filter).await.unwrap();
        assert_eq!((sum.totals.sent, sum.unreadable), (1 + 7 + 8 + 9 + 5 + (1 << 63), 4), "{filter:?}");
    }
}

#[tokio::test]
async fn an_unknown_status_is_counted_apart() {
    let stored = Stored::new().await;
    let values = [canary(), some(7), some("active")];
    add_copies(&stored, Collection::Campaigns, "status", &values).await;
    let within = stored.database.connect().await.of(stored.scene.user.id);
    for store in [&stored.store, &within] {
        let counts = store.campaigns.count_by_status().await.unwrap();
        assert_eq!((counts.total(), counts.unreadable()), (2, 2));
        assert_eq!(json!(counts), json!({ "scheduled": 1, "active": 1, "unreadable": 2 }));
    }
}

#[tokio::test]
async fn a_due_campaign_that_cannot_be_read_stays_scheduled_and_harms_no_other() {
    let stored = Stored::new().await;
    let values = [canary(), None, canary(), None];
    add_copies(&stored, Collection::Campaigns, "total_recipients", &values).await;
    let due = contract::start();
    let claimed = stored.store.campaigns.claim_due(due, 2).await.unwrap();
    assert_eq!(claimed.len(), 2);
    let claimed = stored.store.campaigns.claim_due(due, 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let counts = stored.store.campaigns.count_by_status().await.unwrap();
    assert_eq!((counts.of(CampaignStatus::Active), counts.of(CampaignStatus::Scheduled)), (3, 2));
}

#[tokio::test]
async fn campaigns_of_unreadable_users_and_mailboxes_are_not_claimed() {
    for collection in [Collection::Users, Collection::Mailboxes] {
        let stored = Stored::new().await;
        let sound = stored.document(collection).await;
        let mut damaged = sound.clone();
        damaged.insert("is_active", "canary");
        stored.replace(collection, &damaged).await;
        let campaigns = &stored.store.campaigns;
        assert_eq!(campaigns.claim_due(contract::start(), 10).await.unwrap(), []);
        let refused = campaigns.start(stored.scene.campaign.id).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { collection: of, .. } if of == collection), "{refused}");
        stored.replace(collection, &sound).await;
        assert_eq!(campaigns.claim_due(contract::start(), 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_campaign_without_a_status_is_counted_as_scheduled() {
    let stored = Stored::new().await;
    let within = stored.database.connect().await.of(stored.scene.user.id);
    for status in [None, Some(Bson::Null)] {
        let mut campaign = stored.document(Collection::Campaigns).await;
        campaign.remove("status");
        campaign.extend(status.map(|status| ("status".to_owned(), status)));
        stored.replace(Collection::Campaigns, &campaign).await;
        for store in [&stored.store, &within] {
            let counts = store.campaigns.count_by_status().await.unwrap();
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
