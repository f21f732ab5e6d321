//! The findings of the doctor.

use campaign_store::{CampaignDuration, NewCampaign, Repositories, contract};
use chrono::{DateTime, Utc};
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::operation::campaign;
use crate::program::{Program, exit};
use crate::support::database::TestDatabase;

/// Long ago, by every clock.
fn past() -> DateTime<Utc> {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

fn problems(report: &Value) -> Vec<&str> {
    report["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_sound_database_has_no_problem() {
    let program = Program::new();
    program.text(&["provision"], exit::DONE);
    let report = program.json(&["doctor"], exit::DONE);
    assert_eq!((&report["is_healthy"], &report["problems"]), (&json!(true), &json!([])));
    assert_eq!(report["server"]["topology"], "replica_set");
    let text = program.text(&["doctor"], exit::DONE).stdout;
    for line in ["replica set", "as in the schema", "Nothing is wrong."] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn keys_that_are_not_given_are_not_checked() {
    let program = Program::new();
    campaign(&program).await;
    make_recent(&program.database).await;
    let program = program.with_keys(&[]);
    assert_eq!(program.json(&["doctor"], exit::DONE)["keys"], Value::Null);
    assert!(program.text(&["doctor"], exit::DONE).stdout.contains("not checked"));
}

#[tokio::test]
async fn everything_that_is_wrong_is_found() {
    let program = Program::new();
    let (store, campaign) = campaign(&program).await;
    make_recent(&program.database).await;
    let late = stale(&store, &campaign, false).await;
    let over = stale(&store, &campaign, true).await;
    let driver = program.database.driver().await;
    driver.collection::<()>("users").drop_index("login_id_1").await.unwrap();
    let of = doc! { "campaign_id": campaign.id.to_string() };
    let metrics = program.database.collection("campaign_metrics").await;
    metrics.update_one(of, doc! { "$set": { "total_sent": 7 } }).await.unwrap();
    let program = program.with_keys(&[contract::key(2, 2)]);

    let report = program.json(&["doctor"], exit::FAILED);
    let text = program.text(&["doctor"], exit::FAILED).stdout;
    for problem in [
        "users: the index login_id_1 is missing".to_owned(),
        "1 mailboxes have secrets that do not open".to_owned(),
        format!("the metrics of 1 campaigns are wrong: recount; such as {}", campaign.id),
        format!("1 active campaigns are past their end, such as {over}"),
        format!("1 scheduled campaigns are more than an hour past their start, such as {late}"),
    ] {
        assert!(problems(&report).contains(&problem.as_str()), "{problem} in {report}");
        assert!(text.contains(&problem), "{problem} in {text}");
    }
    assert_eq!(problems(&report).len(), 5, "{report}");
}

#[tokio::test]
async fn rows_of_unknown_campaigns_are_counted_and_no_problem() {
    let program = Program::new();
    let (_, campaign) = campaign(&program).await;
    make_recent(&program.database).await;
    let rows = program.database.collection("email_tracking").await;
    let mut row = rows.find_one(doc! {}).await.unwrap().unwrap();
    let unknown = "00000000-0000-4000-8000-000000000000".to_owned();
    for (n, unknown) in
        [unknown, "camp-17".to_owned(), campaign.id.to_string().to_uppercase()].iter().enumerate()
    {
        row.remove("_id");
        row.insert("campaign_id", unknown);
        row.insert("tracking_id", format!("00000000-0000-4000-8000-00000000000{n}"));
        rows.insert_one(&row).await.unwrap();
    }
    // What spells the id in another way is the campaign's.
    program.json(&["recount"], exit::DONE);
    let of_none = rows.find_one(doc! { "campaign_id": "camp-17" }).await.unwrap().unwrap();
    let of_none = of_none.get_object_id("_id").unwrap().to_hex();
    let metrics = &program.json(&["doctor"], exit::DONE)["metrics"];
    assert_eq!((&metrics["drifting"], &metrics["unknown_campaigns"]), (&json!(0), &json!(1)), "{metrics}");
    let unattributed = (&metrics["unattributed_rows"], &metrics["first_unattributed"]);
    assert_eq!(unattributed, (&json!(1), &json!([of_none])), "{metrics}");
    let named = format!("1 rows name no campaign, such as {of_none}");
    assert!(program.text(&["doctor"], exit::DONE).stdout.contains(&named));
    let named = format!("1 tracking rows name no campaign and were left alone, such as {of_none}");
    assert!(program.text(&["recount"], exit::DONE).stdout.contains(&named));
}

/// Takes care that the campaigns that are there are not stuck.
async fn make_recent(database: &TestDatabase) {
    let soon = doc! { "$set": { "start_time": { "$add": ["$$NOW", 3_600_000] } } };
    database.collection("campaigns").await.update_many(doc! {}, vec![soon]).await.unwrap();
}

/// Another campaign of the same owner that began long ago, scheduled or active.
async fn stale(store: &Repositories, like: &campaign_store::Campaign, is_active: bool) -> String {
    let day = CampaignDuration::hours(24.0).unwrap();
    let new = NewCampaign::new(like.user_id, like.mailbox_id, "Old", "Hello", "Snow.", past(), day).unwrap();
    let id = store.campaigns.create(new).await.unwrap().id;
    if is_active {
        store.campaigns.start(id).await.unwrap();
    }
    id.to_string()
}

#[tokio::test]
async fn unreadable_rows_and_marks_of_version_0_1_are_named_and_a_recount_removes_the_marks() {
    let program = Program::new();
    let (_, campaign) = campaign(&program).await;
    make_recent(&program.database).await;
    let rows = program.database.collection("email_tracking").await;
    let id = rows.find_one(doc! {}).await.unwrap().unwrap().get_object_id("_id").unwrap();
    rows.update_one(doc! { "_id": id }, doc! { "$set": { "opened_at": "soon" } }).await.unwrap();
    let marks = program.database.collection("recount_marks").await;
    marks.insert_one(doc! { "_id": format!("{}/{id}", campaign.id) }).await.unwrap();

    let report = program.json(&["doctor"], exit::FAILED);
    let named = format!("email_tracking: document {id} cannot be read: opened_at: is a text that is no date");
    for problem in ["recount_marks: version 0.1 marked 1 campaigns", named.as_str()] {
        assert!(problems(&report).iter().any(|found| found.contains(problem)), "{problem} in {report}");
    }
    assert_eq!(problems(&report).len(), 2, "{report}");
    assert_eq!(program.json(&["recount"], exit::DONE)["unreadable"], 1);
    assert_eq!(problems(&program.json(&["doctor"], exit::FAILED)).len(), 1);
}

#[tokio::test]
async fn logins_of_older_programs_are_counted_until_they_are_rewritten() {
    let program = Program::new();
    campaign(&program).await;
    make_recent(&program.database).await;
    let users = program.database.collection("users").await;
    let set = doc! { "$set": { "login_id": "Ada", "email": "Ada@Example.com" } };
    users.update_one(doc! {}, set).await.unwrap();
    let report = program.json(&["doctor"], exit::FAILED);
    let problem = "2 login ids and addresses of users are not in the stored form";
    assert!(problems(&report)[0].contains(problem), "{report}");
    assert!(problems(&report)[0].contains("`logins --dry-run`"), "it says what to do");
    assert_eq!(program.json(&["logins"], exit::DONE)["rewritten"], 2);
    let text = program.text(&["doctor"], exit::DONE).stdout;
    assert!(text.contains("0 not in the stored form, of 1 users"), "{text}");
}
