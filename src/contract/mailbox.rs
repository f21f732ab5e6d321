//! The contract of [`MailboxRepository`](crate::MailboxRepository).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fixtures::{
    address, all_mailboxes, assert_fails, assert_unique, crowd, drain, everything, mailbox, mailboxes,
    new_mailbox, only_winner, user,
};
use super::{Opened, start};
use crate::schema::index::MAILBOXES_USER_ID_EMAIL;
use crate::{
    Clock, Collection, EmailAddress, Error, Mailbox, MailboxFilter, MailboxId, MailboxPatch, MailboxStatus,
    NewMailbox, Provider, Repositories, User, UserId, UserProfile,
};

pub(super) fn profile(json: Value) -> UserProfile {
    let Value::Object(profile) = json else {
        panic!("a profile is an object");
    };
    UserProfile::new(profile).expect("a valid profile")
}

pub(super) async fn get(db: &Opened, id: MailboxId) -> Option<Mailbox> {
    let found = db.store.mailboxes.get(id).await;
    found.expect("a readable mailbox")
}

pub(super) async fn by_email(store: &Repositories, user: &User, email: &str) -> Option<Mailbox> {
    let email = address(email);
    let found = store.mailboxes.find_by_user_and_email(user.id, &email);
    found.await.expect("a readable mailbox")
}

pub(super) async fn primary(store: &Repositories, user: &User) -> Option<Mailbox> {
    let found = store.mailboxes.primary(user.id).await;
    found.expect("a readable mailbox")
}

/// The mailboxes that the user's list shows as primary.
pub(super) async fn listed_primaries(store: &Repositories, user: &User) -> Vec<Mailbox> {
    let filter = MailboxFilter::user(user.id);
    let page = store.mailboxes.list(&filter, &everything()).await;
    let mut listed = page.expect("a page of mailboxes").items;
    listed.retain(|mailbox| mailbox.is_primary);
    listed
}

/// The one mailbox that the user's list shows as primary.
pub(super) async fn listed_primary(store: &Repositories, user: &User) -> Mailbox {
    let mut listed = listed_primaries(store, user).await;
    assert_eq!(listed.len(), 1, "exactly one is primary");
    listed.remove(0)
}

/// The id of the least recently used mailbox.
pub(super) async fn next_in_turn(db: &Opened, user: &User) -> Option<MailboxId> {
    let found = db.store.mailboxes.least_recently_used(user.id).await;
    found.expect("a readable mailbox").map(|mailbox| mailbox.id)
}

/// Updates the given version of the mailbox.
pub(super) async fn update(db: &Opened, mailbox: &Mailbox, patch: MailboxPatch) -> Mailbox {
    let updated = db.store.mailboxes.update(mailbox.id, patch, mailbox.updated_at);
    updated.await.expect("the current version and a free address")
}

pub(super) async fn set_primary(store: &Repositories, id: MailboxId) -> Mailbox {
    let promoted = store.mailboxes.set_primary(id).await;
    promoted.expect("the mailbox exists")
}

pub(super) async fn set_status(db: &Opened, id: MailboxId, status: MailboxStatus) -> Mailbox {
    let marked = db.store.mailboxes.set_status(id, status).await;
    marked.expect("the mailbox exists")
}

pub(super) async fn touch(db: &Opened, id: MailboxId) -> Mailbox {
    let touched = db.store.mailboxes.touch(id).await;
    touched.expect("the mailbox exists")
}

pub(super) async fn unlink(store: &Repositories, id: MailboxId) {
    let unlinked = store.mailboxes.unlink(id).await;
    unlinked.expect("nobody needs the mailbox");
}

/// `mailbox` after each of a series of writes, one of every kind; `other` is primary in the end.
async fn after_every_write(db: &Opened, mailbox: &Mailbox, other: &Mailbox) -> Vec<Mailbox> {
    let status =
        if mailbox.status == MailboxStatus::Active { MailboxStatus::Error } else { MailboxStatus::Active };
    let patched = update(db, mailbox, MailboxPatch::new()).await;
    let promoted = set_primary(&db.store, mailbox.id).await;
    set_primary(&db.store, other.id).await;
    let demoted = get(db, mailbox.id).await.expect("the mailbox exists");
    let marked = set_status(db, mailbox.id, status).await;
    let touched = touch(db, mailbox.id).await;
    vec![patched, promoted, demoted, marked, touched]
}

/// A linked mailbox has the given values and reads back the same.
pub async fn a_linked_mailbox_reads_back_the_same(db: &Opened) {
    let ada = user(db, "ada").await;
    let owner = profile(json!({
        "name": "Ada Lovelace 🌷",
        "verified": true,
        "locale": null,
        "photo": { "sizes": [16, 64.5, 2.0], "urls": {}, "crops": [[], [0, -1]] },
        "aliases": ["ada", "λ", ""],
        "largest": i64::MAX,
        "smallest": i64::MIN,
    }));
    let new = new_mailbox(&ada, " Ada@Work.example ").user_profile(owner.clone());
    let linked = db.store.mailboxes.link(new).await.expect("a free address");
    assert_eq!(linked.user_id, ada.id);
    assert_eq!(linked.email, address("ada@work.example"));
    assert_eq!(linked.provider, Provider::Gmail);
    assert_eq!(linked.user_profile, Some(owner));
    assert!(linked.is_primary && linked.is_active);
    assert_eq!(linked.status, MailboxStatus::Active);
    assert_eq!(linked.last_used, None);
    assert_eq!((linked.created_at, linked.updated_at), (start(), start()));
    assert_eq!(get(db, linked.id).await.as_ref(), Some(&linked));
    let found = by_email(&db.store, &ada, "ADA@work.example").await;
    assert_eq!(found, Some(linked));
}

/// A mailbox of any provider can be linked, and needs no profile.
pub async fn a_mailbox_of_any_provider_can_be_linked(db: &Opened) {
    let ada = user(db, "ada").await;
    for name in ["Outlook", "gmail", "Fast Mail ✉"] {
        let provider = Provider::new(name).expect("a valid provider");
        let email = format!("ada{}@work.example", name.len());
        let new = NewMailbox::new(ada.id, email, provider.clone());
        let linked = db.store.mailboxes.link(new.expect("a valid address")).await;
        let linked = linked.expect("a free address");
        assert_eq!(linked.provider, provider);
        assert_eq!(linked.user_profile, None);
        assert_eq!(get(db, linked.id).await, Some(linked));
    }
}

/// A profile keeps keys and values that have a meaning in a database.
pub async fn a_profile_is_never_taken_for_a_command(db: &Opened) {
    let ada = user(db, "ada").await;
    let owner = profile(json!({
        "_id": "$email",
        "name.first": "$$ROOT",
        "@odata.context": { "is_primary": "$$REMOVE" },
        "set$": { "is_primary": false },
        "photo": { "a.b": [{ "c": "$set" }] },
    }));
    let new = new_mailbox(&ada, "ada@work.example").user_profile(owner.clone());
    let linked = db.store.mailboxes.link(new).await.expect("a free address");
    assert_eq!(linked.user_profile.as_ref(), Some(&owner));
    assert_eq!(get(db, linked.id).await.as_ref(), Some(&linked));

    let other = mailbox(db, &ada, "other@work.example").await;
    let patch = MailboxPatch::new().user_profile(owner.clone());
    let updated = update(db, &other, patch).await;
    assert_eq!(updated.user_profile, Some(owner));
    assert_eq!(get(db, other.id).await, Some(updated));
}

/// A look-up of a mailbox that does not exist returns nothing.
pub async fn an_unknown_mailbox_is_none(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    mailbox(db, &ada, "ada@work.example").await;
    assert_eq!(get(db, MailboxId::new()).await, None);
    assert_eq!(by_email(&db.store, &bob, "ada@work.example").await, None);
    assert_eq!(by_email(&db.store, &ada, "bob@work.example").await, None);
    assert_eq!(primary(&db.store, &bob).await, None);
    assert_eq!(next_in_turn(db, &bob).await, None);
}

/// A mailbox cannot be linked for a user who does not exist.
pub async fn a_mailbox_needs_its_user(db: &Opened) {
    let id = UserId::new();
    let new = NewMailbox::new(id, "ada@work.example", Provider::Gmail);
    let linked = db.store.mailboxes.link(new.expect("a valid address")).await;
    assert_fails(linked, &Error::not_found(Collection::Users, id));
    assert!(all_mailboxes(db).await.is_empty());
}

/// A user links an address only once, but two users can link the same one.
pub async fn an_address_is_unique_for_each_user(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    mailbox(db, &ada, "team@work.example").await;
    let before = all_mailboxes(db).await;
    let again = new_mailbox(&ada, "TEAM@work.example");
    let linked = db.store.mailboxes.link(again.clone()).await;
    assert_unique(linked, MAILBOXES_USER_ID_EMAIL);
    let linked = db.second.mailboxes.link(again.primary()).await;
    assert_unique(linked, MAILBOXES_USER_ID_EMAIL);
    assert_eq!(all_mailboxes(db).await, before);

    let shared = mailbox(db, &bob, "team@work.example").await;
    assert!(shared.is_primary);
    let found = by_email(&db.store, &bob, "team@work.example").await;
    assert_eq!(found, Some(shared));
}

/// A patch sets the fields that it names and keeps the others.
pub async fn a_patch_sets_what_it_names_and_keeps_the_rest(db: &Opened) {
    let ada = user(db, "ada").await;
    let mut linked = mailbox(db, &ada, "ada@work.example").await;
    let moved = MailboxPatch::new().email("Lovelace@work.example");
    let updated = update(db, &linked, moved.expect("a valid address")).await;
    linked.email = address("lovelace@work.example");
    linked.updated_at = updated.updated_at;
    assert_eq!(updated, linked);
    assert_eq!(by_email(&db.store, &ada, "ada@work.example").await, None);

    let updated = update(db, &linked, MailboxPatch::new().provider(Provider::Outlook)).await;
    (linked.provider, linked.updated_at) = (Provider::Outlook, updated.updated_at);
    assert_eq!(updated, linked);

    let owner = profile(json!({ "name": { "first": "Ada" } }));
    let patch = MailboxPatch::new().user_profile(owner.clone());
    let updated = update(db, &linked, patch).await;
    (linked.user_profile, linked.updated_at) = (Some(owner), updated.updated_at);
    assert_eq!(updated, linked);

    // A new profile replaces the old one and is not merged into it.
    let owner = profile(json!({ "name": { "last": "Lovelace" } }));
    let patch = MailboxPatch::new().user_profile(owner.clone());
    let updated = update(db, &linked, patch).await;
    (linked.user_profile, linked.updated_at) = (Some(owner), updated.updated_at);
    assert_eq!(updated, linked);

    let patch = MailboxPatch::new().clear_user_profile().active(false);
    let updated = update(db, &linked, patch).await;
    (linked.user_profile, linked.is_active) = (None, false);
    linked.updated_at = updated.updated_at;
    assert_eq!(updated, linked);
    assert_eq!(get(db, linked.id).await, Some(linked));
}

/// An empty patch is a normal write: it checks and raises the version.
pub async fn an_empty_patch_checks_and_raises_the_version(db: &Opened) {
    let ada = user(db, "ada").await;
    let mut linked = mailbox(db, &ada, "ada@work.example").await;
    let stale = linked.updated_at;
    let updated = update(db, &linked, MailboxPatch::new()).await;
    assert!(updated.updated_at > stale);
    linked.updated_at = updated.updated_at;
    assert_eq!(updated, linked);
    let again = db.store.mailboxes.update(linked.id, MailboxPatch::new(), stale).await;
    assert_fails(again, &Error::conflict(Collection::Mailboxes, linked.id));
}

/// An update of a version that is not the current one is a conflict and changes nothing.
pub async fn a_stale_version_is_a_conflict(db: &Opened) {
    let ada = user(db, "ada").await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let current = touch(db, linked.id).await;
    let later = current.updated_at + TimeDelta::milliseconds(1);
    for version in [linked.updated_at, later] {
        let patch = MailboxPatch::new().active(false);
        let updated = db.store.mailboxes.update(linked.id, patch, version).await;
        assert_fails(updated, &Error::conflict(Collection::Mailboxes, linked.id));
        assert_eq!(get(db, linked.id).await.as_ref(), Some(&current));
    }
}

/// If many callers update one version at once, one succeeds.
pub async fn one_of_many_updates_a_version(db: &Opened) {
    let ada = user(db, "ada").await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let results = crowd(db, async |store, n| {
        let patch = MailboxPatch::new().email(format!("box{n}@work.example"));
        let patch = patch.expect("a valid address");
        store.mailboxes.update(linked.id, patch, linked.updated_at).await
    })
    .await;
    let conflict = Error::conflict(Collection::Mailboxes, linked.id);
    let winner = only_winner(results, &conflict);
    assert_eq!(all_mailboxes(db).await, [winner]);
}

/// A mailbox cannot take an address that its user already linked, but can take one that another user linked.
pub async fn a_changed_address_must_be_free(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    mailbox(db, &ada, "ada@work.example").await;
    mailbox(db, &bob, "bob@work.example").await;
    let other = mailbox(db, &ada, "other@work.example").await;
    let before = all_mailboxes(db).await;
    let theft = MailboxPatch::new().email("ADA@work.example");
    let theft = theft.expect("a valid address").active(false);
    let updated = db.store.mailboxes.update(other.id, theft, other.updated_at);
    assert_unique(updated.await, MAILBOXES_USER_ID_EMAIL);
    assert_eq!(all_mailboxes(db).await, before);

    let shared = MailboxPatch::new().email("bob@work.example");
    let updated = update(db, &other, shared.expect("a valid address")).await;
    assert_eq!(updated.email, address("bob@work.example"));
    let same = MailboxPatch::new().email("Bob@work.example");
    update(db, &updated, same.expect("a valid address")).await;
}

/// Every write to a mailbox that does not exist fails.
pub async fn a_write_of_an_unknown_mailbox_is_not_found(db: &Opened) {
    let store = &db.store.mailboxes;
    let id = MailboxId::new();
    let unknown = Error::not_found(Collection::Mailboxes, id);
    let updated = store.update(id, MailboxPatch::new(), start()).await;
    assert_fails(updated, &unknown);
    assert_fails(store.set_primary(id).await, &unknown);
    let marked = store.set_status(id, MailboxStatus::Error).await;
    assert_fails(marked, &unknown);
    assert_fails(store.touch(id).await, &unknown);
    assert_fails(store.unlink(id).await, &unknown);
    assert!(all_mailboxes(db).await.is_empty());
}

/// Every write makes the version later, even if the clock stands still or goes back.
pub async fn every_write_makes_the_version_later(db: &Opened) {
    let ada = user(db, "ada").await;
    let other = mailbox(db, &ada, "other@work.example").await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let standing = after_every_write(db, &linked, &other).await;
    db.clock.advance(TimeDelta::hours(-1));
    let going_back = after_every_write(db, &standing[4], &other).await;
    let history = [vec![linked], standing, going_back].concat();
    assert!(history.is_sorted_by(|a, b| a.updated_at < b.updated_at));
    assert!(history.iter().all(|mailbox| mailbox.created_at == start()));
    assert_eq!(get(db, history[0].id).await.as_ref(), history.last());
}

/// Setting a status changes nothing else.
pub async fn a_status_can_be_set(db: &Opened) {
    let ada = user(db, "ada").await;
    let mut linked = mailbox(db, &ada, "ada@work.example").await;
    for status in MailboxStatus::ALL.iter().rev() {
        let marked = set_status(db, linked.id, *status).await;
        (linked.status, linked.updated_at) = (*status, marked.updated_at);
        assert_eq!(marked, linked);
        assert_eq!(get(db, linked.id).await.as_ref(), Some(&linked));
    }
}

/// Recording a use sets the store's time and changes nothing else.
pub async fn a_touch_records_the_time_of_the_store(db: &Opened) {
    let ada = user(db, "ada").await;
    let mut linked = mailbox(db, &ada, "ada@work.example").await;
    for _ in 0..2 {
        db.clock.advance(TimeDelta::minutes(5));
        let touched = touch(db, linked.id).await;
        linked.last_used = Some(db.clock.now());
        linked.updated_at = touched.updated_at;
        assert_eq!(touched, linked);
        assert_eq!(get(db, linked.id).await.as_ref(), Some(&linked));
    }
}

/// Mailboxes take turns: the least recently used one is next, unused ones first; ties go to the oldest.
pub async fn mailboxes_take_turns(db: &Opened) {
    let ada = user(db, "ada").await;
    let ids: Vec<_> = mailboxes(db, &ada, 3).await.iter().map(|mailbox| mailbox.id).collect();
    for id in &ids {
        assert_eq!(next_in_turn(db, &ada).await, Some(*id));
        touch(db, *id).await;
    }
    // All have the same time of last use.
    assert_eq!(next_in_turn(db, &ada).await, Some(ids[0]));
    for used in [1, 0] {
        db.clock.advance(TimeDelta::seconds(1));
        touch(db, ids[used]).await;
    }
    assert_eq!(next_in_turn(db, &ada).await, Some(ids[2]));
    db.clock.advance(TimeDelta::seconds(1));
    touch(db, ids[2]).await;
    assert_eq!(next_in_turn(db, &ada).await, Some(ids[1]));

    let unused = mailbox(db, &ada, "unused@work.example").await;
    assert_eq!(next_in_turn(db, &ada).await, Some(unused.id));
}

/// A mailbox is skipped while it is inactive or cannot send.
pub async fn mailboxes_that_cannot_be_used_have_no_turn(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    mailbox(db, &bob, "bob@work.example").await;
    let boxes = mailboxes(db, &ada, 3).await;
    let switched_off = update(db, &boxes[0], MailboxPatch::new().active(false)).await;
    assert_eq!(next_in_turn(db, &ada).await, Some(boxes[1].id));
    set_status(db, boxes[1].id, MailboxStatus::Error).await;
    assert_eq!(next_in_turn(db, &ada).await, Some(boxes[2].id));
    set_status(db, boxes[2].id, MailboxStatus::Inactive).await;
    assert_eq!(next_in_turn(db, &ada).await, None);

    update(db, &switched_off, MailboxPatch::new().active(true)).await;
    assert_eq!(next_in_turn(db, &ada).await, Some(boxes[0].id));
}

/// The mailboxes of a deactivated user have no turn.
pub async fn mailboxes_of_a_deactivated_user_have_no_turn(db: &Opened) {
    let ada = user(db, "ada").await;
    let mailbox = mailbox(db, &ada, "ada@work.example").await;
    db.store.users.set_active(ada.id, false).await.expect("a user");
    let refused = db.second.mailboxes.least_recently_used(ada.id).await;
    assert_fails(refused, &Error::inactive_user(ada.id));
    db.store.users.set_active(ada.id, true).await.expect("a user");
    assert_eq!(next_in_turn(db, &ada).await, Some(mailbox.id));
    let nobody = db.store.mailboxes.least_recently_used(UserId::new()).await;
    assert_eq!(nobody.expect("a look-up"), None);
}

/// All combinations of owner, address, activity and status.
fn every_filter(owners: [UserId; 2], email: &EmailAddress) -> Vec<MailboxFilter> {
    let mut filters = Vec::new();
    let [ada, bob] = owners.map(MailboxFilter::user);
    for filter in [MailboxFilter::all(), ada, bob] {
        for filter in [filter.clone(), filter.email(email.clone())] {
            let switched = [true, false].map(|is_active| filter.clone().active(is_active));
            for filter in [filter].into_iter().chain(switched) {
                let marked = MailboxStatus::ALL.iter().map(|status| filter.clone().status(*status));
                filters.extend(marked);
                filters.push(filter);
            }
        }
    }
    filters
}

/// Whether a list with `filter` should contain `mailbox`.
fn belongs(mailbox: &Mailbox, filter: &MailboxFilter) -> bool {
    filter.user_id.is_none_or(|user_id| mailbox.user_id == user_id)
        && filter.email.as_ref().is_none_or(|email| mailbox.email == *email)
        && filter.is_active.is_none_or(|is_active| mailbox.is_active == is_active)
        && filter.status.is_none_or(|status| mailbox.status == status)
}

/// Pages and streams return the mailboxes that match the filter, and no others.
pub async fn a_list_holds_what_fits_its_filter(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    for owner in [&ada, &bob] {
        for (n, linked) in mailboxes(db, owner, 6).await.iter().enumerate() {
            update(db, linked, MailboxPatch::new().active(n < 3)).await;
            set_status(db, linked.id, MailboxStatus::ALL[n % 3]).await;
        }
    }
    let all = all_mailboxes(db).await;
    assert_eq!(all.len(), 12);
    for filter in every_filter([ada.id, bob.id], &address("box1@work.example")) {
        let mut fitting = all.clone();
        fitting.retain(|mailbox| belongs(mailbox, &filter));
        let page = db.second.mailboxes.list(&filter, &everything()).await;
        assert_eq!(page.expect("a page of mailboxes").items, fitting);

        let stream = db.store.mailboxes.stream(&filter).await;
        let mut streamed = drain(stream.expect("a stream of mailboxes")).await;
        streamed.sort_by_key(|mailbox| mailbox.id);
        fitting.sort_by_key(|mailbox| mailbox.id);
        assert_eq!(streamed, fitting);
    }
}

/// Each handle sees at once what the other one wrote.
pub async fn another_handle_sees_every_write_of_a_mailbox(db: &Opened) {
    let ada = user(db, "ada").await;
    let linked = mailbox(db, &ada, "ada@work.example").await;
    let found = by_email(&db.second, &ada, "ada@work.example").await;
    assert_eq!(found.as_ref(), Some(&linked));
    let touched = db.second.mailboxes.touch(linked.id).await;
    let touched = touched.expect("the mailbox exists");
    assert_eq!(get(db, linked.id).await.as_ref(), Some(&touched));

    let updated = update(db, &touched, MailboxPatch::new()).await;
    assert_eq!(primary(&db.second, &ada).await, Some(updated));
    let unlinked = db.second.mailboxes.unlink(linked.id).await;
    unlinked.expect("nobody needs the mailbox");
    assert!(all_mailboxes(db).await.is_empty());
}
