//! Verification, rollback and finalising.

use campaign_store::{MigrationError, MigrationOptions, MigrationOutcome, RollbackReport};
use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::world::{MAILBOXES, World, run};
use crate::support::legacy::Sizes;

const SIZES: Sizes = Sizes { mailboxes: 200, campaigns: 100, tracking: 1_500 };

async fn rollback(world: &World) -> RollbackReport {
    let rollback = world.migration().rollback(MigrationOptions::new());
    rollback.try_collect::<Vec<_>>().await.unwrap().pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_removes_what_the_run_created_and_the_next_run_starts_anew() {
    let world = World::new(1, 1.0, SIZES).await;
    let old = world.old_bytes().await;
    let report = world.migrate().await;
    let content = world.content().await;
    let rolled_back = rollback(&world).await;
    assert!(rolled_back.is_done);
    assert_eq!((rolled_back.changed_since, rolled_back.needed), (0, 0));
    for name in ["mailboxes", "campaigns", "campaign_metrics", "migration_quarantine", "migration_parts"] {
        assert_eq!(world.all(name).await, [], "{name}");
    }
    assert_eq!(world.old_bytes().await, old);
    let again = world.migrate().await;
    assert_eq!(world.content().await, content);
    for (again, first) in again.collections.iter().zip(&report.collections) {
        assert_eq!((&again.repaired, &again.quarantined), (&first.repaired, &first.quarantined));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_leaves_what_the_application_changed_and_what_that_needs() {
    let world = World::new(1, 0.0, SIZES).await;
    world.migrate().await;
    let store = world.store.system();
    let campaign = world.all("campaigns").await.swap_remove(0);
    let id = campaign.get_str("campaign_id").unwrap();
    let later = doc! { "$set": { "updated_at": mongodb::bson::DateTime::now(), "subject": "Mine" } };
    world.database.collection("campaigns").await.update_one(doc! { "campaign_id": id }, later).await.unwrap();
    let touched = world.all("mailboxes").await.into_iter().find(|mailbox| {
        mailbox.get_object_id("_id").unwrap() != campaign.get_object_id("mailbox_id").unwrap()
    });
    let touched = touched.unwrap().get_object_id("_id").unwrap();
    world.database.clock.set(chrono::Utc::now());
    store.mailboxes.touch(touched.into()).await.unwrap();

    let report = rollback(&world).await;
    assert_eq!((report.changed_since, report.needed), (2, 1));
    let mailboxes: Vec<_> =
        world.all("mailboxes").await.iter().map(|mailbox| mailbox.get_object_id("_id").unwrap()).collect();
    let mut expected = vec![campaign.get_object_id("mailbox_id").unwrap(), touched];
    expected.sort();
    assert_eq!(mailboxes, expected);
    assert_eq!(world.all("campaigns").await.len(), 1);
    assert_eq!(world.all("campaign_metrics").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_finds_whatever_is_wrong() {
    let world = World::new(4, 0.25, SIZES).await;
    world.migrate().await;
    let verified = world.verify().await;
    assert!(verified.is_ok(), "{verified:?}");

    let mailboxes = world.database.collection("mailboxes").await;
    let all = world.all("mailboxes").await;
    let id = |n: usize| all[n].get_object_id("_id").unwrap();
    // A lost one, a changed field, a lost secret, the secret of another, and a field too many.
    mailboxes.delete_one(doc! { "_id": id(0) }).await.unwrap();
    let changes = [
        (1, doc! { "$set": { "provider": "aol" } }),
        (2, doc! { "$unset": { "password": 1 } }),
        (3, doc! { "$set": { "access_token": all[4].get_str("access_token").unwrap() } }),
        (5, doc! { "$set": { "nickname": "x" } }),
    ];
    for (n, change) in changes {
        mailboxes.update_one(doc! { "_id": id(n) }, change).await.unwrap();
    }
    let metrics = world.database.collection("campaign_metrics").await;
    metrics.update_one(doc! {}, doc! { "$inc": { "total_opened": 1_i64 } }).await.unwrap();

    let found = world.verify().await;
    assert!(!found.is_ok());
    assert_eq!((found.missing, found.differing, found.metrics_drift), (1, 4, 1), "{found:?}");
    let mut problems: Vec<_> =
        found.problems.iter().map(|problem| (problem.id.clone(), problem.problem.as_str())).collect();
    problems.sort();
    let mut expected: Vec<_> =
        [(0, "missing"), (1, "provider"), (2, "password"), (3, "access_token"), (5, "(document)")]
            .map(|(n, problem)| (id(n).to_hex(), problem))
            .into();
    expected.sort();
    assert_eq!(problems, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn finalising_renames_the_old_collections_and_removes_their_secrets() {
    let world = World::new(2, 1.0, SIZES).await;
    let early = world.migration().finalise(MigrationOptions::new()).await.unwrap_err();
    assert!(matches!(early, MigrationError::NotMigrated), "{early}");
    world.migrate().await;
    let content = world.content().await;
    let before = world.all(MAILBOXES).await.len();

    let report = world.migration().finalise(MigrationOptions::new()).await.unwrap();
    assert_eq!(report.renamed.len(), 2);
    assert_eq!(report.scrubbed, before as u64);
    assert_eq!(world.all(MAILBOXES).await, []);
    let retired = world.all("_legacy_warm_up_emails_table").await;
    assert_eq!(retired.len(), before);
    assert!(!retired.iter().any(|document| document.to_string().contains("PLAIN-")));

    // Again, it does nothing; and there is no way back.
    let again = world.migration().finalise(MigrationOptions::new()).await.unwrap();
    assert_eq!((again.renamed.len(), again.scrubbed), (0, 0));
    assert_eq!(run(&world.migration(), MigrationOptions::new()).await.unwrap(), MigrationOutcome::Done);
    assert_eq!(world.content().await, content);
    let back = world.migration().rollback(MigrationOptions::new()).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(back, MigrationError::Finalised), "{back}");
    assert!(world.migration().status().await.unwrap().is_finalised);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_come_later_are_taken_over_by_the_next_run() {
    let world = World::new(5, 0.25, SIZES).await;
    let old = world.database.collection(MAILBOXES).await;
    // Some are held back, also such as clash with others.
    let mut held = world.all(MAILBOXES).await;
    held.retain(|document| document.get_object_id("_id").is_ok_and(|id| id.bytes()[11] % 3 == 0));
    for document in &held {
        old.delete_one(doc! { "_id": document.get("_id").unwrap() }).await.unwrap();
    }
    world.migrate().await;
    old.insert_many(&held).await.unwrap();
    let report = world.migrate().await;
    assert!(report.collections.iter().all(campaign_store::CopyReport::adds_up), "{report:?}");
    assert!(world.verify().await.is_ok());
    let whole = World::new(5, 0.25, SIZES).await;
    whole.migrate().await;
    assert_eq!(world.content().await, whole.content().await);
}
