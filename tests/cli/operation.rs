//! Everyday commands: provisioning, recounting, rotating keys.

use campaign_store::{
    AccessToken, Campaign, CampaignDuration, Clock, LoginId, NewCampaign, NewMailbox, NewSend, NewUser,
    Provider, RefreshToken, Repositories, contract,
};
use mongodb::IndexModel;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;
use serde_json::json;

use crate::program::{Program, exit};

/// A campaign with a send, made by the store on the program's database.
pub(crate) async fn campaign(program: &Program) -> (Repositories, Campaign) {
    let store = program.database.provisioned().await.system();
    let start = program.database.clock.now();
    let ada = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let tokens = (AccessToken::new("ya29.token").unwrap(), RefreshToken::new("1//token").unwrap());
    let mailbox = NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail).unwrap();
    let mailbox = store.mailboxes.link(mailbox.tokens(tokens.0, tokens.1)).await.unwrap();
    let day = CampaignDuration::hours(24.0).unwrap();
    let new = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers.", start, day).unwrap();
    let campaign = store.campaigns.create(new).await.unwrap();
    let send = NewSend::new(
        &campaign,
        &contract::sender_of(&campaign, "ada@work.example"),
        "bob@example.com",
        start,
    )
    .unwrap();
    store.email_tracking.record_sends(vec![send]).await.unwrap();
    (store, campaign)
}

#[tokio::test]
async fn a_plan_is_shown_and_carried_out_only_without_the_flag() {
    let program = Program::new();
    let driver = program.database.driver().await;
    let plan = program.json(&["provision", "--plan"], exit::DONE);
    assert_eq!((&plan["is_applied"], &plan["is_in_sync"]), (&json!(false), &json!(false)));
    let text = program.text(&["provision", "--plan"], exit::DONE).stdout;
    assert!(text.contains("create") && text.contains("login_id_1"), "{text}");
    assert!(driver.list_collection_names().await.unwrap().is_empty(), "nothing was created");

    assert!(program.text(&["provision"], exit::DONE).stdout.contains("Done."));
    let indexes = driver.collection::<()>("users").list_index_names().await.unwrap();
    assert!(indexes.contains(&"login_id_1".to_owned()), "{indexes:?}");
    assert!(program.text(&["provision"], exit::DONE).stdout.contains("nothing to do"));
    assert_eq!(program.json(&["provision"], exit::DONE)["is_in_sync"], true);
}

#[tokio::test]
async fn an_index_in_the_way_is_named_and_left() {
    let program = Program::new();
    let users = program.database.collection("users").await;
    let other = IndexModel::builder().keys(doc! { "login_id": 1 }).options(IndexOptions::default()).build();
    users.create_index(other).await.unwrap();
    assert!(program.text(&["provision", "--plan"], exit::FAILED).stdout.contains("login_id_1"));
    assert!(program.text(&["provision"], exit::FAILED).stderr.contains("login_id_1"));
    assert_eq!(program.json(&["provision"], exit::FAILED)["error"]["exit_code"], exit::FAILED);
    assert_eq!(users.list_index_names().await.unwrap(), ["_id_", "login_id_1"]);
}

#[tokio::test]
async fn validators_are_set_when_they_are_asked_for() {
    let program = Program::new();
    program.text(&["provision", "--validators", "warn"], exit::DONE);
    let report = program.json(&["provision", "--plan", "--validators", "warn"], exit::DONE);
    assert_eq!(report["is_in_sync"], true, "{report}");
    let report = program.json(&["provision", "--plan", "--validators", "enforce"], exit::DONE);
    assert_eq!(report["is_in_sync"], false, "{report}");
}

#[tokio::test]
async fn a_recount_corrects_what_is_wrong() {
    let program = Program::new();
    let (store, campaign) = campaign(&program).await;
    let metrics = program.database.collection("campaign_metrics").await;
    let wrong = doc! { "$set": { "total_sent": 7 } };
    metrics.update_one(doc! {}, wrong).await.unwrap();
    let report = program.json(&["recount"], exit::DONE);
    assert_eq!(
        report,
        json!({
            "checked": 1, "corrected": 1, "unreadable": 0, "unattributed": 0, "first_unattributed": [],
            "failed": 0, "first_failed": null, "is_done": true,
        })
    );
    assert_eq!(store.campaign_metrics.get(campaign.id).await.unwrap().unwrap().totals.sent, 1);
    assert!(
        program.text(&["recount"], exit::DONE).stdout.contains("1 campaigns recounted, the metrics of 0")
    );
}

#[tokio::test]
async fn logins_of_older_programs_are_found_and_rewritten() {
    let program = Program::new();
    let (store, _) = campaign(&program).await;
    let ada = store.users.find_by_login_id(&LoginId::new("ada").unwrap()).await.unwrap().unwrap();
    let users = program.database.collection("users").await;
    let set = doc! { "$set": { "login_id": "Ada", "email": "Ada@Example.com" } };
    users.update_one(doc! {}, set).await.unwrap();
    let dry = program.json(&["logins", "--dry-run"], exit::DONE);
    assert_eq!((&dry["is_dry_run"], &dry["rewritten"]), (&json!(true), &json!(2)));
    assert!(
        program.text(&["logins", "--dry-run"], exit::DONE).stdout.contains("2 login ids and addresses would")
    );
    let done = program.json(&["logins"], exit::DONE);
    assert_eq!((&done["users"], &done["rewritten"], &done["is_done"]), (&json!(1), &json!(2), &json!(true)));

    store.users.create(NewUser::new("Eve", "eve").unwrap()).await.unwrap();
    let eve = doc! { "login_id": "eve" };
    users.update_one(eve, doc! { "$set": { "login_id": "ADA" } }).await.unwrap();
    let text = program.text(&["logins"], exit::FAILED).stdout;
    assert!(text.contains("1 are those of another user") && text.contains(&ada.id.to_string()), "{text}");
}

#[tokio::test]
async fn keys_are_rotated() {
    let program = Program::new();
    let (_store, _campaign) = campaign(&program).await;
    let program = program.with_keys(&[contract::key(2, 2), contract::key(1, 1)]);
    let dry = program.json(&["rotate-keys", "--dry-run"], exit::DONE);
    assert_eq!((&dry["is_dry_run"], &dry["rewritten"]), (&json!(true), &json!(1)));
    let text = program.text(&["rotate-keys", "--dry-run"], exit::DONE).stdout;
    assert!(
        text.contains("1 would be re-encrypted") && text.contains("under key 1: 2 found, 2 left"),
        "{text}"
    );

    let done = program.json(&["rotate-keys"], exit::DONE);
    assert_eq!((&done["rewritten"], &done["left_under"]), (&json!(1), &json!({ "2": 2 })));
    assert!(program.text(&["rotate-keys"], exit::DONE).stdout.contains("0 re-encrypted"));

    let without = program.with_keys(&[contract::key(1, 1)]);
    let failed = without.json(&["rotate-keys"], exit::FAILED);
    assert_eq!(failed["unreadable"], 1, "{failed}");
    assert!(without.text(&["rotate-keys"], exit::FAILED).stdout.contains("key 2 is not in the keyring"));
}

#[tokio::test]
async fn what_is_in_quarantine_is_rotated_too() {
    let program = Program::new();
    let old = doc! { "email": 7 };
    program.database.collection("warm_up_emails_table").await.insert_one(old).await.unwrap();
    program.text(&["migrate", "--max-bad-share", "1"], exit::QUARANTINED);
    let program = program.with_keys(&[contract::key(2, 2), contract::key(1, 1)]);
    let dry = program.json(&["rotate-keys", "--dry-run"], exit::DONE);
    assert_eq!((&dry["originals"]["rewritten"], &dry["left_under"]), (&json!(1), &json!({ "1": 1 })));
    let doctor = program.command(&["doctor"]).output().unwrap().stdout;
    assert!(String::from_utf8(doctor).unwrap().contains("1 originals in quarantine; under key 1: 1"));
    let done = program.json(&["rotate-keys"], exit::DONE);
    assert_eq!((&done["originals"]["rewritten"], &done["left_under"]), (&json!(1), &json!({ "2": 1 })));
    let program = program.with_keys(&[contract::key(2, 2)]);
    let retried = program.json(&["retry-quarantined"], exit::QUARANTINED);
    assert_eq!(retried["tried"], 1, "the old key is not needed any more");
}
