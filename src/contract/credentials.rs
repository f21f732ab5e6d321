//! The contract of the secrets of [`MailboxRepository`](crate::MailboxSecretsRepository).

use futures_util::future::{join, join_all};
use futures_util::{StreamExt, TryStreamExt};

use super::fixtures::{
    CROWD, all_mailboxes, assert_fails, crowd, drain, everything, new_mailbox, only_winner, user,
};
use super::{Opened, key, vault};
use crate::{
    AccessToken, Collection, Credentials, Error, Mailbox, MailboxFilter, MailboxId, MailboxPassword,
    MailboxPatch, MailboxStatus, ReencryptPlan, RefreshToken, Repositories, SecretProblem,
};

/// Secrets as texts: password, access token, refresh token.
pub(super) type Texts<'a> = [Option<&'a str>; 3];

/// Credentials with these texts.
pub(super) fn credentials([password, access, refresh]: Texts<'_>) -> Credentials {
    let mut credentials = Credentials::new();
    credentials.password = password.map(|text| MailboxPassword::new(text).expect("a valid password"));
    credentials.access_token = access.map(|text| AccessToken::new(text).expect("a valid token"));
    credentials.refresh_token = refresh.map(|text| RefreshToken::new(text).expect("a valid token"));
    credentials
}

/// Links a mailbox with secrets for a new user `name`.
pub(super) async fn linked(db: &Opened, store: &Repositories, name: &str, texts: Texts<'_>) -> Mailbox {
    let owner = user(db, name).await;
    let new = new_mailbox(&owner, &format!("{name}@work.example")).credentials(credentials(texts));
    store.mailboxes.link(new).await.expect("a free address")
}

/// Checks the secrets of a mailbox.
pub(super) async fn assert_secrets(store: &Repositories, id: MailboxId, texts: Texts<'_>) {
    let found = store.mailbox_secrets.credentials(id).await.expect("secrets that open").expect("a mailbox");
    let found = [
        found.password.as_ref().map(MailboxPassword::expose),
        found.access_token.as_ref().map(AccessToken::expose),
        found.refresh_token.as_ref().map(RefreshToken::expose),
    ];
    assert_eq!(found, texts);
}

const ALL: Texts<'_> = [Some("hunter 2"), Some("access1"), Some("refresh1")];

/// Every combination of secrets reads back, and absent ones stay absent.
pub async fn secrets_read_back_as_they_were_linked(db: &Opened) {
    for n in 0..8 {
        let texts = [0, 1, 2].map(|place| ALL[place].filter(|_| n & (1 << place) != 0));
        let mailbox = linked(db, &db.store, &format!("user{n}"), texts).await;
        assert_secrets(&db.second, mailbox.id, texts).await;
    }
}

/// The shortest and longest secrets read back, and so do secrets that look like something else.
pub async fn any_text_of_the_bounds_reads_back_the_same(db: &Opened) {
    let (long_password, long_token) = ("é".repeat(512), "x".repeat(16_384));
    let block = "y".repeat(64);
    let rows = [
        [Some("p"), Some("a"), Some("r")],
        [Some(long_password.as_str()), Some(&long_token), Some(&long_token)],
        [Some(&block), Some(&block[1..]), Some(&block)],
        [Some("enc1.1.AAAA"), Some("enc1.1.AAAA"), Some("enc1.")],
        [Some("$password"), Some("$$ROOT"), Some("{\"$ne\":null}")],
        [Some(" \u{2028}🔑 "), Some("%00"), Some("~!")],
    ];
    for (n, texts) in rows.into_iter().enumerate() {
        let mailbox = linked(db, &db.store, &format!("user{n}"), texts).await;
        assert_secrets(&db.second, mailbox.id, texts).await;
    }
}

/// A mailbox that does not exist has no secrets.
pub async fn an_unknown_mailbox_has_no_secrets(db: &Opened) {
    assert!(db.store.mailbox_secrets.credentials(MailboxId::new()).await.expect("an answer").is_none());
}

/// Only the given secrets are replaced.
pub async fn replaced_secrets_leave_the_others(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", ALL).await;
    let mut expected = ALL;
    for (place, text) in [(2, "refresh2"), (0, "another password"), (1, "access2")] {
        let mut new = [None; 3];
        (new[place], expected[place]) = (Some(text), Some(text));
        let replaced = db.store.mailbox_secrets.replace_credentials(mailbox.id, credentials(new)).await;
        replaced.expect("the mailbox exists");
        assert_secrets(&db.second, mailbox.id, expected).await;
    }
}

/// Replacing secrets makes the version later and changes nothing else that is visible.
pub async fn replacing_secrets_is_a_write_of_nothing_else(db: &Opened) {
    let mut mailbox = linked(db, &db.store, "ada", [None; 3]).await;
    for texts in [ALL, ALL, [None; 3]] {
        let replaced = db.store.mailbox_secrets.replace_credentials(mailbox.id, credentials(texts)).await;
        let replaced = replaced.expect("the mailbox exists");
        assert!(replaced.updated_at > mailbox.updated_at);
        mailbox.updated_at = replaced.updated_at;
        assert_eq!(replaced, mailbox);
        assert_eq!(all_mailboxes(db).await, [mailbox.clone()]);
        assert_secrets(&db.second, mailbox.id, ALL).await;
    }
}

/// Refreshed tokens replace the used ones; a refresh token that is not renewed stays.
pub async fn refreshed_tokens_take_the_place_of_those_used(db: &Opened) {
    let mut mailbox = linked(db, &db.store, "ada", ALL).await;
    let used = credentials(ALL);
    let refreshed =
        db.store.mailbox_secrets.refresh_tokens(mailbox.id, &used, credentials([None, Some("a2"), None]));
    let refreshed = refreshed.await.expect("the tokens that are there");
    assert!(refreshed.updated_at > mailbox.updated_at);
    mailbox.updated_at = refreshed.updated_at;
    assert_eq!(refreshed, mailbox);
    assert_secrets(&db.second, mailbox.id, [ALL[0], Some("a2"), ALL[2]]).await;
    // The password is not a token: the caller need not know it.
    let used = credentials([None, Some("a2"), ALL[2]]);
    let new = credentials([None, Some("a3"), Some("r3")]);
    db.second
        .mailbox_secrets
        .refresh_tokens(mailbox.id, &used, new)
        .await
        .expect("the tokens that are there");
    assert_secrets(&db.store, mailbox.id, [ALL[0], Some("a3"), Some("r3")]).await;
}

/// If the used tokens are not the current ones, the refresh is a conflict and changes nothing.
pub async fn tokens_that_somebody_else_replaced_are_a_conflict(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", ALL).await;
    for used in [
        [None, Some("access0"), ALL[2]],
        [None, ALL[1], Some("refresh0")],
        [None, ALL[1], None],
        [None, None, ALL[2]],
        [None; 3],
    ] {
        let new = credentials([None, Some("a2"), Some("r2")]);
        let refreshed = db.store.mailbox_secrets.refresh_tokens(mailbox.id, &credentials(used), new).await;
        assert_fails(refreshed, &Error::conflict(Collection::Mailboxes, mailbox.id));
    }
    assert_secrets(&db.second, mailbox.id, ALL).await;
    assert_eq!(all_mailboxes(db).await, [mailbox]);
}

/// If many callers refresh the same tokens at once, one succeeds.
pub async fn one_of_many_refreshes_the_tokens(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", ALL).await;
    let texts = |n: usize| (format!("access of {n}").replace(' ', "-"), format!("refresh-of-{n}"));
    let results = crowd(db, async |store, n| {
        let (access, refresh) = texts(n);
        let new = credentials([None, Some(&access), Some(&refresh)]);
        store.mailbox_secrets.refresh_tokens(mailbox.id, &credentials(ALL), new).await.map(|_| n)
    })
    .await;
    let winner = only_winner(results, &Error::conflict(Collection::Mailboxes, mailbox.id));
    let (access, refresh) = texts(winner);
    assert_secrets(&db.store, mailbox.id, [ALL[0], Some(&access), Some(&refresh)]).await;
}

/// Only a change of the tokens prevents a refresh.
pub async fn other_changes_are_no_obstacle_to_a_refresh(db: &Opened) {
    let old = db.with_vault(&vault(&[key(1, 1)]).await).await;
    let store = db.with_vault(&vault(&[key(2, 2), key(1, 1)]).await).await;
    let mailbox = linked(db, &old, "ada", ALL).await;
    let (mailboxes, secrets) = (&store.mailboxes, &store.mailbox_secrets);
    let touched = mailboxes.touch(mailbox.id).await.expect("the mailbox exists");
    let patch = MailboxPatch::new().active(false);
    mailboxes.update(mailbox.id, patch, touched.updated_at).await.expect("the current version");
    mailboxes.set_status(mailbox.id, MailboxStatus::Error).await.expect("the mailbox exists");
    let other_password = credentials([Some("another"), None, None]);
    secrets.replace_credentials(mailbox.id, other_password).await.expect("the mailbox exists");
    drain(secrets.reencrypt(ReencryptPlan::new()).await.expect("a run")).await;
    let new = credentials([None, Some("a2"), Some("r2")]);
    secrets.refresh_tokens(mailbox.id, &credentials(ALL), new).await.expect("the same tokens");
    assert_secrets(&store, mailbox.id, [Some("another"), Some("a2"), Some("r2")]).await;
}

/// A refresh succeeds while others keep changing the mailbox.
pub async fn a_refresh_and_many_touches_at_once_all_succeed(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", ALL).await;
    let used = credentials(ALL);
    let new = credentials([None, Some("a2"), Some("r2")]);
    let touches = join_all((0..CROWD).map(|_| db.second.mailboxes.touch(mailbox.id)));
    let (refreshed, touched) =
        join(db.store.mailbox_secrets.refresh_tokens(mailbox.id, &used, new), touches).await;
    refreshed.expect("the same tokens");
    assert!(touched.iter().all(Result::is_ok));
    assert_secrets(&db.store, mailbox.id, [ALL[0], Some("a2"), Some("r2")]).await;
}

/// There are no secrets without a mailbox.
pub async fn secrets_of_an_unknown_mailbox_cannot_be_replaced(db: &Opened) {
    let id = MailboxId::new();
    let unknown = Error::not_found(Collection::Mailboxes, id);
    let secrets = &db.store.mailbox_secrets;
    assert_fails(secrets.replace_credentials(id, credentials(ALL)).await, &unknown);
    let refreshed = secrets.refresh_tokens(id, &credentials(ALL), credentials(ALL)).await;
    assert_fails(refreshed, &unknown);
    assert!(all_mailboxes(db).await.is_empty());
}

/// Secrets that do not open prevent nothing but reading them.
pub async fn no_other_method_opens_a_secret(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", ALL).await;
    let without = db.with_vault(&vault(&[key(9, 9)]).await).await;
    let (mailboxes, secrets) = (&without.mailboxes, &without.mailbox_secrets);
    let (id, owner) = (mailbox.id, mailbox.user_id);
    let opened = secrets.credentials(id).await;
    assert_fails(opened, &Error::secret(id, "password", SecretProblem::UnknownKey(1)));

    let (all, alone) = (MailboxFilter::all(), Some(mailbox.clone()));
    assert_eq!(mailboxes.get(id).await, Ok(alone.clone()));
    assert_eq!(mailboxes.find_by_user_and_email(owner, &mailbox.email).await, Ok(alone.clone()));
    assert_eq!(mailboxes.primary(owner).await, Ok(alone.clone()));
    assert_eq!(mailboxes.least_recently_used(owner).await, Ok(alone));
    let page = mailboxes.list(&all, &everything()).await.expect("a page");
    assert_eq!(page.items, std::slice::from_ref(&mailbox));
    let streamed: Vec<_> = mailboxes.stream(&all).await.expect("a stream").collect().await;
    assert_eq!(streamed, [Ok(mailbox.clone())]);

    let touched = mailboxes.touch(id).await.expect("the mailbox exists");
    let patched = mailboxes.update(id, MailboxPatch::new(), touched.updated_at).await;
    patched.expect("the current version");
    mailboxes.set_status(id, MailboxStatus::Error).await.expect("the mailbox exists");
    mailboxes.set_primary(id).await.expect("the mailbox exists");
    assert_secrets(&db.store, id, ALL).await;
    secrets.replace_credentials(id, credentials(ALL)).await.expect("the mailbox exists");
    assert_secrets(&without, id, ALL).await;
    mailboxes.unlink(id).await.expect("nobody needs the mailbox");
}

/// The error names a key that is not in the keyring.
pub async fn a_secret_under_an_unknown_key_is_named(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", [None, ALL[1], None]).await;
    let stranger = db.with_vault(&vault(&[key(7, 7)]).await).await;
    let unknown = Error::secret(mailbox.id, "access_token", SecretProblem::UnknownKey(1));
    assert_fails(stranger.mailbox_secrets.credentials(mailbox.id).await, &unknown);
    let used = credentials([None, ALL[1], None]);
    let refreshed = stranger.mailbox_secrets.refresh_tokens(mailbox.id, &used, credentials(ALL)).await;
    assert_fails(refreshed, &unknown);
    assert_secrets(&db.store, mailbox.id, [None, ALL[1], None]).await;
}

/// The error names a disabled key.
pub async fn a_secret_under_a_disabled_key_is_named(db: &Opened) {
    let mailbox = linked(db, &db.store, "ada", [None, None, ALL[2]]).await;
    let disabled = vault(&[key(2, 2), format!("{}:disabled", key(1, 1))]).await;
    let store = db.with_vault(&disabled).await;
    let problem = Error::secret(mailbox.id, "refresh_token", SecretProblem::KeyDisabled(1));
    assert_fails(store.mailbox_secrets.credentials(mailbox.id).await, &problem);
    // A new value is sealed with the primary key, and opens.
    store
        .mailbox_secrets
        .replace_credentials(mailbox.id, credentials([None, None, Some("r2")]))
        .await
        .expect("a mailbox");
    assert_secrets(&store, mailbox.id, [None, None, Some("r2")]).await;
    let all: Vec<_> = db
        .store
        .mailboxes
        .stream(&MailboxFilter::all())
        .await
        .expect("a stream")
        .try_collect()
        .await
        .expect("mailboxes");
    assert_eq!(all.len(), 1);
}
