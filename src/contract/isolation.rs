//! Invariants that hold at any moment, whatever others do concurrently.

use super::mailbox::{get, listed_primary, primary, set_primary, unlink};

use super::Opened;
use super::fixtures::{
    CROWD, all_mailboxes, campaign, crowd, mailbox, mailboxes, new_campaign, new_mailbox, remove_or_use, user,
};
use crate::{CampaignTransition, Collection, Error};

/// Unlinking a mailbox while campaigns are created leaves no campaign without its mailbox.
pub async fn an_unlink_and_many_campaigns_at_once_leave_no_orphan(db: &Opened) {
    let ada = user(db, "ada").await;
    for round in 0..4 {
        let mailbox = mailbox(db, &ada, &format!("round{round}@work.example")).await;
        let used = remove_or_use(
            db,
            5 * round,
            async |store| store.mailboxes.unlink(mailbox.id).await,
            async |store, _| {
                let new = new_campaign(&ada, &mailbox);
                store.campaigns.create(new).await.map(drop)
            },
            &Error::in_use(Collection::Mailboxes, mailbox.id, Collection::Campaigns),
            &Error::not_found(Collection::Mailboxes, mailbox.id),
        )
        .await;
        assert_eq!(get(db, mailbox.id).await.is_none(), used == 0);
    }
}

/// While many callers switch the primary mailbox, everybody sees exactly one at any moment.
pub async fn exactly_one_mailbox_is_primary_at_any_look(db: &Opened) {
    let ada = user(db, "ada").await;
    let boxes = mailboxes(db, &ada, 4).await;
    crowd(db, async |store, n| {
        for round in 0..2 {
            let promoted = set_primary(store, boxes[(n + round) % 4].id).await;
            assert!(promoted.is_primary);
            let seen = primary(store, &ada).await;
            assert!(seen.is_some_and(|mailbox| mailbox.is_primary));
        }
    })
    .await;
    let listed = listed_primary(&db.store, &ada).await;
    assert_eq!(primary(&db.second, &ada).await, Some(listed));
}

/// While many mailboxes are unlinked, the primary one among them, everybody sees exactly one primary mailbox
/// at any moment.
pub async fn exactly_one_mailbox_is_primary_while_many_are_unlinked(db: &Opened) {
    let ada = user(db, "ada").await;
    let boxes = mailboxes(db, &ada, CROWD + 2).await;
    crowd(db, async |store, n| {
        unlink(store, boxes[n].id).await;
        let seen = primary(store, &ada).await;
        assert!(seen.is_some_and(|mailbox| mailbox.is_primary));
    })
    .await;
    assert_eq!(listed_primary(&db.store, &ada).await.id, boxes[CROWD].id);
}

/// While many pause and resume a campaign, each call makes its transition or reports that it is illegal.
pub async fn a_transition_among_many_is_made_or_illegal(db: &Opened) {
    let ada = user(db, "ada").await;
    let mailbox = mailbox(db, &ada, "ada@work.example").await;
    let campaign = campaign(db, &ada, &mailbox).await;
    db.store.campaigns.start(campaign.id).await.expect("an allowed transition");
    crowd(db, async |store, n| {
        for round in 0..20 {
            let transition = [CampaignTransition::Pause, CampaignTransition::Resume][(n + round) % 2];
            match store.campaigns.transition(campaign.id, transition).await {
                Ok(_) | Err(Error::IllegalStatus { .. }) => {}
                Err(error) => panic!("{transition:?}: {error}"),
            }
        }
    })
    .await;
}

/// Deleting a user while mailboxes are linked leaves no mailbox without its user.
pub async fn a_delete_and_many_links_at_once_leave_no_orphan(db: &Opened) {
    for round in 0..4 {
        let ada = user(db, &format!("ada{round}")).await;
        let linked = remove_or_use(
            db,
            5 * round,
            async |store| store.users.delete(ada.id).await,
            async |store, n| {
                let new = new_mailbox(&ada, &format!("box{n}@work.example"));
                store.mailboxes.link(new).await.map(drop)
            },
            &Error::in_use(Collection::Users, ada.id, Collection::Mailboxes),
            &Error::not_found(Collection::Users, ada.id),
        )
        .await;
        let mut mailboxes = all_mailboxes(db).await;
        mailboxes.retain(|mailbox| mailbox.user_id == ada.id);
        assert_eq!(mailboxes.len(), linked);
        assert_eq!(db.store.users.get(ada.id).await.expect("a look-up").is_none(), mailboxes.is_empty());
    }
}
