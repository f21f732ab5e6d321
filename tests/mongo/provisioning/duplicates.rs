//! Documents that break a unique index are named before any index is built.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use campaign_store::schema::INDEXES;
use campaign_store::{Collection, Error, ProvisionError, ProvisionOptions};

use super::{indexes_of, provision};
use crate::support::database::TestDatabase;

/// Provisions a database that has these documents. The result is the error, as a text too.
async fn refusal(collection: Collection, documents: Vec<Document>) -> (ProvisionError, String) {
    let database = TestDatabase::new();
    database.collection(collection.name()).await.insert_many(documents).await.expect("documents");
    let driver = database.driver().await;
    let before = indexes_of(&driver).await;
    let store = database.connect().await;
    let error = provision(&store, &ProvisionOptions::new()).await.expect_err("duplicates");
    assert_eq!(store.provision().await, Err(error.clone()));
    assert_eq!(indexes_of(&driver).await, before, "nothing is created anywhere");
    let text = error.to_string();
    assert!(!format!("{text} {error:?} {error:#?}").contains("canary"), "{error:?}");
    (error, text)
}

async fn accepts(collection: Collection, documents: Vec<Document>) {
    let database = TestDatabase::new();
    database.collection(collection.name()).await.insert_many(documents).await.expect("documents");
    database.provisioned().await;
}

fn id(n: u8) -> ObjectId {
    ObjectId::from_bytes([n; 12])
}

#[tokio::test]
async fn duplicates_are_named_by_their_ids_group_by_group() {
    let document = |id: Bson, value: &str| doc! { "_id": id, "tracking_id": value };
    let documents = vec![
        document(id(3).into(), "canary 1"),
        document(id(1).into(), "canary 2"),
        document(id(2).into(), "canary 2"),
        document(id(5).into(), "canary 1"),
        document(id(4).into(), "canary 1"),
        document(id(6).into(), "canary 3"),
        document("text".into(), "canary 4"),
        document(7.into(), "canary 4"),
    ];
    let (error, text) = refusal(Collection::EmailTracking, documents).await;
    let ProvisionError::Duplicates { collection, index, groups, .. } = error else { panic!("{error:?}") };
    assert_eq!((collection, index), (Collection::EmailTracking, "tracking_id_1"));
    assert_eq!(groups.iter().map(|group| group.documents).collect::<Vec<_>>(), [2, 2, 3]);
    let [first, second, third, fourth] = [1, 2, 3, 5].map(|n| id(n).to_hex());
    assert_eq!(
        text,
        format!(
            "email_tracking: tracking_id_1 cannot be unique because of 7 and text; {first} and {second}; \
             {third} and {fourth} and 1 more"
        )
    );
}

#[tokio::test]
async fn at_most_twenty_groups_are_named() {
    let documents = (0..60).map(|n| doc! { "tracking_id": n / 2 }).collect();
    let (error, _) = refusal(Collection::EmailTracking, documents).await;
    assert!(matches!(error, ProvisionError::Duplicates { groups, .. } if groups.len() == 20));
}

#[tokio::test]
async fn a_missing_value_and_a_null_are_the_same_value() {
    for (collection, missing, null) in [
        (Collection::EmailTracking, doc! { "n": 1 }, doc! { "tracking_id": null }),
        (Collection::Users, doc! { "n": 1 }, doc! { "login_id": null }),
        (
            Collection::Mailboxes,
            doc! { "email": "canary@a.example" },
            doc! { "email": "canary@a.example", "user_id": null },
        ),
    ] {
        refusal(collection, vec![missing, null]).await;
    }
}

#[tokio::test]
async fn numbers_of_different_types_are_the_same_value() {
    let documents =
        vec![doc! { "tracking_id": 7 }, doc! { "tracking_id": 7_i64 }, doc! { "tracking_id": 7.0 }];
    let (error, _) = refusal(Collection::EmailTracking, documents).await;
    assert!(matches!(error, ProvisionError::Duplicates { groups, .. } if groups[0].documents == 3));
}

#[tokio::test]
async fn a_sparse_index_counts_nulls_and_no_missing_values() {
    let user = |n: i32| doc! { "login_id": n };
    accepts(Collection::Users, vec![user(1), user(2), user(3)]).await;
    let with_null = |n: i32| doc! { "login_id": n, "email": null };
    let (error, _) = refusal(Collection::Users, vec![with_null(1), with_null(2), user(3)]).await;
    assert!(matches!(error, ProvisionError::Duplicates { index: "email_1", .. }), "{error:?}");
}

#[tokio::test]
async fn a_partial_index_counts_only_its_own_documents() {
    let mailbox = |n: i32, primary: Bson| doc! { "user_id": 1, "email": n, "is_primary": primary };
    let mailboxes = vec![mailbox(1, true.into()), mailbox(2, false.into()), mailbox(3, "true".into())];
    accepts(Collection::Mailboxes, mailboxes).await;
    let mailboxes = vec![mailbox(1, true.into()), mailbox(2, true.into()), mailbox(3, false.into())];
    let (error, _) = refusal(Collection::Mailboxes, mailboxes).await;
    assert!(matches!(error, ProvisionError::Duplicates { index: "one_primary_per_user", .. }), "{error:?}");
}

#[tokio::test]
async fn what_only_the_server_takes_for_duplicates_names_the_index() {
    // Two lists are different values, and share one of their keys.
    let database = TestDatabase::new();
    let rows = database.collection("email_tracking").await;
    rows.insert_many([doc! { "tracking_id": ["canary", 1] }, doc! { "tracking_id": ["canary", 2] }])
        .await
        .unwrap();
    let error = database.connect().await.provision().await.unwrap_err();
    assert_eq!(error, Error::unique(Collection::EmailTracking, "tracking_id_1").into());
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn after_the_duplicates_are_gone_the_rest_is_created() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    let rows = database.collection("email_tracking").await;
    rows.insert_many([doc! { "tracking_id": 1 }, doc! { "tracking_id": 1 }]).await.unwrap();
    store.provision().await.unwrap_err();
    rows.delete_one(doc! {}).await.unwrap();
    store.provision().await.unwrap();
    let declared = INDEXES.iter().filter(|index| index.collection == Collection::EmailTracking).count();
    assert_eq!(indexes_of(&database.driver().await).await["email_tracking"].len(), declared + 1);
}
