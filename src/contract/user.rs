//! The contract of [`UserRepository`](crate::UserRepository).

use chrono::{DateTime, TimeDelta};

use super::fixtures::{
    address, all_users, assert_fails, assert_unique, crowd, login, mailbox, new_user, only_winner, scene,
    user,
};
use super::{Opened, start};
use crate::schema::index::{USERS_CLERK_USER_ID, USERS_EMAIL, USERS_LOGIN_ID};
use crate::{
    ClerkUser, ClerkUserId, Clock, Collection, Error, NewUser, Repositories, User, UserId, UserPatch,
};

/// Ada, with a value in every field.
fn new_ada() -> NewUser {
    let ada = new_user("ada").email("ada@example.com");
    let ada = ada.expect("a valid address").clerk_user_id("user_ada");
    ada.expect("a valid Clerk id")
}

/// Creates [`new_ada`].
async fn ada(db: &Opened) -> User {
    let ada = db.store.users.create(new_ada()).await;
    ada.expect("free values")
}

fn clerk_id(text: &str) -> ClerkUserId {
    ClerkUserId::new(text).expect("a valid Clerk id")
}

async fn by_login_id(store: &Repositories, login_id: &str) -> Option<User> {
    let found = store.users.find_by_login_id(&login(login_id)).await;
    found.expect("a readable user")
}

async fn by_email(store: &Repositories, email: &str) -> Option<User> {
    let found = store.users.find_by_email(&address(email)).await;
    found.expect("a readable user")
}

async fn by_clerk_id(store: &Repositories, id: &str) -> Option<User> {
    let found = store.users.find_by_clerk_user_id(&clerk_id(id)).await;
    found.expect("a readable user")
}

async fn get(db: &Opened, id: UserId) -> Option<User> {
    db.store.users.get(id).await.expect("a readable user")
}

/// Updates the given version of the user.
async fn update(db: &Opened, user: &User, patch: UserPatch) -> User {
    let updated = db.store.users.update(user.id, patch, user.updated_at);
    updated.await.expect("the current version and free values")
}

/// [`ada`] after each of a series of writes, one of every kind.
async fn after_every_write(db: &Opened, ada: &User) -> Vec<User> {
    let users = &db.store.users;
    let patched = update(db, ada, UserPatch::new()).await;
    let logged_in = users.record_login(ada.id).await;
    let switched = users.set_active(ada.id, !ada.is_active).await;
    let clerk = ClerkUser::new("user_ada", "Ada Lovelace", "ada", start()).expect("valid input");
    let upserted = users.upsert_from_clerk(clerk).await.expect("free values");
    vec![
        patched,
        logged_in.expect("the user exists"),
        switched.expect("the user exists"),
        upserted.into_user().expect("the user exists"),
    ]
}

/// Users who each share one value with [`new_ada`], and the index that forbids it.
fn rivals() -> [(NewUser, &'static str); 3] {
    let same_email = new_user("bob").email("ADA@Example.com");
    let same_clerk_id = new_user("bob").clerk_user_id("user_ada");
    [
        (new_user("ADA"), USERS_LOGIN_ID),
        (same_email.expect("a valid address"), USERS_EMAIL),
        (same_clerk_id.expect("a valid Clerk id"), USERS_CLERK_USER_ID),
    ]
}

/// Patches that each take one value of [`new_ada`], and the index that forbids it.
fn thefts() -> [(UserPatch, &'static str); 3] {
    let login_id = UserPatch::new().login_id("Ada");
    let email = UserPatch::new().email("ADA@Example.com");
    let clerk_id = UserPatch::new().clerk_user_id("user_ada");
    [
        (login_id.expect("a valid login id"), USERS_LOGIN_ID),
        (email.expect("a valid address"), USERS_EMAIL),
        (clerk_id.expect("a valid Clerk id"), USERS_CLERK_USER_ID),
    ]
}

/// A created user has the given values and reads back the same.
pub async fn a_created_user_reads_back_the_same(db: &Opened) {
    let zoe = NewUser::new("Zoë Ångström 🌷 李", "zoë").expect("valid input");
    let zoe = zoe.email("zoë@exämple.com").expect("a valid address");
    let zoe = zoe.clerk_user_id("user_Zoë").expect("a valid Clerk id");
    let zoe = db.store.users.create(zoe).await.expect("free values");
    assert_eq!(zoe.user_name, "Zoë Ångström 🌷 李");
    assert_eq!(zoe.login_id, login("zoë"));
    assert_eq!(zoe.email, Some(address("zoë@exämple.com")));
    assert_eq!(zoe.clerk_user_id, Some(clerk_id("user_Zoë")));
    assert_eq!((zoe.created_at, zoe.updated_at), (start(), start()));
    assert_eq!((zoe.is_active, zoe.last_login), (true, None));
    assert_eq!(get(db, zoe.id).await, Some(zoe));

    let bob = user(db, "bob").await;
    assert_eq!((&bob.email, &bob.clerk_user_id), (&None, &None));
    assert_eq!(get(db, bob.id).await, Some(bob));
}

/// Names are trimmed; login ids and addresses are also lower-cased, so they are found in any case.
pub async fn names_are_trimmed_and_found_in_any_case(db: &Opened) {
    let new = NewUser::new("  Ada L. ", " ADA ").expect("valid input");
    let new = new.email(" Ada@Example.COM ").expect("a valid address");
    let ada = db.store.users.create(new).await.expect("free values");
    assert_eq!(ada.user_name, "Ada L.");
    assert_eq!(ada.login_id.as_str(), "ada");
    assert_eq!(ada.email, Some(address("ada@example.com")));

    assert_eq!(by_login_id(&db.store, "aDa").await.as_ref(), Some(&ada));
    assert_eq!(by_email(&db.store, "ADA@example.com").await, Some(ada));
}

/// A Clerk id is trimmed, but its case matters.
pub async fn a_clerk_id_is_found_in_its_own_case_alone(db: &Opened) {
    let ada = ada(db).await;
    assert_eq!(by_clerk_id(&db.store, " user_ada ").await, Some(ada));
    assert_eq!(by_clerk_id(&db.store, "USER_ADA").await, None);
}

/// A look-up of a user who does not exist returns nothing.
pub async fn an_unknown_user_is_none(db: &Opened) {
    ada(db).await;
    assert_eq!(get(db, UserId::new()).await, None);
    assert_eq!(by_login_id(&db.store, "ada@example.com").await, None);
    assert_eq!(by_email(&db.store, "ada@work.example").await, None);
    assert_eq!(by_clerk_id(&db.store, "ada").await, None);
}

/// A user cannot be created with a value that another user has.
pub async fn a_taken_value_is_refused_when_creating(db: &Opened) {
    let ada = ada(db).await;
    for (rival, index) in rivals() {
        assert_unique(db.store.users.create(rival.clone()).await, index);
        assert_unique(db.second.users.create(rival).await, index);
        assert_eq!(all_users(db).await, std::slice::from_ref(&ada));
    }
}

/// A user cannot take a value that another user has.
pub async fn a_taken_value_is_refused_when_updating(db: &Opened) {
    ada(db).await;
    let bob = user(db, "bob").await;
    let before = all_users(db).await;
    for (theft, index) in thefts() {
        let theft = theft.user_name("Robert").expect("a valid name");
        let updated = db.store.users.update(bob.id, theft, bob.updated_at);
        assert_unique(updated.await, index);
        assert_eq!(all_users(db).await, before);
    }
}

/// A user's own values are not duplicates of themselves.
pub async fn a_user_can_be_given_its_own_values_again(db: &Opened) {
    let mut ada = ada(db).await;
    for (patch, _) in thefts() {
        let updated = update(db, &ada, patch).await;
        ada.updated_at = updated.updated_at;
        assert_eq!(updated, ada);
    }
}

/// Any number of users can have neither an address nor a Clerk id.
pub async fn many_users_have_neither_address_nor_clerk_id(db: &Opened) {
    for n in 0..3 {
        user(db, &format!("user{n}")).await;
    }
    let users = all_users(db).await;
    assert_eq!(users.len(), 3);
    assert!(users.iter().all(|user| user.email.is_none()));
    assert!(users.iter().all(|user| user.clerk_user_id.is_none()));
}

/// A patch sets the fields that it names and keeps the others.
pub async fn a_patch_sets_what_it_names_and_keeps_the_rest(db: &Opened) {
    let mut ada = ada(db).await;
    let patch = UserPatch::new().user_name(" Ada Lovelace ");
    let updated = update(db, &ada, patch.expect("a valid name")).await;
    (ada.user_name, ada.updated_at) = ("Ada Lovelace".to_owned(), updated.updated_at);
    assert_eq!(updated, ada);

    let patch = UserPatch::new().login_id("Lovelace");
    let updated = update(db, &ada, patch.expect("a valid login id")).await;
    (ada.login_id, ada.updated_at) = (login("lovelace"), updated.updated_at);
    assert_eq!(updated, ada);

    let patch = UserPatch::new().email("Lovelace@example.com");
    let updated = update(db, &ada, patch.expect("a valid address")).await;
    ada.email = Some(address("lovelace@example.com"));
    ada.updated_at = updated.updated_at;
    assert_eq!(updated, ada);

    let patch = UserPatch::new().clerk_user_id("user_lovelace");
    let updated = update(db, &ada, patch.expect("a valid Clerk id")).await;
    ada.clerk_user_id = Some(clerk_id("user_lovelace"));
    ada.updated_at = updated.updated_at;
    assert_eq!(updated, ada);
    assert_eq!(get(db, ada.id).await, Some(ada));
}

/// A replaced value no longer finds the user, and others can take it.
pub async fn a_changed_value_is_free_again(db: &Opened) {
    let ada = ada(db).await;
    let patch = UserPatch::new().login_id("lovelace");
    let patch = patch.and_then(|patch| patch.email("lovelace@example.com"));
    let patch = patch.and_then(|patch| patch.clerk_user_id("user_lovelace"));
    update(db, &ada, patch.expect("valid input")).await;

    assert_eq!(by_login_id(&db.store, "ada").await, None);
    assert_eq!(by_email(&db.store, "ada@example.com").await, None);
    assert_eq!(by_clerk_id(&db.store, "user_ada").await, None);
    let successor = db.store.users.create(new_ada()).await.expect("free values");
    assert_ne!(successor.id, ada.id);
    assert_eq!(by_login_id(&db.store, "ada").await, Some(successor));
}

/// A cleared value is gone, no longer finds the user, and others can take it.
pub async fn a_cleared_value_is_gone_and_free_again(db: &Opened) {
    let mut ada = ada(db).await;
    let patch = UserPatch::new().clear_email().clear_clerk_user_id();
    let cleared = update(db, &ada, patch).await;
    (ada.email, ada.clerk_user_id) = (None, None);
    ada.updated_at = cleared.updated_at;
    assert_eq!(cleared, ada);
    assert_eq!(get(db, ada.id).await, Some(ada));

    assert_eq!(by_email(&db.store, "ada@example.com").await, None);
    assert_eq!(by_clerk_id(&db.store, "user_ada").await, None);
    let bob = new_user("bob").email("ada@example.com");
    let bob = bob.and_then(|bob| bob.clerk_user_id("user_ada"));
    let bob = db.store.users.create(bob.expect("valid input")).await;
    assert_eq!(bob.expect("free values").login_id, login("bob"));
}

/// An update of a version that is not the current one is a conflict and changes nothing.
pub async fn a_stale_version_is_a_conflict(db: &Opened) {
    let stale = ada(db).await;
    let current = update(db, &stale, UserPatch::new()).await;
    let versions = [stale.updated_at, current.updated_at + TimeDelta::milliseconds(1), DateTime::UNIX_EPOCH];
    for version in versions {
        let patch = UserPatch::new().user_name("Eve").expect("a valid name");
        let updated = db.store.users.update(stale.id, patch, version).await;
        assert_fails(updated, &Error::conflict(Collection::Users, stale.id));
        assert_eq!(get(db, stale.id).await.as_ref(), Some(&current));
    }
}

/// Every write to a user who does not exist fails.
pub async fn a_write_of_an_unknown_user_is_not_found(db: &Opened) {
    let users = &db.store.users;
    let id = UserId::new();
    let unknown = Error::not_found(Collection::Users, id);
    assert_fails(users.update(id, UserPatch::new(), start()).await, &unknown);
    assert_fails(users.record_login(id).await, &unknown);
    assert_fails(users.set_active(id, true).await, &unknown);
    assert_fails(users.delete(id).await, &unknown);
    assert!(all_users(db).await.is_empty());
}

/// An empty patch is a normal write: it checks and raises the version.
pub async fn an_empty_patch_checks_and_raises_the_version(db: &Opened) {
    let mut ada = ada(db).await;
    let stale = ada.updated_at;
    let updated = update(db, &ada, UserPatch::new()).await;
    assert!(updated.updated_at > stale);
    ada.updated_at = updated.updated_at;
    assert_eq!(updated, ada);
    let again = db.store.users.update(ada.id, UserPatch::new(), stale).await;
    assert_fails(again, &Error::conflict(Collection::Users, ada.id));
}

/// Every write makes the version later, even if the clock stands still or goes back.
pub async fn every_write_makes_the_version_later(db: &Opened) {
    let created = ada(db).await;
    let standing = after_every_write(db, &created).await;
    db.clock.advance(TimeDelta::hours(-1));
    let going_back = after_every_write(db, &standing[3]).await;
    let history = [vec![created], standing, going_back].concat();
    assert!(history.is_sorted_by(|a, b| a.updated_at < b.updated_at));
    assert_eq!(get(db, history[0].id).await.as_ref(), history.last());
}

/// A version is the time of the write if the clock allows it.
pub async fn a_version_is_the_time_of_the_write(db: &Opened) {
    let ada = ada(db).await;
    db.clock.advance(TimeDelta::hours(1));
    let updated = update(db, &ada, UserPatch::new()).await;
    assert_eq!(updated.updated_at, db.clock.now());
}

/// No write changes the creation time of a user.
pub async fn created_at_never_changes(db: &Opened) {
    let ada = ada(db).await;
    db.clock.advance(TimeDelta::hours(1));
    let history = after_every_write(db, &ada).await;
    assert!(history.iter().all(|user| user.created_at == start()));
    assert!(history.iter().all(|user| user.id == ada.id));
}

/// Recording a login sets the store's time and changes nothing else.
pub async fn a_login_is_recorded_with_the_time_of_the_store(db: &Opened) {
    let mut ada = ada(db).await;
    for _ in 0..2 {
        db.clock.advance(TimeDelta::minutes(5));
        let logged_in = db.store.users.record_login(ada.id).await;
        let logged_in = logged_in.expect("the user exists");
        ada.last_login = Some(db.clock.now());
        ada.updated_at = logged_in.updated_at;
        assert_eq!(logged_in, ada);
        assert_eq!(get(db, ada.id).await.as_ref(), Some(&ada));
    }
}

/// Activating or deactivating a user twice is not an error.
pub async fn a_user_can_be_switched_twice(db: &Opened) {
    let mut ada = ada(db).await;
    for is_active in [false, false, true, true] {
        let switched = db.store.users.set_active(ada.id, is_active).await;
        let switched = switched.expect("the user exists");
        ada.is_active = is_active;
        ada.updated_at = switched.updated_at;
        assert_eq!(switched, ada);
        assert_eq!(get(db, ada.id).await.as_ref(), Some(&ada));
    }
}

/// If many callers create a user with one login id at once, one succeeds.
pub async fn one_of_many_creates_a_login_id(db: &Opened) {
    let results = crowd(db, async |store, n| {
        let new = NewUser::new(format!("Ada {n}"), "ada").expect("valid input");
        store.users.create(new).await
    })
    .await;
    let taken = Error::unique(Collection::Users, USERS_LOGIN_ID);
    let winner = only_winner(results, &taken);
    assert_eq!(all_users(db).await, [winner]);
}

/// If many callers update one version at once, one succeeds.
pub async fn one_of_many_updates_a_version(db: &Opened) {
    let ada = ada(db).await;
    let results = crowd(db, async |store, n| {
        let patch = UserPatch::new().user_name(format!("Ada {n}"));
        let patch = patch.expect("a valid name");
        store.users.update(ada.id, patch, ada.updated_at).await
    })
    .await;
    let conflict = Error::conflict(Collection::Users, ada.id);
    let winner = only_winner(results, &conflict);
    assert_eq!(all_users(db).await, [winner]);
}

/// A deleted user is gone, and others can take the values.
pub async fn a_deleted_user_is_gone_and_its_values_are_free(db: &Opened) {
    let ada = ada(db).await;
    let users = &db.store.users;
    users.delete(ada.id).await.expect("nobody needs the user");
    assert_eq!(get(db, ada.id).await, None);
    assert_eq!(by_login_id(&db.store, "ada").await, None);
    let unknown = Error::not_found(Collection::Users, ada.id);
    assert_fails(users.delete(ada.id).await, &unknown);
    assert_fails(users.record_login(ada.id).await, &unknown);

    let successor = users.create(new_ada()).await.expect("free values");
    assert_ne!(successor.id, ada.id);
    assert_eq!(all_users(db).await, [successor]);
}

/// A user cannot be deleted until all mailboxes are unlinked.
pub async fn a_user_with_mailboxes_is_in_use(db: &Opened) {
    let ada = ada(db).await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let needed = Error::in_use(Collection::Users, ada.id, Collection::Mailboxes);
    assert_fails(db.store.users.delete(ada.id).await, &needed);
    assert_eq!(all_users(db).await, std::slice::from_ref(&ada));

    let unlinked = db.store.mailboxes.unlink(linked.id).await;
    unlinked.expect("nobody needs the mailbox");
    let deleted = db.store.users.delete(ada.id).await;
    deleted.expect("nobody needs the user");
    assert_eq!(get(db, ada.id).await, None);
}

/// The campaigns of a deleted user stay and still name the user.
pub async fn campaigns_that_are_over_keep_naming_a_deleted_user(db: &Opened) {
    let scene = scene(db).await;
    let cancelled = db.store.campaigns.cancel(scene.campaign.id).await;
    let cancelled = cancelled.expect("a scheduled campaign");
    let unlinked = db.store.mailboxes.unlink(scene.mailbox.id).await;
    unlinked.expect("nobody needs the mailbox");
    let deleted = db.store.users.delete(scene.user.id).await;
    deleted.expect("nobody needs the user");
    let campaign = db.store.campaigns.get(cancelled.id).await;
    assert_eq!(campaign.expect("a readable campaign"), Some(cancelled));
}

/// Each handle sees at once what the other one wrote.
pub async fn another_handle_sees_every_write_of_a_user(db: &Opened) {
    let ada = ada(db).await;
    let found = by_clerk_id(&db.second, "user_ada").await;
    assert_eq!(found.as_ref(), Some(&ada));
    let switched = db.second.users.set_active(ada.id, false).await;
    let switched = switched.expect("the user exists");
    assert_eq!(get(db, ada.id).await.as_ref(), Some(&switched));

    let updated = update(db, &switched, UserPatch::new()).await;
    let found = by_email(&db.second, "ada@example.com").await;
    assert_eq!(found, Some(updated));
    let deleted = db.second.users.delete(ada.id).await;
    deleted.expect("nobody needs the user");
    assert_eq!(get(db, ada.id).await, None);
    assert!(all_users(db).await.is_empty());
}
