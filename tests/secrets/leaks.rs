//! No secret and no key leaks by an unintended path: group J. `tests/mongo/secrets` tests what the driver and
//! the server could show.

use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;

use campaign_store::contract::{key, vault};
use campaign_store::{
    AccessToken, Clock, Credentials, EnvKeys, Error, Keyring, LoginAttempt, LoginId, LoginPassword,
    MailboxFilter, MailboxPassword, MemoryStore, NewMailbox, NewUser, PageRequest, PasswordOptions, Provider,
    ReencryptPlan, RefreshToken, Repositories, SecretField, SecretProblem, SystemClock, UserFilter, Vault,
    VaultOptions,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde::Serialize;

const CANARY: &str = "S3CR3T-CANARY-of-a-secret";

/// Checks that a text shows neither the canary, also not as bytes or in base64, nor a key.
#[track_caller]
fn assert_discreet(text: &str) {
    let bytes = CANARY.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let compact = text.replace(char::is_whitespace, "");
    let keys = [key(1, 1), key(2, 2), key(1, 9)].map(|key| key[2..].to_owned());
    let forms = [CANARY.to_owned(), "S3CR3T".into(), bytes, hex, "UzNDUjNULUNBTkFSW".into()];
    for form in forms.iter().chain(&keys) {
        assert!(!compact.contains(form), "{text}");
    }
    // The bytes of a key begin like this.
    assert!(!compact.contains("41,42,43") && !compact.contains("292a2b"), "{text}");
}

#[track_caller]
fn assert_debug(value: &impl Debug) {
    assert_discreet(&format!("{value:?}"));
    assert_discreet(&format!("{value:#?}"));
}

#[track_caller]
fn assert_shown(value: &(impl Debug + Display)) {
    assert_debug(value);
    assert_discreet(&value.to_string());
}

/// The error and all its sources.
#[track_caller]
fn assert_error(error: &(dyn StdError + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        assert_shown(&error);
        next = error.source();
    }
}

#[track_caller]
fn assert_json(value: &impl Serialize) {
    assert_discreet(&serde_json::to_string(value).expect("it serialises"));
}

fn credentials() -> Credentials {
    Credentials::new()
        .password(MailboxPassword::new(CANARY).expect("a valid password"))
        .access_token(AccessToken::new(CANARY).expect("a valid token"))
        .refresh_token(RefreshToken::new(CANARY).expect("a valid token"))
}

fn password() -> LoginPassword {
    LoginPassword::new(CANARY).expect("a valid password")
}

async fn memory() -> (MemoryStore, Vault) {
    let vault = vault(&[key(2, 2), key(1, 1)]).await;
    (MemoryStore::new().with_vault(vault.clone()), vault)
}

#[tokio::test]
async fn no_value_shows_a_secret() {
    let (memory, vault) = memory().await;
    let ring: Keyring = [key(2, 2), key(1, 1)].join(",").parse().unwrap();
    let store = memory.system();
    let new = NewUser::new("Ada", "ada").unwrap().password(password());
    assert_debug(&new);
    let user = store.users.create(new).await.unwrap();
    let new =
        NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).unwrap().credentials(credentials());
    assert_debug(&new);
    let mailbox = store.mailboxes.link(new).await.unwrap();
    let opened = store.mailbox_secrets.credentials(mailbox.id).await.unwrap().unwrap();
    let attempt = LoginAttempt::new("ada", CANARY);
    assert_debug(&attempt);
    assert_debug(&LoginAttempt::new(CANARY, CANARY));
    let outcome = store.users.verify_login(attempt).await.unwrap();
    assert_debug(&(&outcome, &opened, &user, &mailbox));
    assert_debug(&(opened.password.as_ref(), opened.access_token.as_ref(), opened.refresh_token.as_ref()));
    assert_debug(&(password(), &vault, &ring, &memory, &store));
    assert_debug(&(EnvKeys::new(), PasswordOptions::new(), ReencryptPlan::new(), vault.keys()));
    assert_debug(&VaultOptions::new().allow_plaintext(SecretField::Password, SystemClock.now()));
    assert_debug(&vault.reload().await.unwrap());
    assert_json(&vault.reload().await.unwrap());
    #[cfg(feature = "mongo")]
    assert_debug(
        &campaign_store::MongoOptions::new(format!("mongodb://ada:{CANARY}@localhost"), "x").vault(vault),
    );

    // 127: what is sent to an API.
    assert_json(&(&user, &mailbox));
    let page = PageRequest::default();
    assert_json(&store.users.list(&UserFilter::all(), &page).await.unwrap().items);
    assert_json(&store.mailboxes.list(&MailboxFilter::all(), &page).await.unwrap().items);
    let all: Vec<_> =
        store.mailboxes.stream(&MailboxFilter::all()).await.unwrap().try_collect().await.unwrap();
    assert_json(&all);
    let reports: Vec<_> =
        store.mailbox_secrets.reencrypt(ReencryptPlan::new()).await.unwrap().try_collect().await.unwrap();
    assert_json(&reports);
    assert_debug(&reports);
}

/// Errors of every way in which secrets, keys and passwords are refused.
#[expect(clippy::unwrap_used, reason = "it is a part of two tests")]
async fn errors() -> Vec<Box<dyn StdError>> {
    let (memory, _) = memory().await;
    let store = memory.system();
    let new_user = || NewUser::new("Ada", "ada").unwrap().password(password());
    let user = store.users.create(new_user()).await.unwrap();
    let new =
        || NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).unwrap().credentials(credentials());
    let mailbox = store.mailboxes.link(new()).await.unwrap();
    let busy = PasswordOptions::new().at_once(1).wait(std::time::Duration::ZERO);
    let busy = memory.clone().with_passwords(busy).system();
    let (first, second) = tokio::join!(
        busy.users.set_password(user.id, password()),
        busy.users.set_password(user.id, password())
    );
    let stranger = memory.clone().with_vault(vault(&[key(7, 7)]).await).system();
    let forged = memory.clone().with_vault(vault(&[key(2, 9)]).await).system();
    let other = campaign_store::MailboxId::new();
    let bad = format!("{CANARY}\r\n{CANARY}");
    let mut errors: Vec<Box<dyn StdError>> = vec![
        Box::new(store.users.create(new_user()).await.unwrap_err()),
        Box::new(store.mailboxes.link(new()).await.unwrap_err()),
        Box::new(first.and(second).unwrap_err()),
        Box::new(store.users.set_password(campaign_store::UserId::new(), password()).await.unwrap_err()),
        Box::new(store.mailbox_secrets.replace_credentials(other, credentials()).await.unwrap_err()),
        Box::new(
            store.mailbox_secrets.refresh_tokens(other, &credentials(), credentials()).await.unwrap_err(),
        ),
        Box::new(
            store
                .mailbox_secrets
                .refresh_tokens(mailbox.id, &Credentials::new(), credentials())
                .await
                .unwrap_err(),
        ),
        Box::new(stranger.mailbox_secrets.credentials(mailbox.id).await.unwrap_err()),
        Box::new(forged.mailbox_secrets.credentials(mailbox.id).await.unwrap_err()),
        Box::new(MailboxPassword::new(bad.clone()).unwrap_err()),
        Box::new(AccessToken::new(bad.clone()).unwrap_err()),
        Box::new(RefreshToken::new(bad.clone()).unwrap_err()),
        Box::new(LoginPassword::new(CANARY.repeat(100)).unwrap_err()),
        Box::new(LoginId::new(&bad).unwrap_err()),
        Box::new(EnvKeys::named("CAMPAIGN_STORE_TEST_MISSING_KEYS").load_error().await),
    ];
    let short = &key(1, 1)[..20];
    for keys in [
        CANARY.to_owned(),
        format!("1:{CANARY}"),
        format!("{CANARY}:AAAA"),
        format!("{}:{CANARY}", key(1, 1)),
        format!("{},{}", key(1, 1), key(2, 1)),
        format!("{},{}", key(1, 1), key(1, 9)),
        format!("{}:disabled", key(1, 1)),
        short.to_owned(),
    ] {
        errors.push(Box::new(keys.parse::<Keyring>().unwrap_err()));
    }
    errors
}

trait LoadError {
    async fn load_error(&self) -> campaign_store::KeyError;
}

impl<T: campaign_store::KeyProvider> LoadError for T {
    async fn load_error(&self) -> campaign_store::KeyError {
        self.load().await.expect_err("a refusal")
    }
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    let errors = errors().await;
    assert!(errors.len() > 20);
    for error in &errors {
        assert_error(&**error);
    }
    for problem in [SecretProblem::NoKeys, SecretProblem::UnknownKey(1), SecretProblem::OutOfBounds] {
        assert_shown(&problem);
    }
}

/// What the panics of this thread said while `work` ran.
fn panics_of(work: impl FnOnce()) -> Vec<String> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let (here, heard) = (thread::current().id(), said.clone());
    let before: Arc<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync> = panic::take_hook().into();
    let others = before.clone();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == here {
            heard.lock().expect("no panic in a hook").push(info.to_string());
        } else {
            others(info);
        }
    }));
    work();
    panic::set_hook(Box::new(move |info| before(info)));
    Arc::try_unwrap(said).map_or_else(
        |said| said.lock().expect("no panic").clone(),
        |said| said.into_inner().expect("no panic"),
    )
}

/// Panics, and shows the error.
fn fail(result: Result<(), impl Debug>) {
    result.expect("success");
}

#[test]
fn no_panic_shows_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let errors = runtime.block_on(errors());
    let store: Repositories = runtime.block_on(memory()).0.system();
    let n = errors.len();
    let said = panics_of(|| {
        for error in errors {
            drop(panic::catch_unwind(AssertUnwindSafe(|| fail(Err(error)))));
        }
        for held in [
            Box::new(credentials()) as Box<dyn Debug>,
            Box::new(password()),
            Box::new(LoginAttempt::new("ada", CANARY)),
            Box::new(store),
        ] {
            drop(panic::catch_unwind(AssertUnwindSafe(|| fail(Err(held)))));
        }
        // A panic while a secret is alive wipes it on the way out, and says nothing of it.
        drop(panic::catch_unwind(AssertUnwindSafe(|| {
            let held = credentials();
            assert!(held.password.is_none(), "there is a password");
        })));
    });
    assert_eq!(said.len(), n + 5, "122");
    for text in &said {
        assert_discreet(text);
    }
}

#[tokio::test]
async fn a_plaintext_that_may_be_read_is_shown_no_more_than_others() {
    let until = SystemClock.now() + TimeDelta::days(1);
    let ring: Keyring = key(1, 1).parse().unwrap();
    let vault = VaultOptions::new().allow_plaintext(SecretField::Password, until).open(ring).await.unwrap();
    let store = MemoryStore::new().with_vault(vault.clone()).system();
    assert_debug(&(&vault, &store));
    let error = Error::secret("66f0", "password", SecretProblem::PlaintextRefused);
    assert_error(&error);
}
