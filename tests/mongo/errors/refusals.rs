//! Writes that the server refuses for reasons of its own.

use bson::{Document, doc};
use campaign_store::{Collection, Error, Repositories, Result};
use chrono::TimeDelta;

use super::{Scene, error_of, new_mailbox, new_sends, new_user, scene};
use crate::support::database::TestDatabase;

const DOCUMENT_VALIDATION_FAILURE: i32 = 121;

/// A database in which every write fails, because a field is required that no record has.
async fn opened() -> (TestDatabase, Repositories, Scene) {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let scene = scene(&store).await;
    store.campaigns.start(scene.campaign.id).await.expect("a scheduled campaign");
    let driver = database.driver().await;
    for collection in Collection::ALL {
        let validator = doc! { "$jsonSchema": { "required": ["never"] } };
        let command = doc! { "collMod": collection.name(), "validator": validator };
        driver.run_command(command).await.expect("a new validator");
    }
    (database, store, scene)
}

async fn documents(database: &TestDatabase) -> Vec<Vec<Document>> {
    use futures_util::TryStreamExt;
    let driver = database.driver().await;
    let mut documents = Vec::new();
    for collection in Collection::ALL {
        let found = driver.collection(collection.name()).find(doc! {}).sort(doc! { "_id": 1 }).await;
        documents.push(found.expect("a look-up").try_collect().await.expect("all documents"));
    }
    documents
}

#[track_caller]
fn assert_refused<T>(operation: &'static str, result: Result<T>) {
    let error = error_of(result);
    assert_eq!(error, Error::backend(operation, Some(DOCUMENT_VALIDATION_FAILURE)));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_document_that_a_validator_refuses_is_named_by_operation_and_code_alone() {
    let (database, store, Scene { user, mailbox, campaign }) = opened().await;
    let before = documents(&database).await;
    let later = mailbox.created_at + TimeDelta::days(1);
    assert_refused("users.create", store.users.create(new_user("other")).await);
    assert_refused("users.set_active", store.users.set_active(user.id, false).await);
    assert_refused("mailboxes.link", store.mailboxes.link(new_mailbox(&user, "other")).await);
    assert_refused("mailboxes.touch", store.mailboxes.touch(mailbox.id).await);
    assert_refused("campaigns.create", store.campaigns.create(super::new_campaign(&mailbox)).await);
    assert_refused("campaigns.complete_expired", store.campaigns.complete_expired(later).await);
    let sends = new_sends(&campaign, &["a", "b"]);
    assert_refused("email_tracking.record_sends", store.email_tracking.record_sends(sends).await);
    assert_eq!(documents(&database).await, before);
}

#[tokio::test]
async fn a_refused_row_of_a_batch_leaves_nothing_of_it() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let Scene { campaign, .. } = scene(&store).await;
    let before = documents(&database).await;
    let validator = doc! { "recipient_email": { "$ne": "b@canary.example" } };
    let command = doc! { "collMod": "email_tracking", "validator": validator };
    database.driver().await.run_command(command).await.unwrap();
    let sends = new_sends(&campaign, &["a", "b", "c"]);
    assert_refused("email_tracking.record_sends", store.email_tracking.record_sends(sends).await);
    assert_eq!(documents(&database).await, before);
}
