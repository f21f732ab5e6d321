//! Status transitions of campaigns.

use super::campaign::{
    MILLISECOND, Obstacle, campaign_in, create, illegal, inactive, list, planned, set_active, stored,
};
use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::fixtures::{self, CROWD, Scene, assert_fails, crowd, only_winner};
use super::{Opened, start};
use crate::{
    Campaign, CampaignFilter, CampaignStatus, CampaignTransition, Error, MailboxStatus, NewRecipients,
    PageRequest, UserId,
};

/// Each legal transition sets its status and changes nothing else.
pub async fn every_legal_transition_is_made(db: &Opened) {
    let scene = fixtures::scene(db).await;
    for transition in CampaignTransition::ALL {
        for status in transition.from() {
            let before = campaign_in(db, &scene.user, &scene.mailbox, *status).await;
            let after = db.store.campaigns.transition(before.id, *transition).await;
            let after = after.expect("a legal transition");
            assert!(after.updated_at > before.updated_at);
            assert_eq!(stored(db, before.id).await, after);
            let updated_at = after.updated_at;
            assert_eq!(after, Campaign { status: transition.to(), updated_at, ..before });
        }
    }
}

/// Each illegal transition is refused with an error that names it, and changes nothing.
pub async fn every_illegal_transition_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    for status in CampaignStatus::ALL {
        let before = campaign_in(db, &scene.user, &scene.mailbox, *status).await;
        for transition in CampaignTransition::ALL {
            if transition.from().contains(status) {
                continue;
            }
            let refused = db.store.campaigns.transition(before.id, *transition).await;
            assert_fails(refused, &illegal(transition.as_str(), *status));
            assert_eq!(stored(db, before.id).await, before);
        }
    }
}

/// Each method named after a transition performs it.
pub async fn the_named_methods_make_their_transitions(db: &Opened) {
    use CampaignStatus::{Active, Cancelled, Completed, Paused, Scheduled};
    let scene = fixtures::scene(db).await;
    let campaigns = &db.store.campaigns;
    let first = scene.campaign.id;
    let second = fixtures::campaign(db, &scene.user, &scene.mailbox).await.id;
    let statuses = [
        campaigns.pause(first).await,
        campaigns.reschedule(first).await,
        campaigns.start(first).await,
        campaigns.pause(first).await,
        campaigns.resume(first).await,
        campaigns.complete(first).await,
        campaigns.cancel(second).await,
    ]
    .map(|campaign| campaign.expect("a legal transition").status);
    assert_eq!(statuses, [Paused, Scheduled, Active, Paused, Active, Completed, Cancelled]);
}

/// A campaign whose owner is inactive or whose mailbox cannot send does not become active; all other transitions
/// are made.
pub async fn a_campaign_that_nobody_can_send_does_not_become_active(db: &Opened) {
    use CampaignStatus::{Active, Paused, Scheduled};
    use CampaignTransition::{Resume, Start};
    let Scene { user, mailbox, .. } = fixtures::scene(db).await;
    for obstacle in [Obstacle::InactiveUser].into_iter().chain(Obstacle::of_mailboxes()) {
        let mut campaigns = Vec::new();
        for (transition, status) in [(Start, Scheduled), (Resume, Paused)] {
            campaigns.push((transition, campaign_in(db, &user, &mailbox, status).await));
        }
        let active = campaign_in(db, &user, &mailbox, Active).await;
        obstacle.put(db, &user, &mailbox).await;
        for (transition, campaign) in &campaigns {
            let refused = db.store.campaigns.transition(campaign.id, *transition).await;
            assert_fails(refused, &obstacle.error(&user, &mailbox));
            assert_eq!(stored(db, campaign.id).await, *campaign);
        }
        let [(_, scheduled), (_, paused)] = &campaigns[..] else { panic!("two campaigns") };
        db.store.campaigns.pause(scheduled.id).await.expect("a legal transition");
        db.store.campaigns.reschedule(paused.id).await.expect("a legal transition");
        db.store.campaigns.complete(active.id).await.expect("a legal transition");
        obstacle.clear(db, &user, &mailbox).await;
        let resumed = db.store.campaigns.resume(scheduled.id).await.expect("a legal transition");
        assert_eq!(resumed.status, Active);
        db.store.campaigns.cancel(paused.id).await.expect("a legal transition");
    }
}

/// Due campaigns that nobody can send are not claimed, and are in nobody's way. They are claimed once they can be
/// sent.
pub async fn campaigns_that_nobody_can_send_are_passed_over(db: &Opened) {
    let Scene { user, mailbox, campaign } = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    let other = fixtures::mailbox(db, &bob, "other@work.example").await;
    let at = |minutes| campaign.start_time + TimeDelta::minutes(minutes);
    let first = create(db, planned(bob.id, bobs.id, at(1))).await;
    let second = create(db, planned(bob.id, other.id, at(2))).await;
    let claim = async |limit| {
        let claimed = db.store.campaigns.claim_due(at(3), limit).await.expect("due campaigns");
        claimed.into_iter().map(|campaign| campaign.id).collect::<Vec<_>>()
    };
    set_active(db, &user, false).await;
    Obstacle::SwitchedOff.put(db, &bob, &bobs).await;
    assert_eq!(claim(1).await, [second.id]);
    assert_eq!(claim(9).await, []);
    assert_eq!(stored(db, campaign.id).await, campaign);
    assert_eq!(stored(db, first.id).await, first);
    Obstacle::SwitchedOff.clear(db, &bob, &bobs).await;
    assert_eq!(claim(9).await, [first.id]);
    Obstacle::Status(MailboxStatus::Error).put(db, &user, &mailbox).await;
    set_active(db, &user, true).await;
    assert_eq!(claim(9).await, []);
    Obstacle::Status(MailboxStatus::Error).clear(db, &user, &mailbox).await;
    assert_eq!(claim(9).await, [campaign.id]);
}

/// More campaigns than a store looks at in one step can be in the way of none.
pub async fn many_campaigns_that_nobody_can_send_block_none(db: &Opened) {
    let Scene { user, mailbox, campaign } = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    for minutes in 0..120 {
        let early = campaign.start_time - TimeDelta::minutes(240 - minutes);
        create(db, planned(bob.id, bobs.id, early)).await;
    }
    set_active(db, &bob, false).await;
    let mut expected = vec![campaign.id];
    for minutes in 1..4 {
        let late = planned(user.id, mailbox.id, campaign.start_time + TimeDelta::minutes(minutes));
        expected.push(create(db, late).await.id);
    }
    let now = campaign.start_time + TimeDelta::hours(1);
    let claimed = db.store.campaigns.claim_due(now, 3).await.expect("due campaigns");
    assert_eq!(claimed.iter().map(|campaign| campaign.id).collect::<Vec<_>>(), expected[..3]);
    let claimed = db.second.campaigns.claim_due(now, 3).await.expect("due campaigns");
    assert_eq!(claimed.iter().map(|campaign| campaign.id).collect::<Vec<_>>(), expected[3..]);
}

/// Once a user was deactivated, campaigns that are being started and claimed do not become active any more.
pub async fn no_campaign_becomes_active_after_its_user_was_deactivated(db: &Opened) {
    let Scene { user, mailbox, campaign } = fixtures::scene(db).await;
    let mut campaigns = vec![campaign];
    for _ in 1..CROWD {
        campaigns.push(fixtures::campaign(db, &user, &mailbox).await);
    }
    let now = campaigns[0].start_time;
    let active = CampaignFilter::user(user.id).status(CampaignStatus::Active);
    let seen = crowd(db, async |store, n| {
        if n == 7 {
            store.users.set_active(user.id, false).await.expect("a user");
            return Some(list(db, &active).await.len());
        }
        if n % 2 == 0 {
            store.campaigns.claim_due(now, 2).await.expect("a claim");
        } else if let Err(error) = store.campaigns.start(campaigns[n].id).await {
            let is_claimed = error == illegal("start", CampaignStatus::Active);
            assert!(is_claimed || error == inactive(&user), "{error}");
        }
        None
    })
    .await;
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    assert_eq!(seen, [list(db, &active).await.len()]);
    assert_eq!(db.store.campaigns.claim_due(now, 10).await.expect("a claim"), []);
}

/// If many callers start a campaign at once, one succeeds.
pub async fn of_concurrent_starts_one_wins(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let starts = crowd(db, async |store, _| store.campaigns.start(campaign.id).await).await;
    let winner = only_winner(starts, &illegal("start", CampaignStatus::Active));
    assert_eq!(winner.status, CampaignStatus::Active);
    assert_eq!(stored(db, campaign.id).await, winner);
}

/// A campaign is due from the millisecond of its start.
pub async fn a_campaign_is_due_at_its_start(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let campaigns = &db.store.campaigns;
    let early = campaigns.claim_due(campaign.start_time - MILLISECOND, 10).await;
    assert_eq!(early.expect("no campaigns"), []);
    assert_eq!(stored(db, campaign.id).await, campaign);
    let claimed = campaigns.claim_due(campaign.start_time, 10).await.expect("the campaign");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].id, campaign.id);
}

/// The earliest due campaigns are claimed first, up to the limit.
pub async fn the_earliest_due_campaigns_are_claimed_first(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut ids = Vec::new();
    for minutes in [30, 10, 50, 20, 40] {
        let start_time = start() + TimeDelta::minutes(minutes);
        let new = planned(scene.user.id, scene.mailbox.id, start_time);
        ids.push(create(db, new).await.id);
    }
    let now = start() + TimeDelta::minutes(45);
    let mut claims = Vec::new();
    for limit in [3, 3, 3] {
        let claimed = db.store.campaigns.claim_due(now, limit).await.expect("due campaigns");
        let claimed = claimed.iter().map(|campaign| campaign.id);
        claims.push(claimed.collect::<Vec<_>>());
    }
    assert_eq!(claims, [vec![ids[1], ids[3], ids[0]], vec![ids[4]], vec![]]);
}

/// A claimed campaign is active, is stored as active, and is otherwise unchanged.
pub async fn claimed_campaigns_are_active(db: &Opened) {
    let before = fixtures::scene(db).await.campaign;
    let claimed = db.store.campaigns.claim_due(before.start_time, 1).await.expect("the campaign");
    assert_eq!(claimed, [stored(db, before.id).await]);
    let updated_at = claimed[0].updated_at;
    assert!(updated_at > before.updated_at);
    assert_eq!(claimed, [Campaign { status: CampaignStatus::Active, updated_at, ..before }]);
}

/// Campaigns that are paused, active or over are not claimed.
pub async fn scheduled_campaigns_alone_are_claimed(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut others = Vec::new();
    for status in CampaignStatus::ALL {
        if *status != CampaignStatus::Scheduled {
            others.push(campaign_in(db, &scene.user, &scene.mailbox, *status).await);
        }
    }
    let late = scene.campaign.end_time + TimeDelta::days(1);
    let claimed = db.store.campaigns.claim_due(late, 10).await.expect("the scheduled one");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].id, scene.campaign.id);
    for other in others {
        assert_eq!(stored(db, other.id).await, other);
    }
}

/// A campaign that was claimed, paused and rescheduled can be claimed again.
pub async fn a_rescheduled_campaign_is_claimed_again(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let campaigns = &db.store.campaigns;
    for _ in 0..2 {
        let claimed = campaigns.claim_due(campaign.start_time, 10).await.expect("the campaign");
        assert_eq!(claimed.len(), 1);
        campaigns.pause(campaign.id).await.expect("a paused campaign");
        campaigns.reschedule(campaign.id).await.expect("a scheduled campaign");
    }
    assert_eq!(stored(db, campaign.id).await.status, CampaignStatus::Scheduled);
}

/// A claim with an out-of-bounds limit is refused and claims nothing.
pub async fn a_claim_of_none_or_of_too_many_is_refused(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let campaigns = &db.store.campaigns;
    for limit in [0, PageRequest::MAX_LIMIT + 1, usize::MAX] {
        let claim = campaigns.claim_due(campaign.start_time, limit).await;
        let error = claim.expect_err("a refusal");
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        assert_eq!(stored(db, campaign.id).await, campaign);
    }
    let claim = campaigns.claim_due(campaign.start_time, PageRequest::MAX_LIMIT).await;
    assert_eq!(claim.expect("the campaign").len(), 1);
}

/// Many concurrent workers claim all due campaigns, and each campaign goes to one of them.
pub async fn concurrent_workers_claim_each_campaign_once(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut due = vec![scene.campaign.id];
    for _ in 1..30 {
        due.push(fixtures::campaign(db, &scene.user, &scene.mailbox).await.id);
    }
    let now = scene.campaign.start_time;
    let handles = [&db.store, &db.second];
    let claims = join_all((0..8).map(|n| handles[n % 2].campaigns.claim_due(now, 5))).await;
    let mut claimed = Vec::new();
    for claim in claims {
        let claim = claim.expect("due campaigns");
        assert!(claim.len() <= 5);
        claimed.extend(claim.iter().map(|campaign| campaign.id));
    }
    claimed.sort_unstable();
    due.sort_unstable();
    assert_eq!(claimed, due);
    let active = CampaignFilter::all().status(CampaignStatus::Active);
    assert_eq!(list(db, &active).await.len(), 30);
}

/// From the millisecond of its end, an active campaign is completed and counted.
pub async fn active_campaigns_are_completed_at_their_end(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let campaigns = &db.store.campaigns;
    let later = planned(scene.user.id, scene.mailbox.id, scene.campaign.start_time + MILLISECOND);
    let later = create(db, later).await;
    let later = campaigns.start(later.id).await.expect("an active campaign");
    let ending = campaigns.start(scene.campaign.id).await.expect("an active campaign");
    let early = campaigns.complete_expired(ending.end_time - MILLISECOND).await;
    assert_eq!(early.expect("a count"), 0);
    assert_eq!(stored(db, ending.id).await, ending);
    let in_time = campaigns.complete_expired(ending.end_time).await;
    assert_eq!(in_time.expect("a count"), 1);
    let ended = stored(db, ending.id).await;
    let updated_at = ended.updated_at;
    assert!(updated_at > ending.updated_at);
    assert_eq!(ended, Campaign { status: CampaignStatus::Completed, updated_at, ..ending });
    assert_eq!(stored(db, later.id).await, later);
    let again = campaigns.complete_expired(ended.end_time).await;
    assert_eq!(again.expect("a count"), 0);
}

/// Campaigns that are not active do not expire.
pub async fn active_campaigns_alone_expire(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut others = Vec::new();
    for status in CampaignStatus::ALL {
        if *status != CampaignStatus::Active {
            others.push(campaign_in(db, &scene.user, &scene.mailbox, *status).await);
        }
    }
    let late = scene.campaign.end_time + TimeDelta::days(1);
    let expired = db.store.campaigns.complete_expired(late).await;
    assert_eq!(expired.expect("a count"), 0);
    for other in others {
        assert_eq!(stored(db, other.id).await, other);
    }
}

/// If many callers complete expired campaigns at once, each campaign is counted once.
pub async fn concurrent_completions_count_each_campaign_once(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let active = CampaignStatus::Active;
    for _ in 0..12 {
        campaign_in(db, &scene.user, &scene.mailbox, active).await;
    }
    let now = scene.campaign.end_time;
    let counts = crowd(db, async |store, _| store.campaigns.complete_expired(now).await).await;
    let total: u64 = counts.into_iter().map(|count| count.expect("a count")).sum();
    assert_eq!(total, 12);
    assert_eq!(list(db, &CampaignFilter::all().status(active)).await, []);
}

/// Campaigns are counted by status, within one user or over all.
pub async fn campaigns_are_counted_by_status(db: &Opened) {
    use CampaignStatus::{Active, Cancelled, Completed, Paused, Scheduled};
    let scene = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    for status in [Active, Active, Completed, Paused, Cancelled, Cancelled] {
        campaign_in(db, &scene.user, &scene.mailbox, status).await;
    }
    campaign_in(db, &bob, &bobs, Paused).await;
    for (user, expected) in [
        (Some(scene.user.id), [1_u64, 2, 1, 1, 2]),
        (Some(bob.id), [0, 0, 0, 1, 0]),
        (Some(UserId::new()), [0, 0, 0, 0, 0]),
        (None, [1, 2, 1, 2, 2]),
    ] {
        let store = user.map_or_else(|| db.store.clone(), |user| db.of(user));
        let counts = store.campaigns.count_by_status().await.expect("the counts");
        let statuses = [Scheduled, Active, Completed, Paused, Cancelled];
        assert_eq!(statuses.map(|status| counts.of(status)), expected);
        assert_eq!(counts.total(), expected.iter().sum::<u64>());
    }
}

/// Concurrent additions of recipients are all counted, each with its own version.
pub async fn recipients_added_at_once_add_up(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let additions = crowd(db, async |store, n| {
        let more = u32::try_from(n + 1).expect("a small number");
        store.campaigns.add_recipients(campaign.id, more.into()).await
    })
    .await;
    let mut versions = BTreeSet::from([campaign.updated_at]);
    let mut total = campaign.total_recipients;
    for (changed, n) in additions.into_iter().zip(1..) {
        versions.insert(changed.expect("more recipients").updated_at);
        total += n;
    }
    assert_eq!(versions.len(), CROWD + 1);
    let found = stored(db, campaign.id).await;
    assert_eq!(found.total_recipients, total);
    assert_eq!(Some(&found.updated_at), versions.last());
}

/// Of additions with one key the first one counts, in each campaign.
pub async fn recipients_with_a_key_are_added_once(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let campaigns = &db.store.campaigns;
    let import = |n, key| NewRecipients::new(n).key(key).expect("a valid key");
    let id = scene.campaign.id;
    let added = campaigns.add_recipients(id, import(5, "import-1")).await.expect("more recipients");
    for n in [5, 7] {
        let again = db.second.campaigns.add_recipients(id, import(n, "import-1\n")).await;
        assert_eq!(again, Ok(added.clone()));
    }
    let more = campaigns.add_recipients(id, import(5, "import-2")).await.expect("more recipients");
    assert_eq!(more.total_recipients, added.total_recipients + 5);
    assert!(more.updated_at > added.updated_at);

    let other = campaign_in(db, &scene.user, &scene.mailbox, CampaignStatus::Active).await;
    let changed = campaigns.add_recipients(other.id, import(5, "import-1")).await.expect("more recipients");
    assert_eq!(changed.total_recipients, other.total_recipients + 5);

    // A repeat says what is, also when the campaign is over; what was refused has left no receipt.
    let over = campaigns.cancel(id).await.expect("a scheduled campaign");
    assert_eq!(campaigns.add_recipients(id, import(5, "import-2")).await, Ok(over.clone()));
    let refused = campaigns.add_recipients(id, import(5, "import-3")).await;
    assert_fails(refused, &illegal("add_recipients", CampaignStatus::Cancelled));
    let refused = campaigns.add_recipients(id, import(5, "import-3")).await;
    assert_fails(refused, &illegal("add_recipients", CampaignStatus::Cancelled));
    assert_eq!(stored(db, id).await, over);
}

/// Additions at once with one key count once.
pub async fn recipients_added_at_once_with_a_key_count_once(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let additions = crowd(db, async |store, _| {
        let import = NewRecipients::new(5).key("import").expect("a valid key");
        store.campaigns.add_recipients(campaign.id, import).await
    })
    .await;
    let found = stored(db, campaign.id).await;
    assert_eq!(found.total_recipients, campaign.total_recipients + 5);
    for added in additions {
        assert_eq!(added, Ok(found.clone()));
    }
}

/// Recipients can be added until the campaign is over; the count can exceed 32 bits.
pub async fn recipients_are_added_until_the_campaign_is_over(db: &Opened) {
    use CampaignStatus::{Active, Paused, Scheduled};
    let scene = fixtures::scene(db).await;
    for status in [Scheduled, Active, Paused] {
        let before = campaign_in(db, &scene.user, &scene.mailbox, status).await;
        for round in 1..=2 {
            let changed = db.store.campaigns.add_recipients(before.id, u32::MAX.into()).await;
            let changed = changed.expect("more recipients");
            let added = round * u64::from(u32::MAX);
            assert_eq!(changed.total_recipients, before.total_recipients + added);
            assert_eq!(changed.status, status);
            assert_eq!(stored(db, before.id).await, changed);
        }
    }
}

/// A campaign that is over accepts no more recipients.
pub async fn a_campaign_that_is_over_gets_no_recipients(db: &Opened) {
    let scene = fixtures::scene(db).await;
    for status in [CampaignStatus::Completed, CampaignStatus::Cancelled] {
        let before = campaign_in(db, &scene.user, &scene.mailbox, status).await;
        let refused = db.store.campaigns.add_recipients(before.id, 1.into()).await;
        assert_fails(refused, &illegal("add_recipients", status));
        assert_eq!(stored(db, before.id).await, before);
    }
}
