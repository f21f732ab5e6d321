//! Applying a plan does what the plan says, no less and no more, and nothing once the plan is out of date.

use std::collections::BTreeSet;

use bson::doc;
use campaign_store::schema::INDEXES;
use campaign_store::{Collection, CommitQuorum, Error, ProvisionError, ProvisionOptions};
use futures_util::future::join_all;

use super::{commands_during, create_index, described, indexes_of, names_of, provision};
use crate::support::database::TestDatabase;

async fn lines_of(database: &TestDatabase, collection: Collection) -> Vec<String> {
    indexes_of(&database.driver().await).await[collection.name()].iter().map(described).collect()
}

#[tokio::test]
async fn an_applied_plan_leaves_nothing_to_do() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    provision(&store, &ProvisionOptions::new()).await.unwrap();
    assert_eq!(store.schema_drift(&ProvisionOptions::new()).await.unwrap(), []);
    let after = indexes_of(&database.driver().await).await;
    let commands = commands_during(&database, async {
        provision(&store, &ProvisionOptions::new()).await.expect("nothing to do");
    })
    .await;
    assert!(!names_of(&commands).contains(&"createIndexes"), "{commands:?}");
    assert_eq!(indexes_of(&database.driver().await).await, after);
}

#[tokio::test]
async fn a_plan_of_another_state_is_refused_and_nothing_is_done() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    let store = database.connect().await;
    let plan = store.plan(&ProvisionOptions::new()).await.unwrap();
    // Another index than the plan's, which would not even be in its way.
    create_index(&driver, Collection::Campaigns, &doc! { "name": "odd", "key": { "subject": 1 } }).await;
    let before = indexes_of(&driver).await;
    let error = store.apply(&plan).await.unwrap_err();
    assert!(
        matches!(error, ProvisionError::PlanStale { collection: Collection::Campaigns, .. }),
        "{error:?}"
    );
    assert_eq!(indexes_of(&driver).await, before);
    provision(&store, &ProvisionOptions::new()).await.unwrap();
}

#[tokio::test]
async fn an_unknown_index_that_became_another_one_makes_the_plan_stale() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    let store = database.provisioned().await;
    create_index(&driver, Collection::Users, &doc! { "name": "odd", "key": { "user_name": 1 } }).await;
    let plan = store.plan(&ProvisionOptions::new().drop_index(Collection::Users, "odd")).await.unwrap();
    driver.run_command(doc! { "dropIndexes": "users", "index": "odd" }).await.unwrap();
    create_index(&driver, Collection::Users, &doc! { "name": "odd", "key": { "user_name": -1 } }).await;
    assert!(matches!(store.apply(&plan).await, Err(ProvisionError::PlanStale { .. })));
    assert!(lines_of(&database, Collection::Users).await.contains(&"odd (user_name: -1)".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_apply_the_same_plan_at_once_all_succeed_or_are_told_that_it_is_done() {
    let database = TestDatabase::new();
    let stores = join_all((0..4).map(|_| database.connect())).await;
    let plan = stores[0].plan(&ProvisionOptions::new()).await.unwrap();
    let runs = stores.iter().map(|store| {
        let (store, plan) = (store.clone(), plan.clone());
        tokio::spawn(async move { store.apply(&plan).await })
    });
    let results = join_all(runs).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert!(results.iter().any(Result::is_ok), "{results:?}");
    for result in results {
        assert!(matches!(result, Ok(()) | Err(ProvisionError::PlanStale { .. })), "{result:?}");
    }
    assert!(stores[0].plan(&ProvisionOptions::new()).await.unwrap().is_in_sync());
}

#[tokio::test]
async fn what_differs_and_is_not_named_stops_everything() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    create_index(&driver, Collection::EmailTracking, &doc! { "name": "mine", "key": { "tracking_id": 1 } })
        .await;
    create_index(&driver, Collection::Users, &doc! { "name": "odd", "key": { "user_name": 1 } }).await;
    let before = indexes_of(&driver).await;
    let options = ProvisionOptions::new().drop_index(Collection::Users, "odd");
    let error = provision(&database.connect().await, &options).await.unwrap_err();
    assert!(matches!(error, ProvisionError::IndexDiffers { .. }), "{error:?}");
    assert_eq!(indexes_of(&driver).await, before);
}

#[tokio::test]
async fn only_what_is_named_is_dropped() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    let store = database.provisioned().await;
    for (collection, name) in
        [(Collection::Users, "odd"), (Collection::Users, "old"), (Collection::Campaigns, "old")]
    {
        create_index(&driver, collection, &doc! { "name": name, "key": { name: 1 } }).await;
    }
    let mut expected = indexes_of(&driver).await;
    expected.get_mut("users").unwrap().retain(|index| index.get_str("name").unwrap() != "old");
    let options = ProvisionOptions::new().drop_index(Collection::Users, "old");
    provision(&store, &options).await.unwrap();
    assert_eq!(indexes_of(&driver).await, expected);
}

#[tokio::test]
async fn a_replacement_is_built_before_the_index_that_it_replaces_is_dropped() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    create_index(&driver, Collection::Users, &doc! { "name": "mine", "key": { "login_id": 1 } }).await;
    create_index(&driver, Collection::Users, &doc! { "name": "odd", "key": { "user_name": 1 } }).await;
    let store = database.connect().await;
    let options = ProvisionOptions::new().drop_index(Collection::Users, "mine");
    let commands = commands_during(&database, async {
        provision(&store, &options).await.expect("a replacement");
    })
    .await;
    let changes: Vec<_> = names_of(&commands).into_iter().filter(|name| name.ends_with("Indexes")).collect();
    let changes: Vec<_> = changes.into_iter().filter(|name| !name.starts_with("list")).collect();
    let (last, created) = changes.split_last().unwrap();
    assert_eq!(*last, "dropIndexes");
    assert!(!created.is_empty() && created.iter().all(|name| *name == "createIndexes"), "{changes:?}");
    let lines = lines_of(&database, Collection::Users).await;
    assert!(lines.contains(&"login_id_1 (login_id) unique".to_owned()), "{lines:?}");
    assert!(lines.contains(&"odd (user_name)".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"mine (login_id)".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn what_cannot_stand_beside_its_replacement_is_dropped_first() {
    for (collection, index, line) in [
        // The same name.
        (
            Collection::Users,
            doc! { "name": "email_1", "key": { "user_name": 1 } },
            "email_1 (email) unique sparse",
        ),
        // The same keys, and no option that would tell them apart.
        (
            Collection::EmailTracking,
            doc! { "name": "mine", "key": { "sent_at": 1 }, "expireAfterSeconds": 3_600 },
            "sent_at_1 (sent_at)",
        ),
        // An adopted index gets the name of the schema.
        (
            Collection::Users,
            doc! { "name": "mine", "key": { "login_id": 1 }, "unique": true },
            "login_id_1 (login_id) unique",
        ),
    ] {
        let database = TestDatabase::new();
        create_index(&database.driver().await, collection, &index).await;
        let store = database.connect().await;
        let options = ProvisionOptions::new().drop_index(collection, index.get_str("name").unwrap());
        provision(&store, &options).await.unwrap();
        let lines = lines_of(&database, collection).await;
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
        // The same options do nothing a second time, though they name what is there now.
        assert!(store.plan(&options).await.unwrap().is_in_sync());
    }
}

#[tokio::test]
async fn hidden_indexes_and_times_to_live_are_altered_in_place() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    let hidden = doc! { "name": "mine", "key": { "status": 1 }, "hidden": true };
    create_index(&driver, Collection::Campaigns, &hidden).await;
    let slow =
        doc! { "name": "expires_at_1", "key": { "expires_at": 1 }, "expireAfterSeconds": 60, "hidden": true };
    create_index(&driver, Collection::EventReceipts, &slow).await;
    let store = database.connect().await;
    let options = ProvisionOptions::new()
        .alter_index(Collection::Campaigns, "mine")
        .alter_index(Collection::EventReceipts, "expires_at_1");
    let commands = commands_during(&database, async {
        provision(&store, &options).await.expect("two altered indexes");
    })
    .await;
    assert!(!names_of(&commands).contains(&"dropIndexes"), "{commands:?}");
    assert!(lines_of(&database, Collection::Campaigns).await.contains(&"mine (status)".to_owned()));
    let receipts = lines_of(&database, Collection::EventReceipts).await;
    assert_eq!(receipts, ["_id_ (_id)", "expires_at_1 (expires_at) expireAfterSeconds=0"]);
}

#[tokio::test]
async fn limits_go_with_the_commands() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    let options = ProvisionOptions::new()
        .max_time(std::time::Duration::from_secs(60))
        .commit_quorum(CommitQuorum::Majority);
    let commands = commands_during(&database, async {
        provision(&store, &options).await.expect("a new database");
    })
    .await;
    let builds = commands.iter().filter(|command| command.contains_key("createIndexes"));
    let builds: Vec<_> = builds.collect();
    // One for each unique index, and one for all others of a collection.
    let unique = INDEXES.iter().filter(|index| index.unique).count();
    let others: BTreeSet<_> =
        INDEXES.iter().filter(|index| !index.unique).map(|index| index.collection).collect();
    assert_eq!(builds.len(), unique + others.len());
    for build in builds {
        assert_eq!(build.get_i64("maxTimeMS").unwrap(), 60_000);
        assert_eq!(build.get_str("commitQuorum").unwrap(), "majority");
    }
}

#[tokio::test]
async fn a_quorum_that_nobody_can_reach_is_an_error_and_nothing_is_created() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    let options = ProvisionOptions::new().commit_quorum(CommitQuorum::Members(40));
    let error = provision(&store, &options).await.unwrap_err();
    assert_eq!(error.to_string(), "provision.apply failed in the database with code 278");
    assert!(indexes_of(&database.driver().await).await.values().all(|indexes| indexes.len() <= 1));
}

#[tokio::test]
async fn a_build_that_takes_too_long_leaves_no_index() {
    let database = TestDatabase::new();
    let rows = database.collection("email_tracking").await;
    let documents = (0..20_000).map(|n| doc! { "tracking_id": n });
    rows.insert_many(documents).await.unwrap();
    let store = database.connect().await;
    let options = ProvisionOptions::new().max_time(std::time::Duration::from_millis(1));
    let error = provision(&store, &options).await.unwrap_err();
    assert!(matches!(error, ProvisionError::Store(Error::Unavailable { .. })), "{error:?}");
    assert_eq!(lines_of(&database, Collection::EmailTracking).await, ["_id_ (_id)"]);
}
