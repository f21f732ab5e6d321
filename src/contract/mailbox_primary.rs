//! Primary mailboxes, and when a mailbox can be unlinked.

use super::mailbox::{get, listed_primaries, listed_primary, next_in_turn, primary, set_primary, unlink};

use super::Opened;
use super::fixtures::{
    CROWD, Scene, all_mailboxes, assert_fails, campaign, crowd, mailbox, mailboxes, new_mailbox, only_winner,
    scene, user,
};
use crate::schema::index::MAILBOXES_USER_ID_EMAIL;
use crate::{CampaignPatch, CampaignTransition, Collection, Error};

/// A user's first mailbox is primary; later ones are not.
pub async fn the_first_mailbox_is_primary(db: &Opened) {
    let ada = user(db, "ada").await;
    let first = mailbox(db, &ada, "first@work.example").await;
    let second = mailbox(db, &ada, "second@work.example").await;
    assert!(first.is_primary && !second.is_primary);
    assert_eq!(all_mailboxes(db).await, [first.clone(), second]);
    assert_eq!(primary(&db.store, &ada).await, Some(first));
}

/// A mailbox linked as primary replaces the current primary mailbox.
pub async fn a_mailbox_linked_as_primary_takes_over(db: &Opened) {
    let ada = user(db, "ada").await;
    let mut first = mailbox(db, &ada, "first@work.example").await;
    let new = new_mailbox(&ada, "second@work.example").primary();
    let second = db.store.mailboxes.link(new).await.expect("a free address");
    assert!(second.is_primary);
    assert_eq!(primary(&db.store, &ada).await.as_ref(), Some(&second));

    let demoted = get(db, first.id).await.expect("the mailbox exists");
    assert!(demoted.updated_at > first.updated_at);
    (first.is_primary, first.updated_at) = (false, demoted.updated_at);
    assert_eq!(all_mailboxes(db).await, [first, second]);
}

/// The primary mailbox can be switched, even to itself.
pub async fn the_primary_mailbox_can_be_switched(db: &Opened) {
    let ada = user(db, "ada").await;
    let bob = user(db, "bob").await;
    let boxes = mailboxes(db, &ada, 3).await;
    let foreign = mailbox(db, &bob, "bob@work.example").await;
    for chosen in [&boxes[2], &boxes[2], &boxes[0], &boxes[1]] {
        let promoted = set_primary(&db.store, chosen.id).await;
        assert!(promoted.is_primary);
        assert_eq!(promoted.id, chosen.id);
        assert_eq!(listed_primary(&db.store, &ada).await, promoted);
        assert_eq!(primary(&db.second, &ada).await, Some(promoted));
    }
    let demoted = get(db, boxes[0].id).await.expect("the mailbox exists");
    assert!(demoted.updated_at > boxes[0].updated_at);
    assert_eq!(primary(&db.store, &bob).await, Some(foreign));
}

/// If many first mailboxes are linked at once, one is primary.
pub async fn one_of_many_first_mailboxes_is_primary(db: &Opened) {
    let ada = user(db, "ada").await;
    let linked = crowd(db, async |store, n| {
        let new = new_mailbox(&ada, &format!("box{n}@work.example"));
        store.mailboxes.link(new).await.expect("a free address")
    })
    .await;
    assert_eq!(linked.iter().filter(|mailbox| mailbox.is_primary).count(), 1);
    assert_eq!(all_mailboxes(db).await.len(), CROWD);
    let listed = listed_primary(&db.store, &ada).await;
    assert_eq!(primary(&db.store, &ada).await, Some(listed));
}

/// If many mailboxes are linked as primary at once, one is primary in the end.
pub async fn one_of_many_mailboxes_linked_as_primary_is_it_in_the_end(db: &Opened) {
    let ada = user(db, "ada").await;
    let linked = crowd(db, async |store, n| {
        let new = new_mailbox(&ada, &format!("box{n}@work.example")).primary();
        store.mailboxes.link(new).await.expect("a free address")
    })
    .await;
    assert!(linked.iter().all(|mailbox| mailbox.is_primary));
    assert_eq!(all_mailboxes(db).await.len(), CROWD);
    let listed = listed_primary(&db.store, &ada).await;
    assert_eq!(primary(&db.store, &ada).await, Some(listed));
}

/// If many callers link one address for a user at once, one succeeds.
pub async fn one_of_many_links_an_address(db: &Opened) {
    let ada = user(db, "ada").await;
    let results = crowd(db, async |store, _| {
        let new = new_mailbox(&ada, "ada@work.example").primary();
        store.mailboxes.link(new).await
    })
    .await;
    let taken = Error::unique(Collection::Mailboxes, MAILBOXES_USER_ID_EMAIL);
    let winner = only_winner(results, &taken);
    assert!(winner.is_primary);
    assert_eq!(all_mailboxes(db).await, [winner]);
}

/// When the primary mailbox is unlinked, the oldest remaining one becomes primary.
pub async fn the_oldest_remaining_mailbox_becomes_primary(db: &Opened) {
    let ada = user(db, "ada").await;
    let boxes = mailboxes(db, &ada, 4).await;
    unlink(&db.store, boxes[0].id).await;
    let promoted = listed_primary(&db.store, &ada).await;
    assert_eq!(promoted.id, boxes[1].id);
    assert!(promoted.updated_at > boxes[1].updated_at);

    let newest = set_primary(&db.store, boxes[3].id).await;
    unlink(&db.store, newest.id).await;
    let promoted = primary(&db.store, &ada).await;
    let promoted = promoted.expect("mailboxes remain");
    assert_eq!(promoted.id, boxes[1].id);

    unlink(&db.store, boxes[2].id).await;
    assert_eq!(all_mailboxes(db).await, [promoted]);
}

/// An unlinked mailbox is gone and its address is free; after the last one, no mailbox is primary.
pub async fn an_unlinked_mailbox_is_gone(db: &Opened) {
    let ada = user(db, "ada").await;
    let first = mailbox(db, &ada, "ada@work.example").await;
    unlink(&db.store, first.id).await;
    assert_eq!(get(db, first.id).await, None);
    assert_eq!(primary(&db.store, &ada).await, None);
    assert_eq!(next_in_turn(db, &ada).await, None);
    let unknown = Error::not_found(Collection::Mailboxes, first.id);
    assert_fails(db.store.mailboxes.unlink(first.id).await, &unknown);

    let again = mailbox(db, &ada, "ada@work.example").await;
    assert!(again.is_primary);
    assert_ne!(again.id, first.id);
    assert_eq!(all_mailboxes(db).await, [again]);
}

/// When many mailboxes are unlinked at once, one of the rest is primary, and nobody ever sees two primary
/// ones.
pub async fn many_unlinks_at_once_leave_one_primary(db: &Opened) {
    let ada = user(db, "ada").await;
    let boxes = mailboxes(db, &ada, CROWD + 2).await;
    crowd(db, async |store, n| {
        unlink(store, boxes[n].id).await;
        assert!(listed_primaries(store, &ada).await.len() <= 1, "nobody sees two");
    })
    .await;
    assert_eq!(all_mailboxes(db).await.len(), 2);
    let listed = listed_primary(&db.store, &ada).await;
    assert_eq!(listed.id, boxes[CROWD].id);
    assert_eq!(primary(&db.store, &ada).await, Some(listed));
}

/// A mailbox cannot be unlinked until all its campaigns are over.
pub async fn a_mailbox_of_an_unfinished_campaign_is_in_use(db: &Opened) {
    let Scene { user, mailbox, campaign: first } = scene(db).await;
    let second = campaign(db, &user, &mailbox).await;
    let before = all_mailboxes(db).await;
    let needed = Error::in_use(Collection::Mailboxes, mailbox.id, Collection::Campaigns);
    for (id, transition) in [
        (first.id, CampaignTransition::Pause),
        (first.id, CampaignTransition::Resume),
        (second.id, CampaignTransition::Cancel),
        (first.id, CampaignTransition::Complete),
    ] {
        assert_fails(db.store.mailboxes.unlink(mailbox.id).await, &needed);
        assert_eq!(all_mailboxes(db).await, before);
        let moved = db.store.campaigns.transition(id, transition).await;
        moved.expect("an allowed transition");
    }
    unlink(&db.store, mailbox.id).await;
    let campaign = db.store.campaigns.get(first.id).await;
    let campaign = campaign.expect("a readable campaign");
    assert_eq!(campaign.map(|campaign| campaign.mailbox_id), Some(mailbox.id));
}

/// A mailbox can be unlinked once its campaign has switched to another one.
pub async fn a_mailbox_that_a_campaign_left_is_free(db: &Opened) {
    let Scene { user, mailbox: old, campaign } = scene(db).await;
    let new = mailbox(db, &user, "new@work.example").await;
    let patch = CampaignPatch::new().mailbox(new.id);
    let updated = db.store.campaigns.update(campaign.id, patch, campaign.updated_at);
    updated.await.expect("a scheduled campaign");
    let needed = Error::in_use(Collection::Mailboxes, new.id, Collection::Campaigns);
    assert_fails(db.store.mailboxes.unlink(new.id).await, &needed);
    unlink(&db.store, old.id).await;
    let promoted = primary(&db.store, &user).await;
    assert_eq!(promoted.map(|mailbox| mailbox.id), Some(new.id));
}
