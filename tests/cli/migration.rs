//! A migration, from the dry run to the end.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::program::{Program, exit};
use crate::support::legacy::{LegacyData, Sizes};

const MAILBOXES: &str = "warm_up_emails_table";
const CAMPAIGNS: &str = "email_campaigns";

/// A program on an old database, half of it spoiled.
async fn messy() -> (Program, LegacyData) {
    legacy(0.5).await
}

async fn legacy(mess: f64) -> (Program, LegacyData) {
    let program = Program::new();
    let data = LegacyData::generate(1, mess, Sizes::SMALL);
    data.load(&program.database.driver().await).await;
    (program, data)
}

/// The documents that the truth has with this outcome, by reason.
fn expected(data: &LegacyData, collection: &str, outcome: &str) -> Value {
    let mut counts = BTreeMap::<String, u64>::new();
    for document in data.truth["documents"][collection].as_array().unwrap() {
        if document["outcome"] == outcome {
            let reason = document["reason"].as_str().unwrap_or("none");
            *counts.entry(reason.to_owned()).or_default() += 1;
        }
    }
    json!(counts)
}

fn assert_is_the_truth(report: &Value, data: &LegacyData) {
    for (copy, collection) in report["collections"].as_array().unwrap().iter().zip([MAILBOXES, CAMPAIGNS]) {
        assert_eq!(copy["from"], collection);
        assert_eq!(copy["source"], data.truth["counts"][collection]);
        assert_eq!(copy["read"], copy["source"]);
        assert_eq!(
            copy["migrated"],
            expected(data, collection, "migrated").get("none").cloned().unwrap_or(json!(0))
        );
        assert_eq!(copy["repaired"], expected(data, collection, "repaired"));
        assert_eq!(copy["quarantined"], expected(data, collection, "quarantined"));
        assert!(copy["seconds"].is_f64() && copy["docs_per_second"].is_f64(), "{copy}");
    }
}

#[tokio::test]
async fn a_migration_reports_what_became_of_every_document() {
    let (program, data) = messy().await;
    let report = program.json(&["migrate"], exit::QUARANTINED);
    assert_eq!((&report["outcome"], &report["is_done"]), (&json!("done"), &json!(true)));
    assert_is_the_truth(&report, &data);

    let text = program.text(&["migrate"], exit::QUARANTINED).stdout;
    let status = program.json(&["status"], exit::DONE);
    assert_eq!(status["collections"], report["collections"], "the second run changed nothing");
    for reason in ["duplicate", "renamed_fields", "Migrated."] {
        assert!(text.contains(reason), "{text}");
    }
    assert_eq!(program.text(&["status"], exit::DONE).stdout, text);
}

#[tokio::test]
async fn a_dry_run_says_the_same_before_and_writes_nothing() {
    let (program, data) = messy().await;
    let driver = program.database.driver().await;
    let before = driver.list_collection_names().await.unwrap();
    let report = program.json(&["migrate", "--dry-run"], exit::QUARANTINED);
    assert_is_the_truth(&report, &data);
    assert!(report["forecast"]["bytes"].as_u64() > Some(0), "{report}");
    let text = program.text(&["migrate", "--dry-run"], exit::QUARANTINED).stdout;
    assert!(text.contains("Nothing was written"), "{text}");
    assert_eq!(driver.list_collection_names().await.unwrap(), before);
}

#[tokio::test]
async fn a_clean_database_is_migrated_and_verified_without_complaint() {
    let (program, _data) = legacy(0.0).await;
    let report = program.json(&["migrate", "--verify", "--wait", "5", "--max-bad-share", "0"], exit::DONE);
    let checked = u64::from(Sizes::SMALL.mailboxes + Sizes::SMALL.campaigns);
    assert_eq!(report["verification"]["same"], checked, "{report}");
    let text = program.text(&["migrate", "--verify"], exit::DONE).stdout;
    assert!(text.contains("0 missing, 0 different"), "{text}");
}

#[tokio::test]
async fn too_many_bad_documents_stop_a_migration() {
    let program = Program::new();
    // It takes more than a thousand documents to tell.
    let data = LegacyData::generate(1, 0.5, Sizes { mailboxes: 3_000, ..Sizes::SMALL });
    data.load(&program.database.driver().await).await;
    let error = program.text(&["migrate", "--max-bad-share", "0.001"], exit::FAILED).stderr;
    assert!(error.contains("of warm_up_emails_table cannot be taken over"), "{error}");
}

#[tokio::test]
async fn a_verification_finds_what_is_missing() {
    let (program, _data) = messy().await;
    program.text(&["migrate"], exit::QUARANTINED);
    assert_eq!(program.json(&["verify"], exit::DONE)["missing"], 0);
    assert!(program.text(&["verify"], exit::DONE).stdout.contains("0 missing"));

    let mailboxes = program.database.collection("mailboxes").await;
    let lost = mailboxes.find_one_and_delete(doc! {}).await.unwrap().unwrap();
    let report = program.json(&["verify"], exit::FAILED);
    assert_eq!((&report["missing"], &report["problems"][0]["problem"]), (&json!(1), &json!("missing")));
    let text = program.text(&["verify"], exit::FAILED).stdout;
    assert!(text.contains(&lost.get_object_id("_id").unwrap().to_hex()), "{text}");
}

#[tokio::test]
async fn a_rollback_wants_to_be_confirmed_and_leaves_the_old_collections() {
    let (program, data) = messy().await;
    let migrated = program.json(&["migrate"], exit::QUARANTINED);
    assert!(program.text(&["rollback"], exit::WRONG_USE).stderr.contains("--yes"));
    assert_eq!(program.json(&["status"], exit::DONE)["collections"], migrated["collections"]);

    let report = program.json(&["rollback", "--yes"], exit::DONE);
    let mailboxes = program.database.collection("mailboxes").await;
    assert_eq!(mailboxes.count_documents(doc! {}).await.unwrap(), 0);
    assert!(report["removed"]["mailboxes"].as_u64() > Some(0), "{report}");
    assert!(program.text(&["status"], exit::DONE).stdout.contains("Not migrated yet."));
    program.text(&["rollback", "--yes"], exit::DONE);
    assert_is_the_truth(&program.json(&["migrate"], exit::QUARANTINED), &data);
}

#[tokio::test]
async fn finalising_wants_to_be_confirmed_and_is_the_end() {
    let (program, _data) = messy().await;
    assert!(program.text(&["finalise", "--yes"], exit::FAILED).stderr.contains("migrat"));
    program.text(&["migrate"], exit::QUARANTINED);
    assert_eq!(program.json(&["finalise"], exit::WRONG_USE)["error"]["exit_code"], exit::WRONG_USE);
    let report = program.json(&["finalise", "--yes"], exit::DONE);
    assert_eq!(report["renamed"][MAILBOXES], "_legacy_warm_up_emails_table");
    program.text(&["finalise", "--yes"], exit::DONE);
    assert_eq!(program.json(&["status"], exit::DONE)["is_finalised"], true);
    program.text(&["rollback", "--yes"], exit::FAILED);
}

#[tokio::test]
async fn quarantined_documents_are_tried_again() {
    let (program, _data) = messy().await;
    program.text(&["migrate"], exit::QUARANTINED);
    let staying = program.json(&["retry-quarantined"], exit::QUARANTINED);
    assert_eq!(staying["taken"], 0);

    let negative = doc! { "duration": { "$lt": 0 } };
    let campaigns = program.database.collection(CAMPAIGNS).await;
    let mended = campaigns.update_many(negative, doc! { "$set": { "duration": 24 } }).await.unwrap();
    assert!(mended.modified_count > 0);
    let report = program.json(&["retry-quarantined"], exit::QUARANTINED);
    assert_eq!((&report["taken"], &report["is_done"]), (&json!(mended.modified_count), &json!(true)));
    assert!(program.text(&["retry-quarantined"], exit::QUARANTINED).stdout.contains("0 taken over"));
}

#[tokio::test]
async fn while_somebody_else_migrates_the_program_waits_or_says_so() {
    let (program, _data) = messy().await;
    let leases = program.database.collection("migration_lease").await;
    let held: Document = doc! { "_id": "lease", "owner": "somebody", "token": 7_i64 };
    leases.insert_one(held).await.unwrap();
    let an_hour = doc! { "$set": { "expires_at": { "$add": ["$$NOW", 3_600_000] } } };
    leases.update_one(doc! {}, vec![an_hour]).await.unwrap();
    for command in [&["migrate"][..], &["rollback", "--yes"], &["retry-quarantined"]] {
        assert!(program.text(command, exit::LOCK_HELD).stderr.contains("somebody"));
        assert_eq!(program.json(command, exit::LOCK_HELD)["error"]["exit_code"], exit::LOCK_HELD);
    }
    program.text(&["migrate", "--wait", "1"], exit::LOCK_HELD);
    assert_eq!(program.json(&["status"], exit::DONE)["runner"], "somebody");
}
