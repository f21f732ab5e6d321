//! Several runners, one of them migrating.

use std::time::Duration;

use campaign_store::{Migration, MigrationError, MigrationOptions, MigrationOutcome, MigrationPhase, Stop};
use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::world::{World, run};
use crate::support::legacy::Sizes;

const SIZES: Sizes = Sizes { mailboxes: 1_500, campaigns: 1_100, tracking: 500 };

fn patient() -> MigrationOptions {
    MigrationOptions::new().wait(Duration::from_secs(120)).lease(Duration::from_secs(2))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_runners_one_migrates_and_the_others_learn_that_it_is_done() {
    let world = World::new(3, 0.25, SIZES).await;
    let mut runners = Vec::new();
    for _ in 0..8 {
        // Each with connections of its own.
        let migration = Migration::new(&world.database.connect().await).unwrap();
        runners.push(tokio::spawn(async move { run(&migration, patient()).await.unwrap() }));
    }
    let mut outcomes = Vec::new();
    for runner in runners {
        outcomes.push(runner.await.unwrap());
    }
    outcomes.sort_by_key(|outcome| *outcome == MigrationOutcome::DoneByOther);
    assert_eq!(outcomes.first(), Some(&MigrationOutcome::Done));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == MigrationOutcome::DoneByOther), "{outcomes:?}");
    let once = World::new(3, 0.25, SIZES).await;
    once.migrate().await;
    assert_eq!(world.content().await, once.content().await);
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_is_told_who_has_the_lease() {
    let world = World::new(3, 0.0, SIZES).await;
    let mut first = world.migration().run(MigrationOptions::new());
    while first.try_next().await.unwrap().unwrap().phase == MigrationPhase::Waiting {}
    let other = Migration::new(&world.database.connect().await).unwrap();
    let error = run(&other, MigrationOptions::new()).await.unwrap_err();
    let MigrationError::LeaseHeld { owner, remaining_ms, .. } = &error else { panic!("{error}") };
    assert!(owner.starts_with("process "), "{owner}");
    assert!((1..=30_000).contains(remaining_ms), "{remaining_ms}");
    assert_eq!(other.status().await.unwrap().runner.as_ref(), Some(owner));
    for error in [
        other.rollback(MigrationOptions::new()).try_collect::<Vec<_>>().await.unwrap_err(),
        other.retry_quarantined(MigrationOptions::new()).try_collect::<Vec<_>>().await.unwrap_err(),
        other.finalise(MigrationOptions::new()).await.unwrap_err(),
    ] {
        assert!(matches!(error, MigrationError::LeaseHeld { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_can_be_stopped() {
    let world = World::new(3, 0.0, SIZES).await;
    let mut first = world.migration().run(MigrationOptions::new());
    first.try_next().await.unwrap();
    let stop = Stop::default();
    let other = Migration::new(&world.database.connect().await).unwrap();
    let mut waiting = other.run(patient().stop(stop.clone()));
    assert_eq!(waiting.try_next().await.unwrap().unwrap().phase, MigrationPhase::Waiting);
    stop.request();
    let rest: Vec<_> = waiting.try_collect().await.unwrap();
    assert_eq!(rest.last().unwrap().phase, MigrationPhase::Finished(MigrationOutcome::Stopped));
    assert!(world.migration().status().await.unwrap().runner.is_some(), "the first one goes on");
}

/// The runner sleeps past its lease, as a stopped process does: its runtime stands still.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_slept_past_its_lease_writes_nothing_more() {
    let world = World::new(8, 0.25, SIZES).await;
    let lease = MigrationOptions::new().lease(Duration::from_secs(1));
    let (asleep, woken) = (std::sync::mpsc::channel::<()>(), std::sync::mpsc::channel::<()>());
    let migration = Migration::new(&world.database.connect().await).unwrap();
    let sleeper = std::thread::spawn({
        let (asleep, woken) = (asleep.0, woken.1);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut progress = migration.run(lease);
                while !matches!(progress.try_next().await.unwrap().unwrap().phase, MigrationPhase::Copying(_))
                {
                }
                asleep.send(()).unwrap();
                woken.recv().unwrap();
                progress.try_collect::<Vec<_>>().await
            })
        }
    });
    asleep.1.recv().unwrap();
    assert_eq!(run(&world.migration(), patient()).await.unwrap(), MigrationOutcome::Done);
    let content = world.content().await;
    woken.0.send(()).unwrap();
    let error = sleeper.join().unwrap().unwrap_err();
    assert!(matches!(error, MigrationError::LeaseLost), "{error}");
    assert_eq!(world.content().await, content);
    assert!(world.verify().await.is_ok());
}

/// Its clock stands still too, so that it believes in its lease: the database must refuse it.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_believes_in_its_lease_is_refused_by_the_database() {
    let world = World::new(8, 0.25, SIZES).await;
    let mut progress = world.migration().run(MigrationOptions::new());
    while !matches!(progress.try_next().await.unwrap().unwrap().phase, MigrationPhase::Copying(_)) {}
    // Somebody takes over at once, as after the lease ran out.
    let parts = world.database.collection("migration_parts").await;
    parts.update_many(doc! {}, doc! { "$inc": { "token": 1_i64 } }).await.unwrap();
    let before = world.all("mailboxes").await.len();
    let error = progress.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, MigrationError::LeaseLost), "{error}");
    assert_eq!(world.all("mailboxes").await.len(), before);
}
