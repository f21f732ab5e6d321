//! Quarantined documents, and how they are retried.

use campaign_store::{
    KeyId, Migration, MigrationOptions, ReencryptPlan, ReencryptReport, RetryReport, contract,
};
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, doc};

use super::world::{MAILBOXES, World};
use crate::support::legacy::Sizes;

const SIZES: Sizes = Sizes { mailboxes: 300, campaigns: 100, tracking: 500 };

async fn retry(world: &World) -> RetryReport {
    let retry = world.migration().retry_quarantined(MigrationOptions::new());
    retry.try_collect::<Vec<_>>().await.unwrap().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_mended_is_taken_over_by_another_try() {
    let world = World::new(3, 1.0, SIZES).await;
    let before = world.migrate().await;
    let bad = before.collections[0].quarantined();
    let unchanged = retry(&world).await;
    assert_eq!((unchanged.tried, unchanged.taken), (before.quarantined(), 0));
    let content = world.content().await;

    // Somebody finds the addresses that were missing.
    let old = world.database.collection(MAILBOXES).await;
    let mut mended = 0;
    for document in world.all("migration_quarantine").await {
        if document.get_str("reason").unwrap() == "invalid_email" {
            mended += 1;
            let id = document.get_document("_id").unwrap().get("id").unwrap();
            let found = doc! { "$set": { "email": format!("found{mended}@example.com") } };
            old.update_one(doc! { "_id": id }, found).await.unwrap();
        }
    }
    assert!(mended > 3);
    assert_eq!(world.content().await, content);
    let report = retry(&world).await;
    assert_eq!(report.taken, mended);
    assert_eq!(report.staying.values().sum::<u64>(), before.quarantined() - mended);
    let after = world.migration().status().await.unwrap();
    assert_eq!(after.collections[0].quarantined(), bad - mended);
    assert!(after.collections.iter().all(campaign_store::CopyReport::adds_up), "{after:?}");
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_old_collections_are_gone_the_sealed_original_is_tried() {
    let world = World::new(3, 1.0, SIZES).await;
    let report = world.migrate().await;
    world.migration().finalise(MigrationOptions::new()).await.unwrap();
    let tried = retry(&world).await;
    assert_eq!((tried.tried, tried.taken), (report.quarantined(), 0));
    assert_eq!(tried.staying.values().sum::<u64>(), report.quarantined());
}

/// The last report of a rotation to the primary key of these.
async fn rotate(world: &World, keys: &[String], plan: ReencryptPlan) -> ReencryptReport {
    let store = world.database.connect_with_vault(&contract::vault(keys).await).await.system();
    let reports = store.mailbox_secrets.reencrypt(plan).await.unwrap();
    reports.try_collect::<Vec<_>>().await.unwrap().pop().unwrap()
}

fn key_id(id: u32) -> KeyId {
    KeyId::new(id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_are_sealed_and_follow_the_rotation_of_the_keys() {
    let world = World::new(3, 1.0, SIZES).await;
    let quarantined = world.migrate().await.quarantined();
    let both = [contract::key(2, 2), contract::key(1, 1)];
    let dry = rotate(&world, &both, ReencryptPlan::new().dry_run()).await;
    assert_eq!((dry.originals.scanned, dry.originals.rewritten), (quarantined, quarantined));
    assert!(dry.left_under[&key_id(1)] >= quarantined && !dry.left_under.contains_key(&key_id(2)));
    let done = rotate(&world, &both, ReencryptPlan::new()).await;
    assert_eq!((done.originals.rewritten, done.originals.unreadable), (quarantined, 0));
    assert!(!done.left_under.contains_key(&key_id(1)), "{:?}", done.left_under);
    let again = rotate(&world, &both, ReencryptPlan::new()).await;
    assert_eq!((again.originals.rewritten, again.originals.current), (0, quarantined));
    let only = contract::vault(&[contract::key(2, 2)]).await;
    let later = Migration::new(&world.database.connect_with_vault(&only).await).unwrap();
    let tried = later.retry_quarantined(MigrationOptions::new());
    let tried = tried.try_collect::<Vec<_>>().await.unwrap().pop().unwrap();
    assert_eq!(tried.tried, quarantined);
    // The old key alone opens none, and that is told of each.
    let old = rotate(&world, &[contract::key(1, 1)], ReencryptPlan::new()).await;
    assert_eq!((old.originals.unreadable, old.originals.rewritten), (quarantined, 0));
    assert!(old.left_under[&key_id(2)] >= quarantined);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_does_not_open_is_counted_and_the_others_are_rotated() {
    let world = World::new(3, 1.0, SIZES).await;
    let quarantined = world.migrate().await.quarantined();
    let kept = world.database.collection("migration_quarantine").await;
    let [first, second] = &world.all("migration_quarantine").await[..2] else { panic!("two") };
    // One is exchanged for another's, one is no original at all.
    let foreign = doc! { "$set": { "original": second.get("original").unwrap() } };
    kept.update_one(doc! { "_id": first.get("_id").unwrap() }, foreign).await.unwrap();
    let broken = doc! { "$set": { "original": "canary" } };
    kept.update_one(doc! { "_id": second.get("_id").unwrap() }, broken).await.unwrap();
    let both = [contract::key(2, 2), contract::key(1, 1)];
    let report = rotate(&world, &both, ReencryptPlan::new()).await;
    assert_eq!((report.originals.unreadable, report.originals.rewritten), (2, quarantined - 2));
    assert_eq!(report.left_under.get(&key_id(1)), Some(&1), "the exchanged one still names the old key");
    let problems = report.originals.first_unreadable.join("; ");
    assert!(problems.contains("not authentic") && problems.contains("well-formed"), "{problems}");
    assert!(!problems.contains("canary") && !problems.contains('@'), "{problems}");
}

/// As the server stores it, at most 16 MiB: the change must not hold it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_original_is_rotated() {
    let world = World::new(3, 0.0, SIZES).await;
    let old = world.database.collection(MAILBOXES).await;
    old.insert_one(doc! { "email": 7, "note": "x".repeat(9 << 20) }).await.unwrap();
    let quarantined = world.migrate().await.quarantined();
    assert!(quarantined > 0);
    let both = [contract::key(2, 2), contract::key(1, 1)];
    let done = rotate(&world, &both, ReencryptPlan::new()).await;
    assert_eq!((done.originals.rewritten, done.originals.unreadable), (quarantined, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quarantine_shows_where_and_why_and_no_value() {
    let world = World::new(3, 1.0, SIZES).await;
    world.migrate().await;
    for document in world.all("migration_quarantine").await {
        let mut fields: Vec<_> = document.keys().map(String::as_str).collect();
        fields.retain(|field| !["survivor", "counted_as"].contains(field));
        fields.sort_unstable();
        assert_eq!(fields, ["_id", "first_seen", "from", "original", "reason", "reasons"]);
        for reason in document.get_array("reasons").unwrap() {
            let reason = reason.as_document().unwrap();
            assert_eq!(reason.keys().collect::<Vec<_>>(), ["code", "path", "bson_type"]);
        }
        if document.get_str("reason").unwrap() == "duplicate" {
            assert!(matches!(document.get("survivor"), Some(Bson::ObjectId(_))));
        }
    }
}
