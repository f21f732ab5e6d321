//! Processes that are killed, and processes that sleep.

use std::time::Duration;

use mongodb::bson::doc;

use crate::program::{Program, exit};
use crate::support::legacy::{LegacyData, Sizes, content, expire_lease};

const SIZES: Sizes = Sizes { mailboxes: 1_200, campaigns: 1_100, tracking: 1_000 };

/// A program before an old database that is the same for all.
async fn program() -> Program {
    let program = Program::new();
    LegacyData::generate(3, 1.0, SIZES).load(&program.database.driver().await).await;
    program
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_time_goes_on_to_the_same_end() {
    let whole = program().await;
    whole.json(&["migrate"], exit::QUARANTINED);
    let killed = program().await;
    let driver = killed.database.driver().await;
    let mut kills = 0;
    let mut patience = Duration::from_millis(20);
    while killed.start(&["migrate"]).kill_after(patience) != Some(exit::QUARANTINED) {
        kills += 1;
        patience = patience * 5 / 4;
        expire_lease(&driver).await;
    }
    assert!(kills > 5, "{kills}");
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
