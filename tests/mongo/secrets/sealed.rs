//! Sealed values that were changed, moved or forged in the database: groups A, B and C.

use campaign_store::{
    AccessToken, Collection, Error, MailboxFilter, MongoStore, NewMailbox, NewUser, PageRequest, Provider,
    ReencryptPlan, RefreshToken, Repositories, Result, SecretProblem, contract,
};
use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Regex, Timestamp, doc};

use super::{ACCESS, PASSWORD, REFRESH, Stored, credentials, link, texts};
use crate::support::database::TestDatabase;

const FIELDS: [&str; 3] = ["password", "access_token", "refresh_token"];

/// Checks that the mailbox can be read, and its secrets not.
async fn assert_closed(stored: &Stored, row: &str, field: &'static str, problem: SecretProblem) {
    let (mailboxes, secrets) = (&stored.store.mailboxes, &stored.store.mailbox_secrets);
    let expected = Error::secret(stored.mailbox.id, field, problem);
    assert_eq!(secrets.credentials(stored.mailbox.id).await.err(), Some(expected.clone()), "{row}");
    // A broken password is no reason to lose refreshed tokens.
    if field != "password" {
        let used = credentials(PASSWORD, ACCESS, REFRESH);
        let refreshed = secrets.refresh_tokens(stored.mailbox.id, &used, used.clone()).await;
        assert_eq!(refreshed.err(), Some(expected), "{row}");
    }
    assert_eq!(mailboxes.get(stored.mailbox.id).await, Ok(Some(stored.mailbox.clone())), "{row}");
    let page = mailboxes.list(&MailboxFilter::all(), &PageRequest::default()).await.expect("a page");
    let streamed: Vec<_> = mailboxes
        .stream(&MailboxFilter::all())
        .await
        .expect("a stream")
        .try_collect()
        .await
        .expect("records");
    assert!(page.items.contains(&stored.mailbox) && streamed.contains(&stored.mailbox), "{row}");
}

#[tokio::test]
async fn secrets_are_stored_sealed_under_the_names_of_the_schema() {
    let stored = Stored::new().await;
    let document = stored.sealed().await;
    for (field, text) in FIELDS.into_iter().zip([PASSWORD, ACCESS, REFRESH]) {
        let sealed = document.get_str(field).unwrap();
        assert!(sealed.starts_with("enc1.1.") && !sealed.contains(text), "{sealed}");
        assert_eq!(sealed.len(), "enc1.1.".len() + (142_usize * 8).div_ceil(6), "no length is shown");
    }
    let hash = stored.document(Collection::Users, stored.user.id.as_object_id()).await;
    assert!(hash.get_str("password").unwrap().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
}

#[tokio::test]
async fn a_value_that_is_no_sealed_text_is_refused_by_field() {
    use SecretProblem::{Malformed, PlaintextRefused};
    let stored = Stored::new().await;
    let sound = stored.sealed().await;
    let binary = |subtype| Binary { subtype, bytes: b"canary".to_vec() };
    let sealed = sound.get_str("password").unwrap();
    let rows: Vec<(&str, Bson, SecretProblem)> = vec![
        ("20: int", 7.into(), Malformed),
        ("20: long", 7_i64.into(), Malformed),
        ("20: double", f64::NAN.into(), Malformed),
        ("55: array", vec![sealed].into(), Malformed),
        ("55: document", doc! { "k": 1, "c": sealed }.into(), Malformed),
        ("21: binary", binary(BinarySubtype::Generic).into(), Malformed),
        ("21: encrypted", binary(BinarySubtype::Encrypted).into(), Malformed),
        ("110: boolean", true.into(), Malformed),
        ("110: date", DateTime::MAX.into(), Malformed),
        ("110: timestamp", Timestamp { time: 1, increment: 1 }.into(), Malformed),
        (
            "110: regex",
            Regex { pattern: "canary".try_into().unwrap(), options: "i".try_into().unwrap() }.into(),
            Malformed,
        ),
        ("110: symbol", Bson::Symbol("canary".into()), Malformed),
        ("110: code", Bson::JavaScriptCode("canary".into()), Malformed),
        ("110: smallest", Bson::MinKey, Malformed),
        ("51: plaintext", "hunter2".into(), PlaintextRefused),
        ("51: empty", "".into(), PlaintextRefused),
        ("51: another prefix", "ob1.1.AAAA".into(), PlaintextRefused),
        ("51: upper case", sealed.replacen("enc1", "ENC1", 1).into(), PlaintextRefused),
        ("51: 1 MiB", "x".repeat(1 << 20).into(), PlaintextRefused),
        ("1: a prefix alone", "enc1.".into(), Malformed),
        ("3: longer", format!("{sealed}AA").into(), Malformed),
        ("18: 1 MiB", format!("{sealed}{}", "A".repeat(1 << 20)).into(), Malformed),
        ("23: padding", format!("{sealed}==").into(), Malformed),
        ("23: a line break", format!("{sealed}\n").into(), Malformed),
        ("9: an unknown key", sealed.replacen(".1.", ".9.", 1).into(), Malformed),
    ];
    for field in FIELDS {
        for (row, value, problem) in &rows {
            stored.set(field, value.clone()).await;
            assert_closed(&stored, row, field, *problem).await;
        }
        stored.set(field, sound.get_str(field).unwrap()).await;
    }
    let opened = stored.store.mailbox_secrets.credentials(stored.mailbox.id).await.unwrap().unwrap();
    assert_eq!(texts(&opened), [Some(PASSWORD), Some(ACCESS), Some(REFRESH)], "all are as they were");
}

#[tokio::test]
async fn null_and_missing_secrets_are_absent() {
    let stored = Stored::new().await;
    stored.set("password", Bson::Null).await;
    stored.set("access_token", Bson::Undefined).await;
    let mailboxes = stored.driver.collection::<mongodb::bson::Document>("mailboxes");
    mailboxes.update_one(doc! {}, doc! { "$unset": { "refresh_token": "" } }).await.unwrap();
    let opened = stored.store.mailbox_secrets.credentials(stored.mailbox.id).await.unwrap().unwrap();
    assert_eq!(texts(&opened), [None; 3], "55");
}

#[tokio::test]
async fn a_value_that_was_moved_does_not_open() {
    use SecretProblem::NotAuthentic;
    let stored = Stored::new().await;
    let sound = stored.sealed().await;
    let other = link(&stored.store, &stored.user, "other").await;
    let of_other = stored.document(Collection::Mailboxes, other.id.as_object_id()).await;
    for (row, field, from, document) in [
        ("24: to the refresh token", "refresh_token", "password", &sound),
        ("24: to the password", "password", "access_token", &sound),
        ("24: to the access token", "access_token", "refresh_token", &sound),
        ("25: from another mailbox", "password", "password", &of_other),
        ("25: from another mailbox", "refresh_token", "refresh_token", &of_other),
    ] {
        stored.set(field, document.get_str(from).unwrap()).await;
        assert_closed(&stored, row, field, NotAuthentic).await;
        stored.set(field, sound.get_str(field).unwrap()).await;
    }
    // 28: whoever makes himself the owner gets nothing.
    let eve = stored.store.users.create(campaign_store::NewUser::new("Eve", "eve").unwrap()).await.unwrap();
    stored.set("user_id", eve.id.as_object_id()).await;
    let error = stored.store.mailbox_secrets.credentials(stored.mailbox.id).await.unwrap_err();
    assert_eq!(error, Error::secret(stored.mailbox.id, "password", NotAuthentic), "28");
    // 31: an older value of the same place opens; that cannot be told from a backup.
    stored.set("user_id", stored.user.id.as_object_id()).await;
    let new = credentials("another", ACCESS, REFRESH);
    stored.store.mailbox_secrets.replace_credentials(stored.mailbox.id, new).await.unwrap();
    stored.set("password", sound.get_str("password").unwrap()).await;
    assert_eq!(opened(&stored.store, &stored).await.unwrap()[0].as_deref(), Some(PASSWORD), "31");
}

#[tokio::test]
async fn a_restored_copy_opens_in_another_database() {
    let stored = Stored::new().await;
    let copy = TestDatabase::new();
    let elsewhere = copy.provisioned().await.system();
    copy.collection("mailboxes").await.insert_one(stored.sealed().await).await.unwrap();
    assert_eq!(opened(&elsewhere, &stored).await, opened(&stored.store, &stored).await, "30");
}

async fn opened(store: &Repositories, stored: &Stored) -> Result<[Option<String>; 3]> {
    let credentials =
        store.mailbox_secrets.credentials(stored.mailbox.id).await?.expect("the mailbox exists");
    Ok(texts(&credentials).map(|text| text.map(str::to_owned)))
}

#[tokio::test]
async fn a_store_without_keys_neither_stores_nor_reads_secrets() {
    let stored = Stored::new().await;
    let options = campaign_store::MongoOptions::new(crate::support::server::uri(), &stored.database.name);
    let keyless = MongoStore::connect_with(options).await.unwrap().system();
    let no_keys_for = |field| Error::secret(stored.mailbox.id, field, SecretProblem::NoKeys);
    let no_keys = no_keys_for("password");
    let id = stored.mailbox.id;
    let before = stored.sealed().await;
    let (mailboxes, secrets) = (&keyless.mailboxes, &keyless.mailbox_secrets);
    assert_eq!(secrets.credentials(id).await.err(), Some(no_keys.clone()));
    let new = || credentials(PASSWORD, ACCESS, REFRESH);
    assert_eq!(secrets.replace_credentials(id, new()).await.err(), Some(no_keys.clone()));
    let refreshed = secrets.refresh_tokens(id, &new(), new()).await;
    assert_eq!(refreshed.err(), Some(no_keys_for("access_token")));
    let mut run = secrets.reencrypt(campaign_store::ReencryptPlan::new()).await.unwrap();
    assert_eq!(run.try_next().await.err(), Some(no_keys));
    assert_eq!(stored.sealed().await, before);

    let plain = campaign_store::NewMailbox::new(
        stored.user.id,
        "plain@work.example",
        campaign_store::Provider::Gmail,
    )
    .unwrap();
    let refused = mailboxes.link(plain.clone().credentials(new())).await.unwrap_err();
    assert!(matches!(refused, Error::Secret { problem: SecretProblem::NoKeys, .. }), "{refused:?}");
    // Without secrets no keys are needed.
    let plain = mailboxes.link(plain).await.unwrap();
    assert_eq!(texts(&secrets.credentials(plain.id).await.unwrap().unwrap()), [None; 3]);
}

/// 400 mailboxes with two tokens of 16,000 bytes are more than the 16 MiB of one command.
#[tokio::test]
async fn a_batch_larger_than_a_command_is_reencrypted() {
    const MAILBOXES: usize = 400;
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let user = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let token = "x".repeat(16_000);
    for n in 0..MAILBOXES {
        let mailbox = NewMailbox::new(user.id, format!("ada{n}@work.example"), Provider::Gmail).unwrap();
        let tokens = (AccessToken::new(&token).unwrap(), RefreshToken::new(&token).unwrap());
        store.mailboxes.link(mailbox.tokens(tokens.0, tokens.1)).await.unwrap();
    }
    let vault = contract::vault(&[contract::key(2, 2), contract::key(1, 1)]).await;
    let store = database.connect_with_vault(&vault).await.system();
    let plan = ReencryptPlan::new().batch_size(MAILBOXES);
    let reports: Vec<_> = store.mailbox_secrets.reencrypt(plan).await.unwrap().try_collect().await.unwrap();
    let last = reports.last().unwrap();
    assert_eq!((last.scanned, last.rewritten, last.conflicts), (400, 400, 0));
}
