//! Sealing secrets that older programs left in plain text: group D.

use campaign_store::contract::key;
use campaign_store::{
    Clock, Error, KeyId, Keyring, MailboxId, ReencryptPlan, ReencryptReport, Repositories, SecretField,
    SecretProblem, VaultOptions,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, doc};

use super::{ACCESS, PASSWORD, REFRESH, Stored, bytes_of, link, texts};

impl Stored {
    /// A store with keys 2 and 1 that reads plaintext of all fields for an hour.
    async fn allowing(&self) -> Repositories {
        let until = self.database.clock.now() + TimeDelta::hours(1);
        let allow = |options: VaultOptions, field: &SecretField| options.allow_plaintext(*field, until);
        let options = SecretField::ALL.iter().fold(VaultOptions::new(), allow);
        let ring: Keyring = [key(2, 2), key(1, 1)].join(",").parse().expect("keys");
        let vault = options.open(ring).await.expect("a ring is its own provider");
        self.database.connect_with_vault(&vault).await.system()
    }
}

async fn run(store: &Repositories, plan: ReencryptPlan) -> ReencryptReport {
    let reports = store.mailbox_secrets.reencrypt(plan).await.expect("a run").try_collect::<Vec<_>>().await;
    reports.expect("no error").pop().expect("a report")
}

async fn read(store: &Repositories, id: MailboxId) -> campaign_store::Result<[Option<String>; 3]> {
    let credentials = store.mailbox_secrets.credentials(id).await?.expect("the mailbox exists");
    Ok(texts(&credentials).map(|text| text.map(str::to_owned)))
}

#[tokio::test]
async fn plaintext_is_read_in_its_time_and_sealed_byte_by_byte() {
    let stored = Stored::new().await;
    let store = stored.allowing().await;
    let rows = [
        ("54: a plain text", "hunter2"),
        ("54: almost sealed", "enc"),
        ("54: another's prefix", "ob1."),
        ("54: emoji", "🔑🔑"),
        ("54: spaces", "  two  "),
        ("54: a dollar", "$password"),
    ];
    let mut mailboxes = Vec::new();
    for (n, (row, text)) in rows.into_iter().enumerate() {
        let mailbox = link(&stored.store, &stored.user, &format!("box{n}")).await;
        stored.set_in(&mailbox, "password", text).await;
        let refused = read(&stored.store, mailbox.id).await.unwrap_err();
        assert_eq!(
            refused,
            Error::secret(mailbox.id, "password", SecretProblem::PlaintextRefused),
            "51: {row}"
        );
        assert_eq!(read(&store, mailbox.id).await.unwrap()[0].as_deref(), Some(text), "{row}");
        mailboxes.push((row, text, mailbox));
    }
    let dry = run(&store, ReencryptPlan::new().dry_run()).await;
    assert_eq!((dry.found_plaintext, dry.rewritten), (6, 7));
    let mut done = run(&store, ReencryptPlan::new()).await;
    assert_eq!(done.left_under, [(KeyId::new(2).unwrap(), 21)].into(), "49");
    done.left_under.clone_from(&dry.left_under);
    assert_eq!(done, dry, "49");
    let rotated = stored.rotated().await;
    for (row, text, mailbox) in &mailboxes {
        let sealed = read(&rotated, mailbox.id).await.unwrap();
        assert_eq!(sealed, [Some((*text).to_owned()), Some(ACCESS.into()), Some(REFRESH.into())], "{row}");
        assert_eq!(
            rotated.mailboxes.get(mailbox.id).await,
            Ok(Some(mailbox.clone())),
            "{row}: the version stays"
        );
    }
    let again = run(&rotated, ReencryptPlan::new()).await;
    assert_eq!((again.found_plaintext, again.current, again.unreadable), (0, 7, 0));
    let bytes = bytes_of(&stored.driver, "mailboxes").await;
    assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "56");
}

#[tokio::test]
async fn after_its_time_plaintext_is_refused() {
    let stored = Stored::new().await;
    let store = stored.allowing().await;
    stored.set("access_token", "legacy").await;
    let expected = [Some(PASSWORD.to_owned()), Some("legacy".into()), Some(REFRESH.into())];
    assert_eq!(read(&store, stored.mailbox.id).await, Ok(expected));
    stored.database.clock.advance(TimeDelta::hours(1));
    let refused = Error::secret(stored.mailbox.id, "access_token", SecretProblem::PlaintextRefused);
    assert_eq!(read(&store, stored.mailbox.id).await, Err(refused.clone()), "52");
    let report = run(&store, ReencryptPlan::new()).await;
    assert_eq!((report.unreadable, report.rewritten), (1, 0), "52");
    assert_eq!(report.first_unreadable.first().map(|first| first.problem.clone()), Some(refused.to_string()));
    assert_eq!(stored.sealed().await.get("access_token"), Some(&"legacy".into()));
}

#[tokio::test]
async fn what_no_secret_can_be_is_reported_and_left() {
    let stored = Stored::new().await;
    let store = stored.allowing().await;
    for (row, field, value) in [
        ("53: a damaged seal", "password", Bson::from("enc1.1.AAAA")),
        ("53: a forged seal", "access_token", stored.sealed().await.get("password").cloned().unwrap()),
        ("55: array", "password", vec!["hunter2"].into()),
        ("55: int", "refresh_token", 7.into()),
    ] {
        let sound = stored.sealed().await.get(field).cloned().unwrap();
        stored.set(field, value.clone()).await;
        assert!(matches!(read(&store, stored.mailbox.id).await, Err(Error::Secret { .. })), "{row}");
        let report = run(&store, ReencryptPlan::new()).await;
        assert_eq!((report.unreadable, report.rewritten), (1, 0), "{row}");
        assert_eq!(stored.sealed().await.get(field), Some(&value), "{row}");
        stored.set(field, sound).await;
    }
}

/// A text that is no secret of its kind cannot be sealed by the run into one that nobody can read.
#[tokio::test]
async fn plaintext_out_of_bounds_is_reported_and_left() {
    let stored = Stored::new().await;
    let store = stored.allowing().await;
    let long = "x".repeat(5_000);
    for (row, field, value) in [
        ("54: empty", "password", ""),
        ("54: 5000 characters", "password", &long),
        ("54: NUL", "password", "hunter\0"),
        ("54: a space in a token", "access_token", "a b"),
    ] {
        let sound = stored.sealed().await.get(field).cloned().unwrap();
        stored.set(field, value).await;
        let expected = Error::secret(stored.mailbox.id, field, SecretProblem::OutOfBounds);
        assert_eq!(read(&store, stored.mailbox.id).await, Err(expected.clone()), "{row}");
        let report = run(&store, ReencryptPlan::new()).await;
        assert_eq!((report.unreadable, report.rewritten), (1, 0), "{row}");
        assert_eq!(
            report.first_unreadable.first().map(|first| first.problem.clone()),
            Some(expected.to_string()),
            "{row}"
        );
        assert_eq!(stored.sealed().await.get(field), Some(&value.into()), "{row}");
        stored.set(field, sound).await;
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_no_end_of_a_run() {
    let stored = Stored::new().await;
    for n in 0..4 {
        link(&stored.store, &stored.user, &format!("box{n}")).await;
    }
    stored.set("updated_at", "canary").await;
    stored.driver.collection("mailboxes").insert_one(doc! { "canary": 1 }).await.unwrap();
    let rotated = stored.rotated().await;
    let report = run(&rotated, ReencryptPlan::new().batch_size(2)).await;
    assert_eq!((report.scanned, report.rewritten, report.unreadable), (6, 4, 2), "48: {report:?}");
    assert!(report.first_unreadable.iter().all(|unreadable| !unreadable.problem.contains("canary")));
}
