//! Processes that are killed, and processes that sleep.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::program::{Program, exit};
use crate::support::legacy::{LegacyData, Sizes, content, expire_lease};

const SIZES: Sizes = Sizes { mailboxes: 1_200, campaigns: 1_100, tracking: 1_000 };

/// A program before an old database that is the same for all.
async fn program() -> Program {
    let program = Program::new();
    LegacyData::generate(3, 1.0, SIZES).load(&program.database.driver().await).await;
    program
}

/// What runs have written so far. It changes with every write.
async fn written(database: &Database) -> Vec<u64> {
    let mut counts = Vec::new();
    for collection in
        ["migration_parts", "mailboxes", "campaigns", "campaign_metrics", "migration_quarantine"]
    {
        let documents = database.collection::<Document>(collection);
        counts.push(documents.count_documents(doc! {}).await.unwrap());
    }
    counts
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_time_goes_on_to_the_same_end() {
    let whole = program().await;
    whole.json(&["migrate"], exit::QUARANTINED);
    let killed = program().await;
    let driver = killed.database.driver().await;
    let mut kills = 0_u32;
    loop {
        let before = written(&driver).await;
        let mut running = killed.start(&["migrate"]);
        while running.exit_code().is_none() && written(&driver).await == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // It has written something: a little later each time, and in the end not at all.
        tokio::time::sleep(Duration::from_millis(2) * kills * kills).await;
        if running.kill() == Some(exit::QUARANTINED) {
            break;
        }
        kills += 1;
        expire_lease(&driver).await;
    }
    assert!(kills > 0, "the first run was over before its first write was seen");
    assert_eq!(content(&driver).await, content(&whole.database.driver().await).await);
    let (report, expected) = (killed.json(&["status"], exit::DONE), whole.json(&["status"], exit::DONE));
    for (copy, expected) in [0, 1].map(|n| (&report["collections"][n], &expected["collections"][n])) {
        for part in ["source", "read", "migrated", "repaired", "quarantined"] {
            assert_eq!(copy[part], expected[part], "{part}");
        }
    }
    killed.json(&["verify"], exit::DONE);
}

#[tokio::test]
async fn a_process_that_slept_past_its_lease_writes_nothing_more() {
    let program = program().await;
    let driver = program.database.driver().await;
    let sleeper = program.start(&["migrate"]);
    let mailboxes = program.database.collection("mailboxes").await;
    while mailboxes.find_one(doc! {}).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    sleeper.signal("STOP");
    // Nobody waits for the end of the lease. A transaction that the sleeper has begun is in the way until
    // the server gives it up, after a minute at most.
    expire_lease(&driver).await;
    program.json(&["migrate"], exit::QUARANTINED);
    let after = content(&driver).await;
    sleeper.signal("CONT");
    let ended = sleeper.end(exit::FAILED);
    assert!(ended.stderr.contains("lease"), "{}", ended.stderr);
    assert_eq!(content(&driver).await, after);
}
