//! Validators: counting offenders, warning and enforcing.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use campaign_store::{
    Collection, MongoStore, ProvisionError, ProvisionOptions, ValidatorMode, ValidatorPlan, ValidatorState,
};
use mongodb::error::{ErrorKind, WriteFailure};

use super::{options_of, provision};
use crate::support::database::TestDatabase;

pub(super) async fn set(store: &MongoStore, mode: ValidatorMode) -> Result<(), ProvisionError> {
    provision(store, &ProvisionOptions::new().validators(mode)).await
}

async fn plan_of(store: &MongoStore, collection: Collection, mode: ValidatorMode) -> ValidatorPlan {
    let plan = store.plan(&ProvisionOptions::new().validators(mode)).await.expect("a plan");
    let plan = plan.collections.into_iter().find(|plan| plan.collection == collection);
    plan.and_then(|plan| plan.validator).expect("every record has a validator")
}

/// Inserts a document by the plain driver. Gives the code of a refusal.
async fn insert(database: &TestDatabase, collection: Collection, document: Document) -> Option<i32> {
    let error = database.collection(collection.name()).await.insert_one(document).await.err()?;
    match *error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        other => panic!("{other:?}"),
    }
}

/// A row as the older programs wrote it.
fn legacy_row(n: u8, changes: Document) -> Document {
    let time = DateTime::from_millis(1_700_000_000_000);
    let mut row = doc! {
        "_id": ObjectId::from_bytes([n; 12]),
        "tracking_id": n.to_string(),
        "campaign_id": "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa",
        "user_id": ObjectId::from_bytes([1; 12]),
        "mailbox_id": ObjectId::from_bytes([2; 12]),
        "sender_email": "A@Work.Example",
        "recipient_email": "b@example.com",
        "subject": "Hello",
        "message": "",
        "sent_at": time,
        "created_at": time,
    };
    row.extend(changes);
    row
}

#[tokio::test]
async fn old_rows_of_every_shape_pass() {
    let database = TestDatabase::new();
    let store = database.validated().await;
    let time = DateTime::from_millis(1_700_000_000_000);
    for (n, changes) in (1..).zip([
        doc! {},
        doc! { "delivered_at": null, "opened_at": null, "bounce_reason": null, "recipient_name": null },
        doc! { "opened_at": time },
        doc! { "opens": 2, "clicks": 1.0, "replies": 3_i64 },
        doc! { "opens": null, "bounced": null, "unsubscribed": null, "unsubscribed_at": null },
        doc! { "clicked_at": time, "clicks": 2.0, "bounced": true, "bounce_reason": "550" },
        doc! { "campaign_id": "of no campaign", "__v": 0, "_class": "Row" },
    ]) {
        assert_eq!(insert(&database, Collection::EmailTracking, legacy_row(n, changes)).await, None, "{n}");
    }
    assert_eq!(store.offenders(&ProvisionOptions::new()).await.unwrap(), []);
}

#[tokio::test]
async fn wrong_documents_are_refused_by_a_validator_in_force_only() {
    let wrong = [
        doc! { "subject": null },
        doc! { "sent_at": "2024-01-01" },
        doc! { "user_id": "0123456789abcdef01234567" },
        doc! { "opens": -1 },
        doc! { "clicks": 0.5 },
        doc! { "bounced": "false" },
    ];
    for (mode, expected) in
        [(ValidatorMode::Keep, None), (ValidatorMode::Warn, None), (ValidatorMode::Enforce, Some(121))]
    {
        let database = TestDatabase::new();
        let store = database.connect().await;
        set(&store, mode).await.unwrap();
        for (n, changes) in (1..).zip(&wrong) {
            let row = legacy_row(n, changes.clone());
            assert_eq!(
                insert(&database, Collection::EmailTracking, row).await,
                expected,
                "{mode}: {changes}"
            );
        }
    }
    let database = TestDatabase::new();
    database.validated().await;
    let unknown = doc! { "status": "draft" };
    assert_eq!(insert(&database, Collection::Campaigns, unknown).await, Some(121));
}

#[tokio::test]
async fn offenders_are_counted_and_some_are_named() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    assert_eq!(store.offenders(&ProvisionOptions::new()).await.unwrap(), []);
    let rows = database.collection("email_tracking").await;
    rows.insert_many((1..=30).map(|n| legacy_row(n, doc! { "opens": "canary" }))).await.unwrap();
    rows.insert_one(legacy_row(31, doc! {})).await.unwrap();
    database
        .collection("users")
        .await
        .insert_one(doc! { "_id": "first", "login_id": "canary" })
        .await
        .unwrap();
    let offenders = store.offenders(&ProvisionOptions::new()).await.unwrap();
    let texts: Vec<_> = offenders.iter().map(ToString::to_string).collect();
    assert_eq!(texts[0], "users: the validator would refuse 1 documents, such as first");
    assert_eq!((offenders[1].documents, offenders[1].ids.len()), (30, 20));
    assert_eq!(offenders[1].ids[0], ObjectId::from_bytes([1; 12]).to_hex());
    assert!(!format!("{texts:?} {offenders:?}").contains("canary"));
}

#[tokio::test]
async fn nothing_is_enforced_while_there_are_offenders() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    let driver = database.driver().await;
    let id = ObjectId::from_bytes([7; 12]);
    insert(&database, Collection::Users, doc! { "_id": id, "login_id": "canary" }).await;
    let error = set(&store, ValidatorMode::Enforce).await.unwrap_err();
    assert_eq!(error.to_string(), format!("users: the validator would refuse 1 documents, such as {id}"));
    assert!(
        matches!(error, ProvisionError::Offenders(offenders) if offenders.collection == Collection::Users)
    );
    assert_eq!(driver.list_collection_names().await.unwrap(), ["users"], "nothing is created");
    assert!(options_of(&driver, Collection::Users).await.is_empty());

    set(&store, ValidatorMode::Warn).await.unwrap();
    set(&store, ValidatorMode::Enforce).await.unwrap_err();
    assert_eq!(options_of(&driver, Collection::Users).await.get_str("validationAction").unwrap(), "warn");
    database.collection("users").await.delete_one(doc! { "_id": id }).await.unwrap();
    set(&store, ValidatorMode::Enforce).await.unwrap();
    assert_eq!(options_of(&driver, Collection::Users).await.get_str("validationAction").unwrap(), "error");
}

#[tokio::test]
async fn a_document_that_was_wrong_before_can_still_be_changed() {
    let database = TestDatabase::new();
    let rows = database.collection("email_tracking").await;
    let store = database.validated().await;
    let driver = database.driver().await;
    // As it comes to be in a collection that enforces: written past the validator.
    let insert = doc! {
        "insert": "email_tracking",
        "documents": [legacy_row(1, doc! { "opens": "many" }), legacy_row(2, doc! {})],
        "bypassDocumentValidation": true,
    };
    driver.run_command(insert).await.unwrap();
    let of = |n: &str| doc! { "tracking_id": n };
    rows.update_one(of("1"), doc! { "$set": { "subject": "Hi" } }).await.unwrap();
    rows.update_one(of("2"), doc! { "$set": { "subject": 7 } }).await.unwrap_err();
    assert_eq!(store.offenders(&ProvisionOptions::new()).await.unwrap()[0].documents, 1);
}

#[tokio::test]
async fn the_plan_says_what_a_validator_is_and_becomes() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let driver = database.driver().await;
    let [keep, warn, enforce] = [ValidatorMode::Keep, ValidatorMode::Warn, ValidatorMode::Enforce];
    let plan = async |mode| plan_of(&store, Collection::Users, mode).await;
    let drift = async |mode| {
        let drift = store.schema_drift(&ProvisionOptions::new().validators(mode)).await.expect("the drift");
        drift.first().map(ToString::to_string)
    };
    assert_eq!((plan(keep).await.state, plan(keep).await.set), (ValidatorState::Absent, None));
    assert_eq!(plan(warn).await.set, Some(warn));
    assert_eq!(drift(keep).await, None);
    assert_eq!(drift(warn).await.unwrap(), "users: the validator is missing");

    set(&store, warn).await.unwrap();
    assert_eq!((drift(keep).await, drift(warn).await), (None, None));
    assert_eq!(
        drift(enforce).await.unwrap(),
        "users: the validator has the level moderate and the action warn, and should enforce"
    );
    set(&store, enforce).await.unwrap();
    assert_eq!((drift(enforce).await, plan(warn).await.set), (None, Some(warn)));

    // Stricter than asked for is as asked for; switched off is not.
    driver.run_command(doc! { "collMod": "users", "validationLevel": "strict" }).await.unwrap();
    assert_eq!(drift(enforce).await, None);
    driver.run_command(doc! { "collMod": "users", "validationLevel": "off" }).await.unwrap();
    assert_eq!(plan(enforce).await.set, Some(enforce));

    let foreign = doc! { "login_id": { "$type": "string" } };
    driver
        .run_command(doc! { "collMod": "users", "validator": foreign, "validationLevel": "strict" })
        .await
        .unwrap();
    let found = plan(keep).await;
    assert!(
        matches!(&found.state, ValidatorState::Differs { level, action, validator, .. }
            if level == "strict" && action == "error" && validator.contains("$type")),
        "{found:?}"
    );
    assert_eq!((found.set, drift(keep).await), (None, None));
    assert_eq!(drift(warn).await.unwrap(), "users: the validator differs from the schema");
    set(&store, warn).await.unwrap();
    assert!(matches!(plan(keep).await.state, ValidatorState::Matches { .. }));
}

#[tokio::test]
async fn provisioning_leaves_validators_alone() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    let foreign = doc! { "login_id": { "$type": "string" } };
    driver.run_command(doc! { "create": "users", "validator": foreign }).await.unwrap();
    let before = options_of(&driver, Collection::Users).await;
    database.provisioned().await;
    assert_eq!(options_of(&driver, Collection::Users).await, before);
    assert!(options_of(&driver, Collection::Mailboxes).await.is_empty());
}
