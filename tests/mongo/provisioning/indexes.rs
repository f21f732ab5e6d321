//! Creating the indexes in databases that have none, some, or other ones.

use bson::{Bson, Document, doc};
use campaign_store::schema::INDEXES;
use campaign_store::{Collection, ProvisionError};
use futures_util::future::join_all;

use super::{Indexes, create_index, described, indexes_of};
use crate::support::database::TestDatabase;

/// What `schema.md` asks for, under the names that a server gives by default, the guard of the one
/// primary mailbox, the creation of campaigns, and the end of receipts.
const SCHEMA: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "login_id_1 (login_id) unique",
            "clerk_user_id_1 (clerk_user_id) unique sparse",
            "email_1 (email) unique sparse",
        ],
    ),
    (
        "mailboxes",
        &[
            "user_id_1 (user_id)",
            "email_1 (email)",
            "user_id_1_email_1 (user_id, email) unique",
            "is_primary_1 (is_primary)",
            "is_active_1 (is_active)",
            r#"one_primary_per_user (user_id, is_primary) unique partialFilterExpression={ "is_primary": true }"#,
        ],
    ),
    (
        "campaigns",
        &[
            "campaign_id_1 (campaign_id) unique",
            "user_id_1 (user_id)",
            "mailbox_id_1 (mailbox_id)",
            "status_1 (status)",
            "start_time_1 (start_time)",
            "user_id_1_status_1 (user_id, status)",
        ],
    ),
    (
        "campaign_metrics",
        &[
            "campaign_id_1 (campaign_id) unique",
            "user_id_1 (user_id)",
            "mailbox_id_1 (mailbox_id)",
            "created_at_1 (created_at)",
            "campaign_id_1_user_id_1 (campaign_id, user_id)",
        ],
    ),
    (
        "email_tracking",
        &[
            "tracking_id_1 (tracking_id) unique",
            "campaign_id_1 (campaign_id)",
            "user_id_1 (user_id)",
            "recipient_email_1 (recipient_email)",
            "sent_at_1 (sent_at)",
            "campaign_id_1_recipient_email_1 (campaign_id, recipient_email)",
        ],
    ),
    (
        "clerk_users",
        &["clerk_user_id_1 (clerk_user_id) unique", "login_id_1 (login_id) sparse", "email_1 (email) sparse"],
    ),
    ("event_receipts", &["expires_at_1 (expires_at) expireAfterSeconds=0"]),
];

/// Provisions a database that has `index`. What this does to all indexes is the second result.
async fn provision_beside(
    collection: Collection,
    index: Document,
) -> (Result<(), ProvisionError>, [Indexes; 2]) {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    create_index(&driver, collection, &index).await;
    let before = indexes_of(&driver).await;
    let result = database.connect().await.provision().await;
    (result, [before, indexes_of(&driver).await])
}

/// Checks that the index is refused, and that nothing in the database changes. Gives its name in
/// the error, and how it differs.
async fn refusal(collection: Collection, index: Document) -> (String, String) {
    let (result, [before, after]) = provision_beside(collection, index).await;
    assert_eq!(before, after, "nothing is created, dropped or changed");
    match result {
        Err(ProvisionError::IndexDiffers { collection: of, index, difference, .. }) if of == collection => {
            (index, difference)
        }
        other => panic!("{other:?}"),
    }
}

/// Checks that the index is accepted and kept. Gives the indexes of its collection as lines.
async fn acceptance(collection: Collection, index: Document) -> Vec<String> {
    let kept = described(&index);
    let (result, [_, after]) = provision_beside(collection, index).await;
    result.expect("an index that is no obstacle");
    let lines: Vec<_> = after[collection.name()].iter().map(described).collect();
    assert!(lines.contains(&kept), "{lines:?}");
    lines
}

/// How many indexes the schema declares for a collection.
fn declared(collection: &str) -> usize {
    INDEXES.iter().filter(|index| index.collection.name() == collection).count()
}

#[tokio::test]
async fn exactly_the_indexes_of_the_schema_are_created() {
    let database = TestDatabase::new();
    database.provisioned().await;
    let mut created = indexes_of(&database.driver().await).await;
    for (collection, expected) in SCHEMA {
        let lines: Vec<_> = created.remove(*collection).unwrap().iter().map(described).collect();
        let is_there = |line: &&&str| !lines.iter().any(|other| other == **line);
        let missing: Vec<_> = expected.iter().filter(is_there).collect();
        assert!(missing.is_empty(), "{collection}: {missing:?}");
        assert_eq!(lines.len(), declared(collection) + 1, "{collection}");
        // The others are for lists.
        let others = lines.iter().filter(|line| !expected.contains(&line.as_str()));
        assert!(others.clone().all(|line| line.contains("_id)") || line.contains("_id, ")), "{lines:?}");
    }
    assert!(created.is_empty(), "{created:?}");
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let driver = database.driver().await;
    let before = indexes_of(&driver).await;
    store.provision().await.unwrap();
    assert_eq!(indexes_of(&driver).await, before);
}

#[tokio::test]
async fn a_missing_index_is_created_again_and_the_others_stay() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let driver = database.driver().await;
    let mut before = indexes_of(&driver).await;
    driver.run_command(doc! { "dropIndexes": "campaigns", "index": "status_1" }).await.unwrap();
    assert_ne!(indexes_of(&driver).await, before);
    store.provision().await.unwrap();
    let mut after = indexes_of(&driver).await;
    for indexes in [&mut before, &mut after] {
        // The order is that of creation.
        indexes.get_mut("campaigns").unwrap().sort_by_key(ToString::to_string);
    }
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_runs_at_once_from_four_connections_all_succeed() {
    let database = TestDatabase::new();
    let stores = join_all((0..4).map(|_| database.connect())).await;
    let runs = stores.iter().chain(&stores).cloned();
    let runs = runs.map(|store| tokio::spawn(async move { store.provision().await }));
    for run in join_all(runs).await {
        run.unwrap().unwrap();
    }
    let created = indexes_of(&database.driver().await).await;
    for (collection, _) in SCHEMA {
        assert_eq!(created[*collection].len(), declared(collection) + 1, "{collection}");
    }
}

#[tokio::test]
async fn the_same_name_with_other_keys_differs() {
    let index = doc! { "name": "email_1", "key": { "user_name": 1 } };
    let (index, difference) = refusal(Collection::Users, index).await;
    assert_eq!(index, "email_1");
    assert_eq!(
        difference,
        "key is { user_name: 1 }, not { email: 1 }; unique is absent, not true; sparse is absent, not true"
    );
}

#[tokio::test]
async fn the_other_direction_under_the_same_name_differs() {
    let index = doc! { "name": "sent_at_1", "key": { "sent_at": -1 } };
    let (_, difference) = refusal(Collection::EmailTracking, index).await;
    assert_eq!(difference, "key is { sent_at: -1 }, not { sent_at: 1 }");
}

#[tokio::test]
async fn the_same_keys_not_unique_differ() {
    let index = doc! { "name": "mine", "key": { "tracking_id": 1 } };
    let differs = ("mine".to_owned(), "unique is absent, not true".to_owned());
    assert_eq!(refusal(Collection::EmailTracking, index).await, differs);
}

#[tokio::test]
async fn the_same_keys_unique_where_they_should_not_be_differ() {
    let index = doc! { "name": "user_id_1", "key": { "user_id": 1 }, "unique": true };
    let differs = ("user_id_1".to_owned(), "unique is true, not absent".to_owned());
    assert_eq!(refusal(Collection::Campaigns, index).await, differs);
}

#[tokio::test]
async fn the_same_keys_not_sparse_differ() {
    let index = doc! { "name": "clerk_user_id_1", "key": { "clerk_user_id": 1 }, "unique": true };
    let differs = ("clerk_user_id_1".to_owned(), "sparse is absent, not true".to_owned());
    assert_eq!(refusal(Collection::Users, index).await, differs);
}

#[tokio::test]
async fn another_partial_filter_differs() {
    let index = doc! {
        "name": "one_primary_per_user",
        "key": { "user_id": 1, "is_primary": 1 },
        "unique": true,
        "partialFilterExpression": { "is_active": true },
    };
    let (_, difference) = refusal(Collection::Mailboxes, index).await;
    assert_eq!(difference, r#"partialFilterExpression is { "is_active": true }, not { "is_primary": true }"#);
}

#[tokio::test]
async fn a_partial_filter_too_many_differs() {
    let index = doc! {
        "name": "campaign_id_1",
        "key": { "campaign_id": 1 },
        "unique": true,
        "partialFilterExpression": { "total_sent": { "$gt": 0 } },
    };
    let (_, difference) = refusal(Collection::CampaignMetrics, index).await;
    assert_eq!(difference, r#"partialFilterExpression is { "total_sent": { "$gt": 0 } }, not absent"#);
}

#[tokio::test]
async fn a_collation_differs() {
    let index = doc! {
        "name": "recipient_email_1",
        "key": { "recipient_email": 1 },
        "collation": { "locale": "en", "strength": 2 },
    };
    let (index, difference) = refusal(Collection::EmailTracking, index).await;
    assert_eq!(index, "recipient_email_1");
    assert!(difference.starts_with(r#"collation is { "locale": "en""#), "{difference}");
    assert!(difference.ends_with("not absent"), "{difference}");
}

#[tokio::test]
async fn a_hidden_index_differs() {
    let index = doc! { "name": "start_time_1", "key": { "start_time": 1 }, "hidden": true };
    let differs = ("start_time_1".to_owned(), "hidden is true, not absent".to_owned());
    assert_eq!(refusal(Collection::Campaigns, index).await, differs);
}

#[tokio::test]
async fn an_index_that_expires_documents_differs() {
    let index = doc! { "name": "sent_at_1", "key": { "sent_at": 1 }, "expireAfterSeconds": 3_600 };
    let differs = ("sent_at_1".to_owned(), "expireAfterSeconds is 3600, not absent".to_owned());
    assert_eq!(refusal(Collection::EmailTracking, index).await, differs);
}

#[tokio::test]
async fn an_equal_index_under_another_name_is_accepted() {
    let index = doc! { "name": "by_login", "key": { "login_id": 1 }, "unique": true };
    let lines = acceptance(Collection::Users, index).await;
    assert!(!lines.iter().any(|line| line.starts_with("login_id_1")), "{lines:?}");
    assert_eq!(lines.len(), declared("users") + 1, "{lines:?}");
}

#[tokio::test]
async fn numbers_of_any_type_make_an_equal_index() {
    for one in [Bson::Int64(1), Bson::Double(1.0)] {
        let database = TestDatabase::new();
        let driver = database.driver().await;
        let index = doc! { "name": "login_id_1", "key": { "login_id": one }, "unique": true };
        create_index(&driver, Collection::Users, &index).await;
        database.provisioned().await;
    }
}

#[tokio::test]
async fn indexes_that_the_schema_does_not_know_are_left_alone() {
    for unknown in [
        doc! { "name": "created_at_1", "key": { "created_at": 1 }, "expireAfterSeconds": 3_600 },
        doc! { "name": "user_id_-1", "key": { "user_id": -1 } },
        doc! { "name": "user_id_1_sent_at_1", "key": { "user_id": 1, "sent_at": 1 } },
        doc! { "name": "campaign_id_hashed", "key": { "campaign_id": "hashed" } },
    ] {
        let indexes = acceptance(Collection::EmailTracking, unknown).await;
        assert_eq!(indexes.len(), declared("email_tracking") + 2);
    }
}

#[tokio::test]
async fn an_index_of_the_same_keys_beside_the_right_one_is_left_alone() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    // The odd one is older, so that it is listed first.
    let odd = doc! { "name": "odd", "key": { "login_id": 1 }, "collation": { "locale": "en" } };
    let right = doc! { "name": "right", "key": { "login_id": 1 }, "unique": true };
    create_index(&driver, Collection::Users, &odd).await;
    create_index(&driver, Collection::Users, &right).await;
    database.provisioned().await;
    let users = &indexes_of(&driver).await["users"];
    let names: Vec<_> = users.iter().map(|index| index.get_str("name").unwrap()).collect();
    assert_eq!(names, ["_id_", "odd", "right", "clerk_user_id_1", "email_1", "is_active_1__id_1"]);
}
