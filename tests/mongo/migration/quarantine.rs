//! Quarantined documents, and how they are retried.

use campaign_store::{Migration, MigrationOptions, RetryReport, contract};
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

#[tokio::test(flavor = "multi_thread")]
async fn originals_are_sealed_and_follow_the_rotation_of_the_keys() {
    let world = World::new(3, 1.0, SIZES).await;
    let report = world.migrate().await;
    assert_eq!(world.migration().reencrypt_quarantine().await.unwrap(), 0);
    let newer = contract::vault(&[contract::key(2, 2), contract::key(1, 1)]).await;
    let rotating = Migration::new(&world.database.connect_with_vault(&newer).await).unwrap();
    assert_eq!(rotating.reencrypt_quarantine().await.unwrap(), report.quarantined());
    assert_eq!(rotating.reencrypt_quarantine().await.unwrap(), 0);
    let only = contract::vault(&[contract::key(2, 2)]).await;
    let later = Migration::new(&world.database.connect_with_vault(&only).await).unwrap();
    let tried = later.retry_quarantined(MigrationOptions::new());
    let tried = tried.try_collect::<Vec<_>>().await.unwrap().pop().unwrap();
    assert_eq!(tried.tried, report.quarantined());
    assert_eq!(later.reencrypt_quarantine().await.unwrap(), 0);
    // The old key alone opens none.
    assert!(world.migration().reencrypt_quarantine().await.is_err());
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
