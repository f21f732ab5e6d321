//! Values that a unique index already has. The driver reports them in a different shape for each command.

use bson::{Document, doc};
use campaign_store::{ClerkUser, Collection, Error, Repositories, UserPatch};
use chrono::TimeDelta;

use super::{Scene, error_of, new_mailbox, new_sends, new_user, scene};
use crate::support::database::TestDatabase;

async fn opened() -> (TestDatabase, Repositories, Scene) {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let scene = scene(&store).await;
    (database, store, scene)
}

/// Adds an index that the schema does not know, to break it by commands that can break no other.
async fn add_index(database: &TestDatabase, collection: Collection, index: Document) {
    let command = doc! { "createIndexes": collection.name(), "indexes": [index] };
    database.driver().await.run_command(command).await.expect("a new index");
}

#[tokio::test]
async fn an_insert_names_the_index() {
    let (_database, store, _) = opened().await;
    let error = error_of(store.users.create(new_user("canary")).await);
    assert_eq!(error, Error::unique(Collection::Users, "login_id_1"));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_find_and_modify_names_the_index() {
    let (_database, store, _) = opened().await;
    let holder = new_user("other").email("canary@canary.example").unwrap();
    store.users.create(holder).await.unwrap();
    let user = store.users.create(new_user("third")).await.unwrap();
    let patch = UserPatch::new().email("canary@canary.example").unwrap();
    let error = error_of(store.users.update(user.id, patch, user.updated_at).await);
    assert_eq!(error, Error::unique(Collection::Users, "email_1"));
}

#[tokio::test]
async fn an_upsert_names_the_index() {
    let (_database, store, _) = opened().await;
    let user = ClerkUser::new("canary", "canary", "canary", campaign_store::contract::start()).unwrap();
    let error = error_of(store.users.upsert_from_clerk(user).await);
    assert_eq!(error, Error::unique(Collection::Users, "login_id_1"));
}

#[tokio::test]
async fn an_insert_in_a_transaction_names_the_index() {
    let (_database, store, Scene { user, .. }) = opened().await;
    let error = error_of(store.mailboxes.link(new_mailbox(&user, "canary")).await);
    assert_eq!(error, Error::unique(Collection::Mailboxes, "user_id_1_email_1"));
}

#[tokio::test]
async fn an_insert_of_many_names_the_index_and_counts_nothing() {
    let (database, store, Scene { campaign, .. }) = opened().await;
    let index = doc! { "name": "one_sender", "key": { "sender_email": 1 }, "unique": true };
    add_index(&database, Collection::EmailTracking, index).await;
    let error = error_of(store.email_tracking.record_sends(new_sends(&campaign, &["a", "b"])).await);
    assert_eq!(error, Error::unique(Collection::EmailTracking, "one_sender"));
    let metrics = store.campaign_metrics.get(campaign.id).await.unwrap().unwrap();
    assert_eq!(metrics.totals.sent, 0);
}

#[tokio::test]
async fn an_update_of_many_names_the_index() {
    let (database, store, Scene { mailbox, .. }) = opened().await;
    for _ in 0..2 {
        let campaign = store.campaigns.create(super::new_campaign(&mailbox)).await.unwrap();
        store.campaigns.start(campaign.id).await.unwrap();
    }
    let index = doc! {
        "name": "one_end",
        "key": { "campaign_name": 1 },
        "unique": true,
        "partialFilterExpression": { "status": "completed" },
    };
    add_index(&database, Collection::Campaigns, index).await;
    let later = mailbox.created_at + TimeDelta::days(1);
    let error = error_of(store.campaigns.complete_expired(later).await);
    assert_eq!(error, Error::unique(Collection::Campaigns, "one_end"));
}

#[tokio::test]
async fn the_collation_of_an_index_is_no_part_of_its_name() {
    let (database, store, _) = opened().await;
    let index = doc! {
        "name": "one_name",
        "key": { "user_name": 1 },
        "unique": true,
        "collation": { "locale": "en", "strength": 2 },
    };
    add_index(&database, Collection::Users, index).await;
    let error = error_of(store.users.create(new_user("Canary")).await);
    // The login id is the same as well; whichever the server names, it names it alone.
    assert_eq!(error.unique_index(), Some("login_id_1"));
    let user = campaign_store::NewUser::new("CANARY", "other").unwrap();
    let error = error_of(store.users.create(user).await);
    assert_eq!(error, Error::unique(Collection::Users, "one_name"));
}
