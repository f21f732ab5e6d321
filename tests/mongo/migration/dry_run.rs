//! What a dry run reports, and that it writes nothing.

use campaign_store::{DryRunReport, Migration, MigrationOptions, MongoOptions, MongoStore};
use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::world::{World, run};
use crate::support::legacy::{Sizes, expire_lease};

const SIZES: Sizes = Sizes { mailboxes: 300, campaigns: 200, tracking: 1_000 };

async fn dry_run(world: &World) -> DryRunReport {
    let reports: Vec<_> = world.migration().dry_run().try_collect().await.unwrap();
    let report = reports.last().unwrap().clone();
    assert!(report.is_done);
    report
}

/// Every command but those that read.
async fn writes(world: &World) -> u64 {
    let reads = ["find", "aggregate", "count", "listIndexes", "listCollections", "hello", "getMore"];
    let reading: Vec<_> =
        reads.iter().map(|name| doc! { format!("command.{name}"): { "$exists": true } }).collect();
    let profile = world.database.collection("system.profile").await;
    let namespace = doc! { "$not": { "$regex": "system.profile$" } };
    profile.count_documents(doc! { "$nor": reading, "ns": namespace }).await.unwrap()
}

async fn profile(world: &World, level: i32) {
    world.database.driver().await.run_command(doc! { "profile": level }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_the_run_then_does() {
    for (seed, mess) in [(1, 0.25), (2, 1.0), (3, 0.0), (11, 1.0)] {
        let world = World::new(seed, mess, SIZES).await;
        let foreseen = dry_run(&world).await;
        let done = world.migrate().await;
        for (foreseen, done) in foreseen.collections.iter().zip(&done.collections) {
            assert_eq!(foreseen.source, done.source);
            assert_eq!(foreseen.migrated, done.migrated, "seed {seed}");
            assert_eq!(foreseen.repaired, done.repaired, "seed {seed}");
            assert_eq!(foreseen.quarantined, done.quarantined, "seed {seed}");
        }
        assert_eq!(foreseen.forecast.documents, u64::from(SIZES.mailboxes + SIZES.campaigns));
        assert!(foreseen.forecast.bytes > 10_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_writes_nothing_in_any_state() {
    let world = World::new(2, 1.0, SIZES).await;
    // Before, in the middle, after, and after a rollback.
    for state in 0..4 {
        match state {
            0 => {}
            1 => {
                let options = MigrationOptions::new();
                let mut progress = world.migration().run(options);
                for _ in 0..4 {
                    progress.try_next().await.unwrap();
                }
                drop(progress);
                // Nobody waits for the end of a lease here.
                expire_lease(&world.database.driver().await).await;
            }
            2 => {
                run(&world.migration(), MigrationOptions::new()).await.unwrap();
            }
            _ => {
                let rollback = world.migration().rollback(MigrationOptions::new());
                rollback.try_collect::<Vec<_>>().await.unwrap();
            }
        }
        let names = world.database.driver().await.list_collection_names().await.unwrap();
        // By the server's own account.
        profile(&world, 2).await;
        dry_run(&world).await;
        profile(&world, 0).await;
        assert_eq!(writes(&world).await, 0, "state {state}");
        world.database.collection("system.profile").await.drop().await.unwrap();
        let mut after = world.database.driver().await.list_collection_names().await.unwrap();
        let mut names = names;
        names.sort();
        after.sort();
        assert_eq!(after, names);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_the_keys_and_no_old_collections() {
    let world = World::new(2, 0.0, Sizes { mailboxes: 1, campaigns: 0, tracking: 0 }).await;
    let driver = world.database.driver().await;
    driver.drop().await.unwrap();
    let report = dry_run(&world).await;
    assert!(report.collections.iter().all(|copy| copy.source == 0));
    let without = MongoOptions::new(crate::support::server::uri(), &world.database.name);
    let without = MongoStore::connect_with(without).await.unwrap();
    assert_eq!(Migration::new(&without).unwrap_err().to_string(), "vault is missing");
}
