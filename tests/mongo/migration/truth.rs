//! Whole databases, compared with the truth document by document.

use std::collections::BTreeMap;

use campaign_store::{MailboxId, Repositories, Secret, SecretField};
use futures_util::stream::{self, StreamExt};
use mongodb::bson::Document;
use serde_json::{Value, json};

use super::world::{CAMPAIGNS, MAILBOXES, World, is_same, plain};
use crate::support::legacy::Sizes;

const SIZES: Sizes = Sizes { mailboxes: 300, campaigns: 200, tracking: 4_000 };

/// Checks every old document against what is there.
async fn check(world: &World) {
    check_mailboxes(world).await;
    check_campaigns(world).await;
    check_quarantine(world).await;
    check_metrics(world).await;
}

async fn check_mailboxes(world: &World) {
    let mailboxes: BTreeMap<String, Document> = by(&world.all("mailboxes").await, "_id");
    let repositories = world.store.system();
    let mut expected = 0;
    let mut secrets = Vec::new();
    for truth in world.truth_of(MAILBOXES) {
        let id = id_of(truth);
        if truth["outcome"] == "quarantined" {
            assert!(!mailboxes.contains_key(&id), "{truth}");
            continue;
        }
        expected += 1;
        let mailbox = mailboxes.get(&id).unwrap_or_else(|| panic!("missing: {truth}"));
        compare(mailbox, &truth["expect"], &["password", "access_token", "refresh_token"]);
        secrets.push(check_secrets(&repositories, id, truth));
    }
    assert_eq!(mailboxes.len(), expected);
    // One after the other they would wait for the server most of the time.
    stream::iter(secrets).buffer_unordered(16).collect::<Vec<()>>().await;
}

async fn check_secrets(repositories: &Repositories, id: String, truth: &Value) {
    let id: MailboxId = id.parse().unwrap();
    let credentials = repositories.mailbox_secrets.credentials(id).await.unwrap().unwrap();
    for field in SecretField::ALL {
        let opened = match field {
            SecretField::Password => credentials.password.as_ref().map(Secret::expose),
            SecretField::AccessToken => credentials.access_token.as_ref().map(Secret::expose),
            _ => credentials.refresh_token.as_ref().map(Secret::expose),
        };
        assert_eq!(opened, truth["secrets"][field.as_str()].as_str(), "{truth}");
    }
}

async fn check_campaigns(world: &World) {
    let campaigns = by(&world.all("campaigns").await, "campaign_id");
    let mut expected = 0;
    for truth in world.truth_of(CAMPAIGNS).iter().filter(|truth| truth["outcome"] != "quarantined") {
        expected += 1;
        let id = truth["expect"]["campaign_id"].as_str().unwrap();
        let campaign = campaigns.get(id).unwrap_or_else(|| panic!("missing: {truth}"));
        compare(campaign, &truth["expect"], &["_id"]);
    }
    assert_eq!(campaigns.len(), expected);
}

/// Every quarantined document is there with its reason, and no other.
async fn check_quarantine(world: &World) {
    let mut found: Vec<_> = world
        .all("migration_quarantine")
        .await
        .iter()
        .map(|document| {
            assert!(document.contains_key("original"));
            let id = plain(document.get_document("_id").unwrap().get("id").unwrap());
            let text = |name| document.get_str(name).unwrap().to_owned();
            (text("from"), id.as_str().unwrap().to_owned(), text("reason"))
        })
        .collect();
    let mut expected: Vec<_> = [MAILBOXES, CAMPAIGNS]
        .iter()
        .flat_map(|from| world.truth_of(from).iter().map(move |truth| (*from, truth)))
        .filter(|(_, truth)| truth["outcome"] == "quarantined")
        .map(|(from, truth)| (from.to_owned(), id_of(truth), truth["reason"].as_str().unwrap().to_owned()))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

async fn check_metrics(world: &World) {
    let metrics = by(&world.all("campaign_metrics").await, "campaign_id");
    let expected = world.legacy.truth["metrics"].as_object().unwrap();
    assert_eq!(metrics.len(), expected.len());
    for (campaign, expected) in expected {
        let metrics = &metrics[campaign];
        for (name, expected) in expected.as_object().unwrap() {
            let found = plain(metrics.get(name).unwrap());
            assert!(is_same(&found, expected), "{campaign} {name}: {found}, not {expected}");
        }
    }
}

/// The fields of the truth, and no others but those that are left out.
fn compare(document: &Document, expected: &Value, but: &[&str]) {
    let expected = expected.as_object().unwrap();
    for (name, value) in expected {
        let found = document.get(name).map(plain);
        assert!(found.as_ref().is_some_and(|found| is_same(found, value)), "{name}: {found:?}, not {value}");
    }
    for (name, value) in document {
        // What the schema gives a default may be there without being in the truth.
        let is_default = ["status", "total_recipients", "is_active", "is_primary"].contains(&name.as_str());
        assert!(expected.contains_key(name) || but.contains(&name.as_str()) || is_default, "{name}: {value}");
    }
}

fn by(documents: &[Document], field: &str) -> BTreeMap<String, Document> {
    let key = |document: &Document| plain(document.get(field).unwrap()).as_str().unwrap().to_owned();
    documents.iter().map(|document| (key(document), document.clone())).collect()
}

fn id_of(truth: &Value) -> String {
    let id = &truth["_id"];
    id["$oid"].as_str().or(id.as_str()).unwrap().to_owned()
}

/// The truth's numbers, in the form of a report.
fn outcomes(world: &World, collection: &str) -> Value {
    let mut repaired = BTreeMap::<String, u64>::new();
    let mut quarantined = BTreeMap::<String, u64>::new();
    let mut migrated = 0;
    for truth in world.truth_of(collection) {
        let reason = truth["reason"].as_str().map(str::to_owned);
        match truth["outcome"].as_str().unwrap() {
            "migrated" => migrated += 1,
            "repaired" => *repaired.entry(reason.unwrap()).or_default() += 1,
            _ => *quarantined.entry(reason.unwrap()).or_default() += 1,
        }
    }
    json!({ "migrated": migrated, "repaired": repaired, "quarantined": quarantined })
}

async fn follows_the_truth(world: World) {
    let before = world.old_bytes().await;
    let report = world.migrate().await;
    check(&world).await;
    assert_eq!(world.old_bytes().await, before, "the old collections are only read");

    assert!(report.is_done);
    for (copy, name) in report.collections.iter().zip([MAILBOXES, CAMPAIGNS]) {
        let reported = serde_json::to_value(copy).unwrap();
        let expected = outcomes(&world, name);
        for part in ["migrated", "repaired", "quarantined"] {
            assert_eq!(reported[part], expected[part], "{name} {part}");
        }
        assert!(copy.adds_up(), "{copy:?}");
    }
    let unattributed = world.legacy.truth["unattributed_tracking"].as_u64().unwrap();
    assert_eq!(report.metrics.unattributed_rows, unattributed);

    let verification = world.verify().await;
    assert!(verification.is_ok(), "{verification:?}");
    assert_eq!(verification.same + verification.quarantined, verification.checked);

    let content = world.content().await;
    world.migrate().await;
    assert_eq!(world.content().await, content, "a second run changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_database_is_taken_over_as_it_is() {
    let world = World::new(1, 0.0, SIZES).await;
    follows_the_truth(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_mess_comes_out_as_the_truth_says() {
    for seed in [1, 2, 3] {
        follows_the_truth(World::new(seed, 0.25, SIZES).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_nothing_but_mess_comes_out_as_the_truth_says() {
    for seed in [1, 5] {
        follows_the_truth(World::new(seed, 1.0, SIZES).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_in_several_parts_come_out_the_same() {
    let sizes = Sizes { mailboxes: 11_000, campaigns: 6_000, tracking: 3_000 };
    let world = World::new(9, 1.0, sizes).await;
    world.migrate().await;
    // Two of each step are no ranges.
    assert!(world.all("migration_parts").await.len() >= 6);
    follows_the_truth(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_old_collections_holds_a_secret() {
    let world = World::new(6, 1.0, SIZES).await;
    world.migrate().await;
    let database = world.database.driver().await;
    for name in database.list_collection_names().await.unwrap() {
        let is_old = [MAILBOXES, CAMPAIGNS, "email_tracking"].contains(&name.as_str());
        let holds = world.all(&name).await.iter().any(|document| {
            let bytes = mongodb::bson::serialize_to_vec(document).unwrap();
            bytes.windows(6).any(|window| window == b"PLAIN-")
        });
        assert_eq!(holds, is_old && name == MAILBOXES, "{name}");
    }
}
