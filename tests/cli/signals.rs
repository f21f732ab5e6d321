//! Ctrl-C and SIGTERM.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::doc;
use serde_json::json;

use crate::program::{Program, Running, exit};
use crate::support::fail_command::FailCommand;
use crate::support::legacy::{LegacyData, Sizes};
use crate::support::server;

const LARGE: Sizes = Sizes { mailboxes: 3_000, campaigns: 2_000, tracking: 1_000 };

/// A migration that has copied some mailboxes and is far from done.
async fn begun(program: &Program, args: &[&str]) -> Running {
    let running = program.start(args);
    let mailboxes = program.database.collection("mailboxes").await;
    while mailboxes.find_one(doc! {}).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running
}

#[tokio::test]
async fn a_signal_stops_a_migration_at_a_checkpoint_and_the_next_run_goes_on() {
    let program = Program::new();
    let data = LegacyData::generate(1, 0.1, LARGE);
    data.load(&program.database.driver().await).await;

    let running = begun(&program, &["migrate", "--verify", "--json"]).await;
    running.signal("INT");
    let stopped = running.end(exit::STOPPED);
    assert!(stopped.stderr.contains("Stopping"), "{}", stopped.stderr);
    let report = stopped.into_json();
    assert_eq!((&report["outcome"], &report["is_done"]), (&json!("stopped"), &json!(false)));
    let copied = report["collections"][0]["read"].as_u64().unwrap();
    assert!(copied > 0, "{report}");

    let running = program.start(&["migrate"]);
    let held = doc! { "expires_at": { "$gt": mongodb::bson::DateTime::from_millis(0) } };
    let leases = program.database.collection("migration_lease").await;
    while leases.find_one(held.clone()).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running.signal("TERM");
    let stopped = running.end(exit::STOPPED).stdout;
    assert!(stopped.contains("the same command resumes"), "{stopped}");

    let report = program.json(&["migrate", "--verify"], exit::QUARANTINED);
    assert_eq!(report["verification"]["missing"], 0);
    for copy in report["collections"].as_array().unwrap() {
        assert_eq!(copy["source"], data.truth["counts"][copy["from"].as_str().unwrap()]);
        assert_eq!(copy["read"], copy["source"], "nothing counts twice");
    }
}

#[tokio::test]
async fn who_waits_for_somebody_else_can_be_stopped() {
    let program = Program::new();
    let leases = program.database.collection("migration_lease").await;
    leases.insert_one(doc! { "_id": "lease", "owner": "somebody", "token": 7_i64 }).await.unwrap();
    let an_hour = doc! { "$set": { "expires_at": { "$add": ["$$NOW", 3_600_000] } } };
    leases.update_one(doc! {}, vec![an_hour]).await.unwrap();
    let mut running = program.start(&["migrate", "--wait", "600", "--json"]);
    running.wait_for("waiting");
    running.signal("INT");
    assert_eq!(running.end(exit::STOPPED).into_json()["outcome"], "stopped");
}

#[tokio::test]
async fn the_second_signal_ends_at_once() {
    let app = server::database_name();
    let program = Program::new();
    let program = program.at(format!("{}&appName={app}", server::uri()));
    let driver = program.database.driver().await;
    let slow = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": { "failCommands": ["buildInfo"], "appName": &app, "blockConnection": true, "blockTimeMS": 30_000 },
    };
    let admin = driver.client().database("admin");
    let _alone = FailCommand::take().await;
    admin.run_command(slow).await.unwrap();
    let mut running = program.start(&["doctor", "--json"]);
    // It listens to signals before it connects.
    wait_until_connected(&admin, &app).await;
    running.signal("INT");
    running.wait_for("Stopping");
    running.signal("INT");
    assert_eq!(running.end(exit::STOPPED).stdout, "", "it did not come to an answer");
    admin.run_command(doc! { "configureFailPoint": "failCommand", "mode": "off" }).await.unwrap();
}

/// Waits until the server has a connection of the program of this name.
async fn wait_until_connected(admin: &Database, app: &str) {
    let stages = [
        doc! { "$currentOp": { "allUsers": true, "idleConnections": true } },
        doc! { "$match": { "appName": app } },
    ];
    while !admin.aggregate(stages.clone()).await.unwrap().advance().await.unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
