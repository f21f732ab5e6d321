//! The contract of the events of Clerk.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::fixtures::{
    CROWD, address, all_users, assert_fails, assert_unique, crowd, login, mailbox, new_user, user,
};
use super::{Opened, start};
use crate::schema::index::{USERS_EMAIL, USERS_LOGIN_ID};
use crate::{ClerkDeletion, ClerkUpsert, ClerkUser, ClerkUserId, Collection, Error, User};

/// So many minutes after the start.
fn at(minutes: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(minutes)
}

/// An event of the user `user_<name>`, whose login id is the name.
fn event(name: &str, minutes: i64) -> ClerkUser {
    ClerkUser::new(format!("user_{name}"), name, name, at(minutes)).expect("valid input")
}

fn event_with(name: &str, minutes: i64, email: &str) -> ClerkUser {
    event(name, minutes).email(email).expect("a valid address")
}

fn id(name: &str) -> ClerkUserId {
    ClerkUserId::new(format!("user_{name}")).expect("a valid Clerk id")
}

async fn upsert(db: &Opened, user: ClerkUser) -> ClerkUpsert {
    db.store.users.upsert_from_clerk(user).await.expect("free values")
}

/// The user of an event that is not too late.
async fn upserted(db: &Opened, user: ClerkUser) -> User {
    match upsert(db, user).await {
        ClerkUpsert::Created(user) | ClerkUpsert::Updated(user) => user,
        other => panic!("{other:?}"),
    }
}

async fn delete(db: &Opened, name: &str, minutes: i64) -> ClerkDeletion {
    db.store.users.delete_from_clerk(&id(name), at(minutes)).await.expect("a deletion")
}

async fn by_clerk_id(db: &Opened, name: &str) -> Option<User> {
    db.second.users.find_by_clerk_user_id(&id(name)).await.expect("a readable user")
}

async fn email_of(db: &Opened, name: &str) -> Option<String> {
    by_clerk_id(db, name).await.and_then(|user| user.email).map(|email| email.to_string())
}

/// A new Clerk id creates a user.
pub async fn an_unknown_clerk_id_creates_a_user(db: &Opened) {
    let created = upsert(db, event_with("ada", 0, "Ada@example.com")).await;
    assert!(matches!(created, ClerkUpsert::Created(_)));
    let ada = created.into_user().expect("a user");
    assert_eq!((ada.user_name.as_str(), &ada.login_id), ("ada", &login("ada")));
    assert_eq!(ada.email, Some(address("ada@example.com")));
    assert_eq!(ada.clerk_user_id, Some(id("ada")));
    assert_eq!((ada.created_at, ada.updated_at), (start(), start()));
    assert_eq!((ada.is_active, ada.last_login), (true, None));
    assert_eq!(all_users(db).await, [ada]);
}

/// A known Clerk id updates the name and the address. A user who was not created by Clerk keeps the login id.
pub async fn a_known_clerk_id_updates_its_user(db: &Opened) {
    let new = new_user("ada").email("ada@example.com").and_then(|new| new.clerk_user_id("user_ada"));
    let created = db.store.users.create(new.expect("valid input")).await.expect("free values");
    let mut ada = db.store.users.set_active(created.id, false).await.expect("the user exists");
    let bob = user(db, "bob").await;

    // Bob's login id does not conflict, because Ada keeps hers.
    let renamed = ClerkUser::new("user_ada", "Ada Lovelace", "bob", at(1)).expect("valid input");
    let moved = renamed.email("lovelace@example.com").expect("a valid address");
    let updated = upsert(db, moved).await;
    assert!(matches!(updated, ClerkUpsert::Updated(_)));
    let updated = updated.into_user().expect("the user exists");
    ada.user_name = "Ada Lovelace".to_owned();
    ada.email = Some(address("lovelace@example.com"));
    assert!(updated.updated_at > ada.updated_at);
    ada.updated_at = updated.updated_at;
    assert_eq!(updated, ada);
    assert_eq!(all_users(db).await, [ada, bob]);

    // The login id of a user whom Clerk created follows Clerk.
    upserted(db, event("eve", 0)).await;
    let renamed = ClerkUser::new("user_eve", "Eve", "evelyn", at(1)).expect("valid input");
    assert_eq!(upserted(db, renamed).await.login_id, login("evelyn"));
}

/// If many callers see a new Clerk id at once, one creates the user, and the latest event remains.
pub async fn one_of_many_creates_the_user_of_a_clerk_id(db: &Opened) {
    let results = crowd(db, async |store, n| {
        let minutes = i64::try_from(n).expect("a small number");
        let ada = ClerkUser::new("user_ada", format!("Ada {n}"), "ada", at(minutes)).expect("valid input");
        store.users.upsert_from_clerk(ada).await.expect("an outcome")
    })
    .await;
    let is_new = |upsert: &&ClerkUpsert| matches!(upsert, ClerkUpsert::Created(_));
    assert_eq!(results.iter().filter(is_new).count(), 1);
    let all = all_users(db).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].user_name, format!("Ada {}", CROWD - 1));
}

/// Clerk's data cannot give a user the login id or address of one who did not get it from Clerk.
pub async fn clerk_cannot_take_the_values_of_another_user(db: &Opened) {
    let bob = new_user("bob").email("bob@example.com");
    let bob = db.store.users.create(bob.expect("a valid address")).await.expect("free values");
    let login_id = ClerkUser::new("user_ada", "Ada", "BOB", at(0)).expect("valid input");
    let email = event_with("ada", 1, "Bob@example.com");
    assert_unique(db.store.users.upsert_from_clerk(login_id).await, USERS_LOGIN_ID);
    assert_unique(db.store.users.upsert_from_clerk(email.clone()).await, USERS_EMAIL);
    assert_eq!(all_users(db).await, [bob]);

    // What failed has left nothing, so an event of the same time is not too late.
    upserted(db, event("ada", 0)).await;
    let before = all_users(db).await;
    assert_unique(db.store.users.upsert_from_clerk(email).await, USERS_EMAIL);
    assert_eq!(all_users(db).await, before);
    upserted(db, event("ada", 0)).await;
}

/// An event that is older than another changes nothing; one of the same time can be repeated.
pub async fn an_older_event_changes_nothing(db: &Opened) {
    let renamed = ClerkUser::new("user_ada", "Ada Lovelace", "ada", at(2)).expect("valid input");
    let created = upserted(db, renamed.clone()).await;
    let late = upsert(db, event_with("ada", 1, "ada@example.com")).await;
    assert_eq!(late, ClerkUpsert::Outdated(created.clone()));
    assert_eq!(all_users(db).await, std::slice::from_ref(&created));
    let repeated = upserted(db, renamed).await;
    assert_eq!(User { updated_at: created.updated_at, ..repeated }, created);

    // An event of before the user was deleted here does not bring the user back, a later one does.
    db.store.users.delete(created.id).await.expect("nobody needs the user");
    assert_eq!(upsert(db, event("ada", 1)).await, ClerkUpsert::Gone);
    assert!(matches!(upsert(db, event("ada", 3)).await, ClerkUpsert::Created(_)));
}

/// A user who has no address at Clerk any more has none here.
pub async fn an_address_that_clerk_removed_is_removed(db: &Opened) {
    upserted(db, event_with("ada", 0, "ada@example.com")).await;
    let without = upserted(db, event("ada", 1)).await;
    assert_eq!(without.email, None);
    assert_eq!(all_users(db).await, [without]);
    let bob = new_user("bob").email("ada@example.com").expect("a valid address");
    db.store.users.create(bob).await.expect("a free address");
}

/// No event brings back a user whom Clerk deleted, and its values are free.
pub async fn a_user_deleted_at_clerk_stays_deleted(db: &Opened) {
    upserted(db, event_with("ada", 2, "ada@example.com")).await;
    // The event of the deletion can have any time.
    for minutes in [1, 3] {
        let deleted = delete(db, "ada", minutes).await;
        assert_eq!(deleted, if minutes == 1 { ClerkDeletion::Deleted } else { ClerkDeletion::Unknown });
        for late in [0, 2, 4] {
            let late = upsert(db, event_with("ada", late, "ada@example.com")).await;
            assert_eq!(late, ClerkUpsert::Gone);
        }
        assert!(all_users(db).await.is_empty());
    }
    let bob = new_user("ada").email("ada@example.com").expect("a valid address");
    db.store.users.create(bob).await.expect("free values");

    // The deletion can come before all other events.
    assert_eq!(delete(db, "eve", 1).await, ClerkDeletion::Unknown);
    assert_eq!(upsert(db, event("eve", 0)).await, ClerkUpsert::Gone);
}

/// A user with mailboxes cannot be deleted, but loses all that Clerk gave.
pub async fn a_deleted_user_with_mailboxes_is_deactivated(db: &Opened) {
    let ada = upserted(db, event_with("ada", 0, "ada@example.com")).await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let ClerkDeletion::Deactivated(left) = delete(db, "ada", 1).await else { panic!("it is needed") };
    assert_eq!((left.id, left.is_active, &left.email), (ada.id, false, &None));
    assert!(left.login_id.as_str().starts_with("clerk-"));
    assert_eq!(all_users(db).await, std::slice::from_ref(&left));
    assert_eq!(upsert(db, event("ada", 2)).await, ClerkUpsert::Outdated(left));
    let bob = upserted(db, ClerkUser::new("user_bob", "Bob", "ada", at(0)).expect("valid input")).await;
    assert_eq!(bob.login_id, login("ada"));

    db.store.mailboxes.unlink(linked.id).await.expect("nobody needs the mailbox");
    assert_eq!(delete(db, "ada", 1).await, ClerkDeletion::Deleted);
    assert_eq!(all_users(db).await, [bob]);
}

/// An address goes to the user with the latest event, and back when that user gives it up.
pub async fn an_address_has_the_latest_owner(db: &Opened) {
    const ADDRESS: &str = "office@example.com";
    let ada = upserted(db, event_with("ada", 1, ADDRESS)).await;
    let bob = upserted(db, event_with("bob", 3, "Office@Example.com")).await;
    assert_eq!(bob.email, Some(address(ADDRESS)));
    let left = by_clerk_id(db, "ada").await.expect("the user exists");
    assert!(left.email.is_none() && left.updated_at > ada.updated_at, "it is a write");
    // One who claims it later, but by an older event, does not get it.
    assert_eq!(upserted(db, event_with("eve", 2, ADDRESS)).await.email, None);
    upserted(db, event("bob", 4)).await;
    assert_eq!(email_of(db, "eve").await.as_deref(), Some(ADDRESS));
    delete(db, "eve", 5).await;
    assert_eq!(email_of(db, "ada").await.as_deref(), Some(ADDRESS));

    // The same for users who were linked to Clerk in another way.
    let cleo = new_user("cleo").email("cleo@example.com").and_then(|new| new.clerk_user_id("user_cleo"));
    db.store.users.create(cleo.expect("valid input")).await.expect("free values");
    upserted(db, event_with("bob", 6, "cleo@example.com")).await;
    assert_eq!(email_of(db, "cleo").await, None);
    upserted(db, event("bob", 7)).await;
    assert_eq!(email_of(db, "cleo").await.as_deref(), Some("cleo@example.com"));
}

/// A login id that Clerk gave goes to the user with the latest event. The other gets one from the Clerk id,
/// since every user has one.
pub async fn a_login_id_has_the_latest_owner(db: &Opened) {
    let claim = |name: &str, minutes| {
        ClerkUser::new(format!("user_{name}"), name, "office", at(minutes)).expect("valid input")
    };
    upserted(db, claim("ada", 1)).await;
    assert_eq!(upserted(db, claim("bob", 2)).await.login_id, login("office"));
    let ada = by_clerk_id(db, "ada").await.expect("the user exists");
    let own = ada.login_id.as_str();
    assert_eq!((own.len(), own.starts_with("clerk-")), (38, true), "{own}");
    assert!(upserted(db, claim("eve", 0)).await.login_id.as_str().starts_with("clerk-"));
    upserted(db, event("bob", 3)).await;
    assert_eq!(by_clerk_id(db, "ada").await.map(|ada| ada.login_id), Some(login("office")));

    // One who did not get the login id from Clerk keeps it.
    let cleo = new_user("cleo").clerk_user_id("user_cleo").expect("a valid Clerk id");
    db.store.users.create(cleo).await.expect("free values");
    let theft = ClerkUser::new("user_bob", "bob", "cleo", at(4)).expect("valid input");
    assert_unique(db.store.users.upsert_from_clerk(theft).await, USERS_LOGIN_ID);
}

/// An address of a user who was deleted here goes back to the one who had it before.
pub async fn what_a_user_deleted_here_had_goes_back(db: &Opened) {
    upserted(db, event_with("ada", 1, "office@example.com")).await;
    let bob = upserted(db, event_with("bob", 2, "office@example.com")).await;
    db.store.users.delete(bob.id).await.expect("nobody needs the user");
    assert_eq!(email_of(db, "ada").await.as_deref(), Some("office@example.com"));
    let missing = Error::not_found(Collection::Users, bob.id);
    assert_fails(db.store.users.delete(bob.id).await, &missing);
    // Bob is still a user of Clerk, and the next event says so.
    upserted(db, event_with("bob", 3, "office@example.com")).await;
    assert_eq!(email_of(db, "ada").await, None);
}

/// Events of several users that come at once leave what their times say.
pub async fn events_at_once_leave_the_latest_states(db: &Opened) {
    for round in 0..4 {
        let handles = [&db.store, &db.second];
        let names = ["ada", "bob", "eve"];
        let calls = (0..12_u8).map(|n| {
            let (name, minutes) = (names[usize::from(n) % 3], i64::from(round * 12 + (n * 7) % 12));
            let event = match n % 4 {
                3 => event(name, minutes),
                n => event_with(name, minutes, &format!("office{}@example.com", n % 2)),
            };
            let store = handles[usize::from(n) % 2];
            async move { (name, minutes, event.clone(), store.users.upsert_from_clerk(event).await) }
        });
        let mut latest: Vec<(&str, i64, ClerkUser)> = Vec::new();
        for (name, minutes, event, upserted) in join_all(calls).await {
            upserted.expect("an outcome");
            latest.push((name, minutes, event));
        }
        latest.sort_by_key(|(_, minutes, _)| -minutes);
        let mut seen: Vec<&str> = Vec::new();
        latest.retain(|(name, ..)| {
            !seen.contains(name) && {
                seen.push(name);
                true
            }
        });
        let mut taken = Vec::new();
        for (name, _, event) in latest {
            let expected = event.email.filter(|email| !taken.contains(email));
            taken.extend(expected.clone());
            assert_eq!(email_of(db, name).await, expected.map(|email| email.to_string()), "{name}");
        }
    }
}
