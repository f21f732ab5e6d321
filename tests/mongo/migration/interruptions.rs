//! Runs that are interrupted and resumed. `tests/cli` does the same with killed processes.

use std::time::Duration;

use campaign_store::{
    Migration, MigrationError, MigrationOptions, MigrationOutcome, MigrationPhase, MigrationStep,
    MongoOptions, MongoStore, Stop, contract,
};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};

use super::world::{MAILBOXES, World, run};
use crate::errors::fail_point::{Failures, with_app_name};
use crate::provisioning::commands_during;
use crate::support::legacy::{Sizes, expire_lease};
use crate::support::server;

const SIZES: Sizes = Sizes { mailboxes: 1_200, campaigns: 1_100, tracking: 1_000 };

fn short() -> MigrationOptions {
    MigrationOptions::new().lease(Duration::from_secs(1)).wait(Duration::from_secs(60))
}

async fn uninterrupted() -> World {
    let world = World::new(3, 1.0, SIZES).await;
    world.migrate().await;
    world
}

async fn assert_whole(world: &World, whole: &World) {
    assert_eq!(world.content().await, whole.content().await);
    assert!(world.verify().await.is_ok());
    let (report, expected) =
        (world.migration().status().await.unwrap(), whole.migration().status().await.unwrap());
    for (copy, expected) in report.collections.iter().zip(&expected.collections) {
        assert_eq!(copy.migrated, expected.migrated);
        assert_eq!(copy.repaired, expected.repaired);
        assert_eq!(copy.quarantined, expected.quarantined);
        assert!(copy.adds_up());
    }
}

/// Whoever dies does not give the lease back. It ends at once, so that nobody waits.
async fn expire(world: &World) {
    expire_lease(&world.database.driver().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_dropped_after_any_item_goes_on_to_the_same_end() {
    let whole = uninterrupted().await;
    let world = World::new(3, 1.0, SIZES).await;
    let mut items = 1;
    loop {
        let mut progress = world.migration().run(short());
        let mut is_finished = false;
        let mut left = items;
        while left > 0 && !is_finished {
            match progress.try_next().await.unwrap() {
                // Nobody waits for the end of a lease here.
                Some(progress) if progress.phase == MigrationPhase::Waiting => expire(&world).await,
                Some(_) => left -= 1,
                None => is_finished = true,
            }
        }
        if is_finished {
            break;
        }
        items += 1;
    }
    assert_whole(&world, &whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_off_at_any_time_goes_on_to_the_same_end() {
    let whole = uninterrupted().await;
    let world = World::new(3, 1.0, SIZES).await;
    let mut patience = Duration::from_millis(5);
    loop {
        let migration = world.migration();
        match tokio::time::timeout(patience, run(&migration, short())).await {
            Ok(outcome) => {
                assert_eq!(outcome.unwrap(), MigrationOutcome::Done);
                break;
            }
            Err(_) => patience = patience * 7 / 5,
        }
        expire(&world).await;
    }
    assert_whole(&world, &whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_says_so_and_lets_others_go_on_at_once() {
    let whole = uninterrupted().await;
    let world = World::new(3, 1.0, SIZES).await;
    let stop = Stop::default();
    let mut progress = world.migration().run(MigrationOptions::new().stop(stop.clone()));
    progress.try_next().await.unwrap();
    stop.request();
    let rest: Vec<_> = progress.try_collect().await.unwrap();
    let phase = rest.last().unwrap().phase;
    assert_eq!(phase, MigrationPhase::Finished(MigrationOutcome::Stopped));
    assert!(!world.migration().status().await.unwrap().is_done);
    world.migrate().await;
    assert_whole(&world, &whole).await;
}

/// Ranges that begin at once can slow each other down to a quarter: see
/// `docs/decisions/migration.md#four-distant-ranges-are-copied-side-by-side`.
#[tokio::test(flavor = "multi_thread")]
async fn the_ranges_are_begun_one_after_the_other() {
    let world = World::new(3, 0.0, Sizes { mailboxes: 12_000, campaigns: 10, tracking: 10 }).await;
    let four_pages = async {
        let mut progress = world.migration().run(MigrationOptions::new());
        let mut pages = 0;
        while pages < 4 {
            let progress = progress.try_next().await.unwrap().unwrap();
            let is_page = progress.phase == MigrationPhase::Copying(MigrationStep::Mailboxes);
            pages += u32::from(is_page && progress.done > 0);
        }
    };
    let commands = commands_during(&world.database, four_pages).await;
    let parts = world.all("migration_parts").await;
    assert_eq!(parts.iter().filter(|part| part.contains_key("last")).count(), 4);
    let is_read = |command: &Document| {
        command.get_str("find").is_ok_and(|name| name == MAILBOXES) && command.contains_key("hint")
    };
    let is_written = |command: &Document| command.get_str("insert").is_ok_and(|name| name == "mailboxes");
    let pages = commands.iter().filter(|command| is_read(command) || is_written(command));
    let order: Vec<_> = pages.map(is_written).collect();
    assert_eq!(order, [false, true].repeat(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_network_and_of_transactions_are_got_over() {
    let whole = uninterrupted().await;
    let world = World::new(3, 1.0, SIZES).await;
    let uri = with_app_name(server::uri(), &world.database.name);
    let options = MongoOptions::new(uri, &world.database.name).clock(world.database.clock.clone());
    let vault = contract::vault(&[contract::key(1, 1)]).await;
    let store = MongoStore::connect_with(options.vault(vault)).await.unwrap();
    let failures = Failures::of(&world.database.name).await;
    for (command, data) in [
        ("insert", doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] }),
        ("find", doc! { "closeConnection": true }),
        ("commitTransaction", doc! { "closeConnection": true }),
        ("commitTransaction", doc! { "errorCode": 91, "errorLabels": ["TransientTransactionError"] }),
        ("aggregate", doc! { "closeConnection": true }),
        ("update", doc! { "errorCode": 91 }),
    ] {
        failures.fail(doc! { "activationProbability": 0.2 }, &[command], data).await;
        let stop = Stop::default();
        let mut progress = Migration::new(&store).unwrap().run(short().stop(stop.clone()));
        // Some errors go beyond the patience of a run; the next one goes on.
        for _ in 0..3 {
            if progress.try_next().await.is_err() {
                break;
            }
        }
        stop.request();
        drop(progress.try_collect::<Vec<_>>().await);
        failures.stop().await;
    }
    // One of the runs may have come to the end before it was stopped.
    let last = run(&world.migration(), short()).await.unwrap();
    assert!(matches!(last, MigrationOutcome::Done | MigrationOutcome::DoneByOther), "{last:?}");
    assert_whole(&world, &whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_bad_documents_stop_the_run_and_nothing_is_lost() {
    let world = World::new(3, 0.0, SIZES).await;
    let old = world.database.collection("warm_up_emails_table").await;
    old.update_many(doc! {}, doc! { "$set": { "email": 42 } }).await.unwrap();
    let error = run(&world.migration(), short()).await.unwrap_err();
    let MigrationError::TooManyRejected { from, read, rejected, .. } = error else { panic!("{error}") };
    assert_eq!((from, read), ("warm_up_emails_table", rejected));
    assert!(world.all("migration_quarantine").await.len() < 1_000);
    let all = short().max_bad_share(1.0).unwrap();
    assert_eq!(run(&world.migration(), all).await.unwrap(), MigrationOutcome::Done);
    let report = world.migration().status().await.unwrap();
    assert_eq!(report.collections[0].quarantined(), 1_200);
    assert!(report.collections.iter().all(campaign_store::CopyReport::adds_up));
}
