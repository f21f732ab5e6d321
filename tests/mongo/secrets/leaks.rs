//! After every operation on secrets, none of them appears in the database, in what the server recorded, in an
//! error or in a log: group J.

use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bson::doc;
use campaign_store::contract::key;
use campaign_store::{
    Collection, Error, LoginAttempt, LoginOutcome, LoginPassword, MongoStore, NewMailbox, NewUser,
    PasswordOptions, Provider, ReencryptPlan, Repositories,
};
use futures_util::TryStreamExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Stored, bytes_of, credentials};

/// A part of every secret, which nothing else has.
const CANARY: &str = "S3CR3T-CANARY";

/// Counts what is logged at any level, and what of it shows a secret.
#[derive(Debug, Clone, Default)]
struct Log {
    seen: Arc<AtomicUsize>,
    leaks: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a text takes everything");
    }
}

impl Log {
    fn note(&self, text: &Text) {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.leaks.fetch_add(usize::from(text.0.contains(CANARY)), Ordering::Relaxed);
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text::default();
        span.record(&mut text);
        self.note(&text);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = Text::default();
        values.record(&mut text);
        self.note(&text);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.note(&text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn secret(n: u32) -> String {
    format!("{CANARY}-{n}")
}

fn password(n: u32) -> LoginPassword {
    LoginPassword::new(secret(n)).expect("a valid password")
}

/// The error, which must not show a secret.
#[track_caller]
fn discreet<T>(result: campaign_store::Result<T>) -> Error {
    let Some(error) = result.err() else { panic!("it succeeded") };
    assert!(std::error::Error::source(&error).is_none(), "nothing of the driver is behind it");
    for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!text.contains(CANARY), "{text}");
    }
    error
}

/// Every method that is given a secret, with success and with failure.
async fn scenario(stored: &Stored, store: &Repositories) {
    let (users, mailboxes, secrets) = (&store.users, &store.mailboxes, &store.mailbox_secrets);
    let new_user = || NewUser::new("Eve", "eve").expect("a valid name").password(password(1));
    let eve = users.create(new_user()).await.expect("a new user");
    discreet(users.create(new_user()).await);
    users.set_password(eve.id, password(2)).await.expect("the user exists");
    for (n, is_right) in [(1, false), (2, true)] {
        let outcome = users.verify_login(LoginAttempt::new("eve", secret(n))).await.expect("an answer");
        assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), is_right);
    }
    // What is given as a login id is looked up as it is, so the profile shows it.
    users.verify_login(LoginAttempt::new("mallory", secret(2))).await.expect("an answer");
    let all = |n| credentials(&secret(n), &secret(n), &secret(n));
    let new = || {
        let new = NewMailbox::new(eve.id, "eve@work.example", Provider::Gmail).expect("a valid address");
        new.credentials(all(3))
    };
    let mailbox = mailboxes.link(new()).await.expect("a new mailbox");
    discreet(mailboxes.link(new()).await);
    secrets.replace_credentials(mailbox.id, all(4)).await.expect("the mailbox exists");
    secrets.refresh_tokens(mailbox.id, &all(4), all(5)).await.expect("the same tokens");
    discreet(secrets.refresh_tokens(mailbox.id, &all(4), all(6)).await);
    secrets.credentials(mailbox.id).await.expect("they open");
    let rotated = stored.rotated().await;
    let run = rotated.mailbox_secrets.reencrypt(ReencryptPlan::new()).await.expect("a run");
    run.try_collect::<Vec<_>>().await.expect("no error");
    discreet(secrets.credentials(mailbox.id).await);
    // A stronger hash takes the place of the weak one.
    let options = stored.database.options().await.passwords(PasswordOptions::new());
    let owasp = MongoStore::connect_with(options).await.expect("the server answers").system();
    owasp.users.verify_login(LoginAttempt::new("eve", secret(2))).await.expect("an answer");
    for text in [format!("{store:?}"), format!("{rotated:?}"), format!("{owasp:?}")] {
        assert!(!text.contains(CANARY) && !text.contains(&key(1, 1)[2..]), "{text}");
    }
}

#[tokio::test]
async fn no_secret_reaches_the_database_its_profile_or_a_log() {
    let log = Log::default();
    // For the whole process: other tests are heard too, and have no such secret.
    tracing::subscriber::set_global_default(log.clone()).expect("the only log of the tests");
    tracing::trace!(canary = CANARY, "the log hears everything");
    assert_eq!((log.seen.load(Ordering::Relaxed) > 0, log.leaks.load(Ordering::Relaxed)), (true, 1), "121");

    let stored = Stored::new().await;
    stored.driver.create_collection("system.profile").capped(true).size(16 << 20).await.unwrap();
    stored.driver.run_command(doc! { "profile": 2 }).await.unwrap();
    scenario(&stored, &stored.store).await;
    stored.driver.run_command(doc! { "profile": 0 }).await.unwrap();

    let mut names = stored.driver.list_collection_names().await.unwrap();
    names.push("system.profile".to_owned());
    for collection in Collection::ALL {
        assert!(names.iter().any(|name| name == collection.name()), "{collection}");
    }
    let mut scanned = 0;
    for name in names {
        let bytes = bytes_of(&stored.driver, &name).await;
        scanned += bytes.len();
        assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "56, 125: {name}");
    }
    assert!(scanned > 10_000, "{scanned} bytes are too few for a profile");
    let profile = bytes_of(&stored.driver, "system.profile").await;
    assert!(profile.windows(7).any(|part| part == b"enc1.1."), "the profile shows what was sealed");
    assert_eq!(log.leaks.load(Ordering::Relaxed), 1, "121: the one of this test alone");
}

#[tokio::test]
async fn no_secret_is_in_what_a_unique_index_or_a_validator_refuses() {
    let stored = Stored::new().await;
    let (store, id) = (&stored.store, stored.mailbox.id);
    let index = doc! { "name": "one_of_all", "key": { "provider": 1 }, "unique": true };
    let command = doc! { "createIndexes": "mailboxes", "indexes": [index] };
    stored.driver.run_command(command).await.unwrap();
    let all = |n| credentials(&secret(n), &secret(n), &secret(n));
    let new = NewMailbox::new(stored.user.id, "new@work.example", Provider::Gmail).unwrap();
    let error = discreet(store.mailboxes.link(new.credentials(all(1))).await);
    assert_eq!(error, Error::unique(Collection::Mailboxes, "one_of_all"), "124");
    let before =
        (stored.sealed().await, stored.document(Collection::Users, stored.user.id.as_object_id()).await);
    for collection in ["users", "mailboxes"] {
        let validator = doc! { "$jsonSchema": { "required": ["never"] } };
        stored.driver.run_command(doc! { "collMod": collection, "validator": validator }).await.unwrap();
    }
    let used = credentials(super::PASSWORD, super::ACCESS, super::REFRESH);
    for (operation, error) in [
        (
            "users.create",
            discreet(store.users.create(NewUser::new("Bob", "bob").unwrap().password(password(1))).await),
        ),
        ("users.set_password", discreet(store.users.set_password(stored.user.id, password(1)).await)),
        (
            "mailboxes.replace_credentials",
            discreet(store.mailbox_secrets.replace_credentials(id, all(1)).await),
        ),
        ("mailboxes.refresh_tokens", discreet(store.mailbox_secrets.refresh_tokens(id, &used, all(1)).await)),
    ] {
        assert_eq!(error, Error::backend(operation, Some(121)), "124");
    }
    let rotated = stored.rotated().await;
    let mut run = rotated.mailbox_secrets.reencrypt(ReencryptPlan::new()).await.unwrap();
    assert_eq!(discreet(run.try_next().await), Error::backend("mailboxes.reencrypt", Some(121)), "124");
    // 79: the hash cannot be replaced, and the login is right all the same.
    let options = stored.database.options().await.passwords(PasswordOptions::new());
    let owasp = MongoStore::connect_with(options).await.unwrap().system();
    let outcome = owasp.users.verify_login(LoginAttempt::new("ada", "correct horse")).await.unwrap();
    assert!(matches!(outcome, LoginOutcome::Accepted(_)), "79");
    let after =
        (stored.sealed().await, stored.document(Collection::Users, stored.user.id.as_object_id()).await);
    assert_eq!(after, before);
}
