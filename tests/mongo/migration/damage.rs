//! What a migration keeps for itself, damaged: it is an error that names the document, and nothing is
//! skipped or assumed in its place.

use campaign_store::{Collection, Error, MigrationError, MigrationOptions};
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::world::{World, run};
use crate::support::legacy::Sizes;

const SIZES: Sizes = Sizes { mailboxes: 60, campaigns: 30, tracking: 100 };

/// The collection and the id of a document that cannot be read.
fn corrupt(error: &MigrationError) -> (Collection, &str) {
    match error {
        MigrationError::Store(Error::Corrupt { collection, id, .. }) => (*collection, id),
        other => panic!("{other:?}"),
    }
}

/// A migration that is done, in which one document was changed.
async fn damaged(collection: Collection, filter: Document, change: Document) -> World {
    let world = World::new(1, 1.0, SIZES).await;
    world.migrate().await;
    let documents = world.database.collection(collection.name()).await;
    assert_eq!(documents.update_one(filter, change).await.unwrap().modified_count, 1);
    world
}

/// Has the next run look at the parts again.
async fn reopen(world: &World) {
    let steps = world.database.collection("migration_steps").await;
    steps.update_many(doc! {}, doc! { "$set": { "is_done": false } }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_cannot_be_read_is_an_error_of_run_and_status() {
    let id = "warm_up_emails_table/0000";
    for change in [
        doc! { "$set": { "sequence": "CANARY" } },
        doc! { "$set": { "is_done": 1 } },
        doc! { "$set": { "step": "CANARY" } },
        doc! { "$unset": { "step": true } },
        doc! { "$unset": { "counts": true } },
        doc! { "$set": { "counts.as_is": -1 } },
        doc! { "$set": { "counts.repaired.CANARY": 1 } },
    ] {
        let world = damaged(Collection::MigrationParts, doc! { "_id": id }, change.clone()).await;
        let error = world.migration().status().await.unwrap_err();
        assert_eq!(corrupt(&error), (Collection::MigrationParts, id), "{change}");
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        let before = world.content().await;
        reopen(&world).await;
        let error = run(&world.migration(), MigrationOptions::new()).await.unwrap_err();
        assert_eq!(corrupt(&error), (Collection::MigrationParts, id), "{change}");
        assert_eq!(world.content().await, before, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_ledger_that_cannot_be_read_is_an_error_and_not_a_no() {
    for (flag, value) in
        [("is_finalised", Bson::from("CANARY")), ("is_done", 1.into()), ("millis", (-1).into())]
    {
        let change = doc! { "$set": { flag: value } };
        let world = damaged(Collection::MigrationSteps, doc! { "_id": "migration" }, change).await;
        let migration = world.migration();
        let before = world.content().await;
        // Rolling back what is finalised would be the worst of it.
        for error in [
            migration.status().await.unwrap_err(),
            run(&migration, MigrationOptions::new()).await.unwrap_err(),
            migration.finalise(MigrationOptions::new()).await.unwrap_err(),
            migration.rollback(MigrationOptions::new()).try_collect::<Vec<_>>().await.unwrap_err(),
        ] {
            assert_eq!(corrupt(&error), (Collection::MigrationSteps, "migration"), "{flag}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        }
        assert_eq!(world.content().await, before, "{flag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_quarantine_and_the_clashes_hold_is_counted_or_an_error() {
    for (collection, filter, change) in [
        (Collection::MigrationQuarantine, doc! {}, doc! { "$set": { "reason": "CANARY" } }),
        (Collection::MigrationQuarantine, doc! {}, doc! { "$unset": { "reason": true } }),
        (Collection::MigrationQuarantine, doc! {}, doc! { "$set": { "counted_as": "CANARY" } }),
        (
            Collection::MigrationClashes,
            doc! { "losers.0": { "$exists": true } },
            doc! { "$set": { "losers.0.counted_as": 7 } },
        ),
    ] {
        let world = damaged(collection, filter, change.clone()).await;
        let error = world.migration().status().await.unwrap_err();
        assert_eq!(corrupt(&error).0, collection, "{change}");
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_cannot_be_read_is_an_error_and_not_a_free_one() {
    let held = DateTime::from_millis(DateTime::now().timestamp_millis() + 60_000);
    for damage in [doc! { "owner": 7 }, doc! { "owner": "process 1", "token": "CANARY" }] {
        let mut change = doc! { "expires_at": held };
        change.extend(damage.clone());
        let world =
            damaged(Collection::MigrationLease, doc! { "_id": "lease" }, doc! { "$set": change }).await;
        let migration = world.migration();
        for error in [
            migration.status().await.unwrap_err(),
            run(&migration, MigrationOptions::new()).await.unwrap_err(),
            migration.rollback(MigrationOptions::new()).try_collect::<Vec<_>>().await.unwrap_err(),
        ] {
            assert_eq!(corrupt(&error), (Collection::MigrationLease, "lease"), "{damage}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        }
    }
}
