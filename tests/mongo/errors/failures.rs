//! Servers that fail during use.

use std::time::Duration;

use bson::{Document, doc};
use campaign_store::{Error, LoginAttempt, LoginOutcome, LoginPassword, PageRequest, UserFilter};
use futures_util::StreamExt;

use super::connecting::in_time;
use super::fail_point::{Failing, times};
use super::{assert_unavailable, error_of, new_user, target};

/// Twice, because the driver tries once more by itself.
const TRIES: i32 = 2;

fn hang_up() -> Document {
    doc! { "closeConnection": true }
}

fn code(code: i32) -> Document {
    doc! { "errorCode": code }
}

#[tokio::test]
async fn a_broken_connection_is_unavailable_and_the_next_call_succeeds() {
    let db = Failing::new().await;
    let (target, id) = (target().await, db.scene.user.id);
    db.fail(times(TRIES), &["find"], hang_up()).await;
    assert_unavailable(&error_of(db.store.users.get(id).await), &target);
    assert_eq!(db.store.users.get(id).await.unwrap(), Some(db.scene.user.clone()));
    db.fail(times(TRIES), &["insert"], hang_up()).await;
    assert_unavailable(&error_of(db.store.users.create(new_user("other")).await), &target);
    db.store.users.create(new_user("other")).await.unwrap();
    db.fail(times(TRIES), &["findAndModify"], hang_up()).await;
    assert_unavailable(&error_of(db.store.users.set_active(id, false).await), &target);
    assert!(!db.store.users.set_active(id, false).await.unwrap().is_active);
}

#[tokio::test]
async fn a_login_that_cannot_be_looked_up_is_unavailable_and_not_rejected() {
    let db = Failing::new().await;
    let password = LoginPassword::new("correct horse").unwrap();
    db.sound.users.set_password(db.scene.user.id, password).await.unwrap();
    let attempt = || LoginAttempt::new("canary", "correct horse");
    db.fail(times(TRIES), &["find"], hang_up()).await;
    assert_unavailable(&error_of(db.store.users.verify_login(attempt()).await), &target().await);
    // The hash is weaker than this store's: it cannot be replaced, and the login is right all the same.
    db.fail("alwaysOn", &["update"], code(8)).await;
    for _ in 0..2 {
        let outcome = db.store.users.verify_login(attempt()).await.unwrap();
        assert!(matches!(outcome, LoginOutcome::Accepted(_)));
    }
    db.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_once_goes_unnoticed() {
    let db = Failing::new().await;
    for commands in ["find", "insert", "findAndModify"] {
        db.fail(times(1), &[commands], hang_up()).await;
        assert!(db.store.users.get(db.scene.user.id).await.unwrap().is_some());
        db.store.users.create(new_user(commands)).await.unwrap();
        db.store.users.record_login(db.scene.user.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_no_primary_now_is_unavailable() {
    let db = Failing::new().await;
    let target = target().await;
    // Interrupted by shutdown, stepped down, not the primary, not master.
    for number in [91, 189, 10_107, 10_058] {
        db.fail(times(TRIES), &["find"], code(number)).await;
        assert_unavailable(&error_of(db.store.users.get(db.scene.user.id).await), &target);
    }
    for number in [91, 10_107] {
        db.fail(times(TRIES), &["insert"], code(number)).await;
        assert_unavailable(&error_of(db.store.users.create(new_user("other")).await), &target);
    }
    db.stop().await;
    db.store.users.create(new_user("other")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_too_busy_or_too_slow_is_unavailable() {
    let db = Failing::new().await;
    let target = target().await;
    // A write conflict, an interrupted operation, an exceeded time limit.
    for number in [112, 246, 50, 262] {
        db.fail("alwaysOn", &["findAndModify"], code(number)).await;
        assert_unavailable(&error_of(db.store.users.set_active(db.scene.user.id, false).await), &target);
    }
    db.stop().await;
    assert!(db.sound.users.get(db.scene.user.id).await.unwrap().unwrap().is_active);
}

#[tokio::test]
async fn a_write_that_was_not_confirmed_in_time_is_unavailable() {
    let db = Failing::new().await;
    let unconfirmed = doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for canary" } };
    db.fail("alwaysOn", &["insert", "findAndModify", "delete"], unconfirmed).await;
    let target = target().await;
    assert_unavailable(&error_of(db.store.users.create(new_user("other")).await), &target);
    assert_unavailable(&error_of(db.store.users.set_active(db.scene.user.id, false).await), &target);
    db.stop().await;
}

#[tokio::test]
async fn a_missing_right_is_unauthorized() {
    let db = Failing::new().await;
    db.fail("alwaysOn", &["insert", "find"], code(13)).await;
    let target = target().await;
    let expected = format!("the database at {target} refused access: the user lacks a right");
    assert_eq!(error_of(db.store.users.create(new_user("other")).await).to_string(), expected);
    assert_eq!(error_of(db.store.users.get(db.scene.user.id).await).to_string(), expected);
    db.stop().await;
}

#[tokio::test]
async fn a_count_that_outlasts_its_snapshot_names_the_parameter_of_the_server() {
    let db = Failing::new().await;
    let metrics = &db.store.campaign_metrics;
    // A snapshot that is older than a collection: a later one will do.
    db.fail(times(1), &["aggregate"], code(246)).await;
    metrics.recount(db.scene.campaign.id).await.unwrap();
    db.fail("alwaysOn", &["aggregate"], code(239)).await;
    let error = error_of(metrics.recount(db.scene.campaign.id).await);
    assert_unavailable(&error, &target().await);
    assert!(error.to_string().contains("minSnapshotHistoryWindowInSeconds"), "{error}");
    db.stop().await;
}

#[tokio::test]
async fn another_failure_has_its_code_and_the_operation() {
    let db = Failing::new().await;
    db.fail("alwaysOn", &["insert", "find", "aggregate", "update"], code(8)).await;
    let scene = &db.scene;
    let (users, campaigns) = (&db.store.users, &db.store.campaigns);
    for (operation, error) in [
        ("users.create", error_of(users.create(new_user("other")).await)),
        ("users.find", error_of(users.get(scene.user.id).await)),
        ("users.list", error_of(users.list(&UserFilter::all(), &PageRequest::default()).await)),
        ("campaigns.get", error_of(campaigns.get(scene.campaign.id).await)),
        ("campaigns.count_by_status", error_of(campaigns.count_by_status().await)),
        ("campaigns.complete_expired", error_of(campaigns.complete_expired(scene.user.created_at).await)),
    ] {
        assert_eq!(error, Error::backend(operation, Some(8)));
        assert!(!error.is_retryable());
    }
    db.stop().await;
}

#[tokio::test]
async fn a_stream_ends_after_its_connection_broke() {
    let db = Failing::new().await;
    let users = db.database.collection("users").await;
    let documents = (0..1_500).map(|n| doc! { "login_id": n });
    users.insert_many(documents).await.unwrap();
    let stream = db.store.users.stream(&UserFilter::all()).await.unwrap();
    // The first batch is there, and the next one is fetched when it is processed.
    db.fail("alwaysOn", &["find"], hang_up()).await;
    let records: Vec<_> = stream.collect().await;
    // The rest of the first batch cannot be read, which does not end a stream.
    let (first, last) = (&records[0], &records[records.len() - 1]);
    assert_eq!(first.as_ref().unwrap(), &db.scene.user);
    assert_unavailable(last.as_ref().unwrap_err(), &target().await);
    let broken = records.iter().filter(|record| matches!(record, Err(Error::Unavailable { .. })));
    assert_eq!(broken.count(), 1);
    assert!(records.len() < 1_500);
    db.stop().await;
}

#[tokio::test]
async fn a_server_that_stays_away_is_unavailable_in_time() {
    let db = Failing::with_timeout(Duration::from_secs(1)).await;
    let target = target().await;
    db.fail("alwaysOn", &["find", "insert", "findAndModify", "commitTransaction"], hang_up()).await;
    in_time(async {
        assert_unavailable(&error_of(db.store.users.create(new_user("other")).await), &target);
    })
    .await;
    in_time(async {
        let create = db.store.campaigns.create(super::new_campaign(&db.scene.mailbox));
        assert_unavailable(&error_of(create.await), &target);
    })
    .await;
    db.stop().await;
}
