//! The contract of [`CampaignRepository`](crate::CampaignRepository).

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::fixtures::{self, assert_fails, crowd, everything, metrics_of, only_winner};
use super::{Opened, start};
use crate::schema::index::CAMPAIGNS_CAMPAIGN_ID;
use crate::{
    Campaign, CampaignDuration, CampaignFilter, CampaignId, CampaignPatch, CampaignStatus, CampaignSummary,
    CampaignTransition, Collection, Error, Mailbox, MailboxId, MailboxPatch, MailboxStatus, Message,
    MetricsFilter, NewCampaign, Order, PageRequest, User, UserId,
};

pub(super) const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

pub(super) fn hours(hours: f64) -> CampaignDuration {
    CampaignDuration::hours(hours).expect("a valid duration")
}

/// A one-day campaign that starts at `start_time`.
pub(super) fn planned(user: UserId, mailbox: MailboxId, start_time: DateTime<Utc>) -> NewCampaign {
    NewCampaign::new(user, mailbox, "Autumn", "Leaves", "They fall.", start_time, hours(24.0))
        .expect("valid inputs")
}

pub(super) async fn create(db: &Opened, campaign: NewCampaign) -> Campaign {
    db.store.campaigns.create(campaign).await.expect("a new campaign")
}

/// A new campaign that legal transitions brought into `status`.
pub(super) async fn campaign_in(
    db: &Opened,
    user: &User,
    mailbox: &Mailbox,
    status: CampaignStatus,
) -> Campaign {
    use CampaignTransition::{Cancel, Complete, Pause, Start};
    let steps: &[CampaignTransition] = match status {
        CampaignStatus::Scheduled => &[],
        CampaignStatus::Active => &[Start],
        CampaignStatus::Completed => &[Start, Complete],
        CampaignStatus::Paused => &[Pause],
        CampaignStatus::Cancelled => &[Cancel],
    };
    let mut campaign = fixtures::campaign(db, user, mailbox).await;
    for step in steps {
        campaign = db.store.campaigns.transition(campaign.id, *step).await.expect("a legal step");
    }
    assert_eq!(campaign.status, status);
    campaign
}

/// The campaign as the other handle sees it.
pub(super) async fn stored(db: &Opened, id: CampaignId) -> Campaign {
    db.second.campaigns.get(id).await.expect("a look-up").expect("the campaign")
}

pub(super) async fn list(db: &Opened, filter: &CampaignFilter) -> Vec<Campaign> {
    let page = db.store.campaigns.list(filter, &everything()).await;
    page.expect("a page of campaigns").items
}

/// The streamed campaigns, ordered by id.
pub(super) async fn streamed(db: &Opened, filter: &CampaignFilter) -> Vec<Campaign> {
    let stream = db.second.campaigns.stream(filter).await.expect("a stream");
    let mut campaigns = fixtures::drain(stream).await;
    campaigns.sort_unstable_by_key(|campaign| campaign.id);
    campaigns
}

/// Tries to create a second campaign in a scene, and checks that nothing was written.
async fn refuse_to_create(db: &Opened, existing: &Campaign, new: NewCampaign, expected: &Error) {
    assert_fails(db.store.campaigns.create(new).await, expected);
    assert_eq!(list(db, &CampaignFilter::all()).await, std::slice::from_ref(existing));
    let metrics = db.store.campaign_metrics.list(&MetricsFilter::all(), &everything()).await;
    assert_eq!(metrics.expect("a page").items, [metrics_of(db, existing.id).await]);
}

/// Tries to change `campaign`, and checks that nothing was written.
async fn refuse_to_update(db: &Opened, campaign: &Campaign, patch: CampaignPatch, expected: &Error) {
    let metrics = metrics_of(db, campaign.id).await;
    let update = db.store.campaigns.update(campaign.id, patch, campaign.updated_at).await;
    assert_fails(update, expected);
    assert_eq!(stored(db, campaign.id).await, *campaign);
    assert_eq!(metrics_of(db, campaign.id).await, metrics);
}

/// Changes a campaign, and checks that it equals `expected` but for a later version.
async fn update_to(db: &Opened, patch: CampaignPatch, expected: &mut Campaign) {
    let update = db.store.campaigns.update(expected.id, patch, expected.updated_at).await;
    let changed = update.expect("a changed campaign");
    assert!(changed.updated_at > expected.updated_at);
    expected.updated_at = changed.updated_at;
    assert_eq!(changed, *expected);
    assert_eq!(stored(db, expected.id).await, *expected);
}

pub(super) fn renaming() -> CampaignPatch {
    CampaignPatch::new().campaign_name("Winter").expect("a valid name")
}

pub(super) fn illegal(action: &'static str, status: CampaignStatus) -> Error {
    Error::IllegalStatus { action, status: status.as_str() }
}

pub(super) async fn set_active(db: &Opened, user: &User, is_active: bool) {
    db.store.users.set_active(user.id, is_active).await.expect("a user");
}

pub(super) fn inactive(user: &User) -> Error {
    Error::inactive_user(user.id)
}

/// A reason for which a campaign cannot be sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Obstacle {
    InactiveUser,
    SwitchedOff,
    Status(MailboxStatus),
}

impl Obstacle {
    pub(super) fn of_mailboxes() -> Vec<Self> {
        let broken = MailboxStatus::ALL.iter().filter(|status| **status != MailboxStatus::Active);
        [Self::SwitchedOff].into_iter().chain(broken.map(|status| Self::Status(*status))).collect()
    }

    pub(super) async fn put(self, db: &Opened, user: &User, mailbox: &Mailbox) {
        self.set(db, user, mailbox, true).await;
    }

    pub(super) async fn clear(self, db: &Opened, user: &User, mailbox: &Mailbox) {
        self.set(db, user, mailbox, false).await;
    }

    async fn set(self, db: &Opened, user: &User, mailbox: &Mailbox, is_there: bool) {
        let mailboxes = &db.store.mailboxes;
        match self {
            Self::InactiveUser => set_active(db, user, !is_there).await,
            Self::SwitchedOff => {
                let found = mailboxes.get(mailbox.id).await.expect("a look-up").expect("a mailbox");
                let patch = MailboxPatch::new().active(!is_there);
                mailboxes.update(mailbox.id, patch, found.updated_at).await.expect("a mailbox");
            }
            Self::Status(status) => {
                let status = if is_there { status } else { MailboxStatus::Active };
                mailboxes.set_status(mailbox.id, status).await.expect("a mailbox");
            }
        }
    }

    pub(super) fn error(self, user: &User, mailbox: &Mailbox) -> Error {
        let status = match self {
            Self::InactiveUser => return inactive(user),
            Self::SwitchedOff => "switched off",
            Self::Status(status) => status.as_str(),
        };
        Error::unsendable_mailbox(mailbox.id, status)
    }
}

fn foreign(mailbox: &Mailbox) -> Error {
    Error::ForeignMailbox { mailbox: mailbox.id.to_string() }
}

/// The arguments of a filter: an owner, a mailbox and a status.
type Named = (Option<UserId>, Option<MailboxId>, Option<CampaignStatus>);

fn filter_of((user, mailbox, status): Named) -> CampaignFilter {
    let mut filter = user.map_or_else(CampaignFilter::all, CampaignFilter::user);
    if let Some(mailbox) = mailbox {
        filter = filter.mailbox(mailbox);
    }
    if let Some(status) = status {
        filter = filter.status(status);
    }
    filter
}

fn is_named(campaign: &Campaign, (user, mailbox, status): Named) -> bool {
    user.is_none_or(|user| campaign.user_id == user)
        && mailbox.is_none_or(|mailbox| campaign.mailbox_id == mailbox)
        && status.is_none_or(|status| campaign.status == status)
}

/// A new campaign is stored with all fields as given.
pub async fn every_field_of_a_new_campaign_is_read_back(db: &Opened) {
    let owner = fixtures::user(db, "ada").await;
    let creator = fixtures::user(db, "bob").await;
    let mailbox = fixtures::mailbox(db, &owner, "ada@work.example").await;
    let (name, subject) = ("Frühling 🌷 «Ελλάδα»", "Здравствуй, 世界! e\u{301}");
    let message = " Line 1\r\nLine 2\n\n\tcafé 👩‍👩‍👧\u{2028}\"quoted\" \\ 'x'\n";
    let start_time = start() + TimeDelta::days(3);
    let new = NewCampaign::new(owner.id, mailbox.id, name, subject, message, start_time, hours(1.5))
        .expect("valid inputs")
        .recipients(u32::MAX)
        .created_by(creator.id);
    let created = create(db, new).await;
    let expected = Campaign {
        id: created.id,
        user_id: owner.id,
        mailbox_id: mailbox.id,
        campaign_name: name.to_owned(),
        subject: subject.to_owned(),
        message: Message::new(message).expect("a valid message"),
        duration: hours(1.5),
        start_time,
        end_time: start_time + TimeDelta::minutes(90),
        status: CampaignStatus::Scheduled,
        total_recipients: u32::MAX.into(),
        created_at: start(),
        updated_at: start(),
        created_by: creator.id,
    };
    assert_eq!(created, expected);
    assert_eq!(db.store.campaigns.get(created.id).await.expect("a look-up"), Some(created));
    assert_eq!(stored(db, expected.id).await, expected);
}

/// The longest allowed texts are stored in full.
pub async fn the_longest_texts_are_kept(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let (name, subject, message) = ("n".repeat(255), "s".repeat(998), "m".repeat(1024 * 1024));
    let (user, mailbox) = (scene.user.id, scene.mailbox.id);
    let new = NewCampaign::new(user, mailbox, &name, &subject, &*message, start(), hours(1.0));
    let created = create(db, new.expect("texts that are not too long")).await;
    let found = stored(db, created.id).await;
    assert_eq!(found, created);
    assert!((found.campaign_name, found.subject, found.message.into()) == (name, subject, message));
}

/// A new campaign stores texts that look like operators or paths as plain texts.
pub async fn texts_that_look_like_operators_are_kept(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let (name, subject, message) = ("$set.x", "$subject.a.b", "$$ROOT.message\n$unset: .x.");
    let (user, mailbox) = (scene.user.id, scene.mailbox.id);
    let new = NewCampaign::new(user, mailbox, name, subject, message, start(), hours(1.0));
    let created = create(db, new.expect("valid inputs")).await;
    let found = stored(db, created.id).await;
    assert_eq!(found, created);
    assert_eq!([&*found.campaign_name, &*found.subject, &*found.message], [name, subject, message]);
}

/// A patch stores texts that look like operators or paths as plain texts.
pub async fn texts_of_a_patch_that_look_like_operators_are_kept(db: &Opened) {
    let mut campaign = fixtures::scene(db).await.campaign;
    let (name, subject, message) = ("$campaign_name.x", "$set.x", "$$NOW\n{\"$literal\": \".a.b\"}");
    campaign.campaign_name = name.to_owned();
    campaign.subject = subject.to_owned();
    campaign.message = Message::new(message).expect("a valid message");
    let patch = CampaignPatch::new()
        .campaign_name(name)
        .and_then(|patch| patch.subject(subject))
        .and_then(|patch| patch.message(message))
        .expect("valid texts");
    update_to(db, patch, &mut campaign).await;
}

/// Creating a campaign creates its one metrics record.
pub async fn creation_makes_the_metrics_record(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let page = PageRequest::default();
    let metrics = db.second.campaign_metrics.list(&MetricsFilter::all(), &page).await;
    let metrics = metrics.expect("a page").items;
    assert_eq!(metrics.len(), 1);
    let owner_and_mailbox = (metrics[0].user_id, metrics[0].mailbox_id);
    assert_eq!(metrics[0].campaign_id, campaign.id);
    assert_eq!(owner_and_mailbox, (campaign.user_id, campaign.mailbox_id));
    assert_eq!(metrics[0].totals.sent, 0);
}

/// The owner is the creator unless another user is named.
pub async fn the_owner_is_the_creator_unless_another_is_named(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let new = planned(scene.user.id, scene.mailbox.id, start());
    let own = create(db, new.clone()).await;
    let by_bob = create(db, new.created_by(bob.id)).await;
    assert_eq!(stored(db, own.id).await.created_by, scene.user.id);
    assert_eq!(stored(db, by_bob.id).await.created_by, bob.id);
}

/// A campaign is not created if its user does not exist.
pub async fn an_unknown_owner_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let unknown = UserId::new();
    let new = planned(unknown, scene.mailbox.id, start()).created_by(scene.user.id);
    let expected = Error::not_found(Collection::Users, unknown);
    refuse_to_create(db, &scene.campaign, new, &expected).await;
}

/// A campaign is not created if its creator does not exist.
pub async fn an_unknown_creator_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let unknown = UserId::new();
    let new = planned(scene.user.id, scene.mailbox.id, start()).created_by(unknown);
    let expected = Error::not_found(Collection::Users, unknown);
    refuse_to_create(db, &scene.campaign, new, &expected).await;
}

/// A campaign is not created if its mailbox does not exist.
pub async fn an_unknown_mailbox_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let unknown = MailboxId::new();
    let new = planned(scene.user.id, unknown, start());
    let expected = Error::not_found(Collection::Mailboxes, unknown);
    refuse_to_create(db, &scene.campaign, new, &expected).await;
}

/// A campaign cannot use another user's mailbox, no matter who creates it.
pub async fn a_mailbox_of_another_user_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    for creator in [scene.user.id, bob.id] {
        let new = planned(scene.user.id, bobs.id, start()).created_by(creator);
        refuse_to_create(db, &scene.campaign, new, &foreign(&bobs)).await;
    }
}

/// The end is the start plus the duration, to the millisecond.
pub async fn the_end_is_the_start_plus_the_duration(db: &Opened) {
    let scene = fixtures::scene(db).await;
    for (length, period) in [
        (1.0, TimeDelta::hours(1)),
        (0.25, TimeDelta::minutes(15)),
        (1.0 / 3.0, TimeDelta::minutes(20)),
        (1.0 / 3_600_000.0, MILLISECOND),
        (CampaignDuration::MAX_HOURS, TimeDelta::days(366)),
    ] {
        let (user, mailbox) = (scene.user.id, scene.mailbox.id);
        let new = NewCampaign::new(user, mailbox, "Name", "Hi", "Body", start(), hours(length));
        let created = create(db, new.expect("valid inputs")).await;
        let found = stored(db, created.id).await;
        assert_eq!((found.start_time, found.end_time), (start(), start() + period));
        assert_eq!(found.duration, hours(length));
    }
}

/// A patch changes the field that it names and no other.
pub async fn a_patch_changes_what_it_names_and_nothing_else(db: &Opened) {
    let mut campaign = fixtures::scene(db).await.campaign;

    campaign.campaign_name = "Winter ❄".to_owned();
    let patch = CampaignPatch::new().campaign_name("Winter ❄").expect("a valid name");
    update_to(db, patch, &mut campaign).await;

    campaign.subject = "Grüße".to_owned();
    let patch = CampaignPatch::new().subject("Grüße").expect("a valid subject");
    update_to(db, patch, &mut campaign).await;

    campaign.message = Message::new(" two\r\nlines\n").expect("a valid message");
    let patch = CampaignPatch::new().message(" two\r\nlines\n").expect("a valid message");
    update_to(db, patch, &mut campaign).await;
}

/// One patch can change several fields at once.
pub async fn a_patch_can_change_many_fields(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &scene.user, "other@work.example").await;
    let mut campaign = scene.campaign;
    campaign.mailbox_id = other.id;
    campaign.campaign_name = "Winter".to_owned();
    campaign.start_time = start() + TimeDelta::days(2);
    campaign.duration = hours(0.5);
    campaign.end_time = campaign.start_time + TimeDelta::minutes(30);
    let patch = renaming().mailbox(other.id).duration(campaign.duration);
    let patch = patch.start_time(campaign.start_time).expect("a plausible start");
    update_to(db, patch, &mut campaign).await;
}

/// A new start moves the end too.
pub async fn a_new_start_moves_the_end(db: &Opened) {
    let mut campaign = fixtures::scene(db).await.campaign;
    for shift in [TimeDelta::days(40), TimeDelta::days(-80), -MILLISECOND] {
        campaign.start_time += shift;
        campaign.end_time += shift;
        let patch = CampaignPatch::new().start_time(campaign.start_time).expect("a plausible start");
        update_to(db, patch, &mut campaign).await;
    }
}

/// A new duration moves the end and keeps the start.
pub async fn a_new_duration_moves_the_end(db: &Opened) {
    let mut campaign = fixtures::scene(db).await.campaign;
    for (length, period) in [(48.0, TimeDelta::days(2)), (1.75, TimeDelta::minutes(105))] {
        campaign.duration = hours(length);
        campaign.end_time = campaign.start_time + period;
        let patch = CampaignPatch::new().duration(campaign.duration);
        update_to(db, patch, &mut campaign).await;
    }
}

/// A campaign can switch to another mailbox of its owner; its metrics record follows.
pub async fn the_metrics_record_follows_the_campaign_to_another_mailbox(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &scene.user, "other@work.example").await;
    let mut campaign = scene.campaign;
    let before = metrics_of(db, campaign.id).await;
    campaign.mailbox_id = other.id;
    update_to(db, CampaignPatch::new().mailbox(other.id), &mut campaign).await;
    let after = metrics_of(db, campaign.id).await;
    assert!(after.last_updated > before.last_updated);
    assert_eq!(after.mailbox_id, other.id);
    assert_eq!((after.id, after.user_id, after.totals), (before.id, before.user_id, before.totals));
}

/// A patch to another user's mailbox changes nothing.
pub async fn a_patch_to_a_foreign_mailbox_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    let patch = renaming().mailbox(bobs.id);
    refuse_to_update(db, &scene.campaign, patch, &foreign(&bobs)).await;
}

/// A patch to a mailbox that does not exist changes nothing.
pub async fn a_patch_to_an_unknown_mailbox_is_refused(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let unknown = MailboxId::new();
    let expected = Error::not_found(Collection::Mailboxes, unknown);
    refuse_to_update(db, &campaign, renaming().mailbox(unknown), &expected).await;
}

/// A campaign that is active or over cannot be changed.
pub async fn a_patch_is_refused_while_active_and_when_over(db: &Opened) {
    use CampaignStatus::{Active, Cancelled, Completed};
    let scene = fixtures::scene(db).await;
    for status in [Active, Completed, Cancelled] {
        let campaign = campaign_in(db, &scene.user, &scene.mailbox, status).await;
        refuse_to_update(db, &campaign, renaming(), &illegal("update", status)).await;
    }
}

/// A paused campaign can be changed and stays paused.
pub async fn a_paused_campaign_can_be_changed(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let paused = CampaignStatus::Paused;
    let mut campaign = campaign_in(db, &scene.user, &scene.mailbox, paused).await;
    campaign.campaign_name = "Winter".to_owned();
    update_to(db, renaming(), &mut campaign).await;
}

/// A campaign with an id can be created again, also when it has changed since in what no patch changes.
pub async fn a_campaign_with_an_id_can_be_created_again(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let id = CampaignId::from(Uuid::from_u128(7));
    let new = fixtures::new_campaign(&scene.user, &scene.mailbox).id(id).recipients(3);
    let created = create(db, new.clone()).await;
    assert_eq!(created.id, id);
    db.clock.advance(MILLISECOND);
    assert_eq!(db.second.campaigns.create(new.clone()).await, Ok(created.clone()));
    assert_eq!(metrics_of(db, id).await.created_at, created.created_at);

    db.store.campaigns.add_recipients(id, 2.into()).await.expect("more recipients");
    let cancelled = db.store.campaigns.cancel(id).await.expect("a scheduled campaign");
    assert_eq!(db.store.campaigns.create(new.clone()).await, Ok(cancelled));
    let all = db.store.campaigns.list(&CampaignFilter::all(), &everything()).await.expect("a page");
    assert_eq!(all.items.len(), 2);

    // Without an id each call makes one.
    let plain = fixtures::new_campaign(&scene.user, &scene.mailbox);
    assert_ne!(create(db, plain.clone()).await.id, create(db, plain).await.id);
}

/// The id of a campaign with other content is refused, and changes nothing.
pub async fn the_id_of_another_campaign_is_refused(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let (user, mailbox) = (&scene.user, &scene.mailbox);
    let id = CampaignId::from(Uuid::from_u128(7));
    let created = create(db, fixtures::new_campaign(user, mailbox).id(id).recipients(3)).await;
    let eve = fixtures::user(db, "eve").await;
    let own = fixtures::mailbox(db, &eve, "eve@work.example").await;
    for other in [
        planned(user.id, mailbox.id, created.start_time),
        fixtures::new_campaign(user, mailbox).recipients(4),
        fixtures::new_campaign(user, mailbox).created_by(eve.id),
        fixtures::new_campaign(&eve, &own),
    ] {
        fixtures::assert_unique(db.store.campaigns.create(other.id(id)).await, CAMPAIGNS_CAMPAIGN_ID);
        assert_eq!(stored(db, id).await, created);
    }
}

/// If many callers create a campaign with one id at once, all get the same campaign.
pub async fn many_who_create_a_campaign_id_get_the_same_campaign(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let id = CampaignId::from(Uuid::from_u128(7));
    let new = fixtures::new_campaign(&scene.user, &scene.mailbox).id(id);
    let created = crowd(db, async |store, _| store.campaigns.create(new.clone()).await).await;
    let found = stored(db, id).await;
    for created in created {
        assert_eq!(created, Ok(found.clone()));
    }
}

/// A patch of any version but the current one is a conflict and changes nothing.
pub async fn a_stale_version_is_a_conflict(db: &Opened) {
    let old = fixtures::scene(db).await.campaign;
    let present = db.store.campaigns.add_recipients(old.id, 1.into()).await.expect("more recipients");
    for version in [old.updated_at, present.updated_at + MILLISECOND] {
        let update = db.second.campaigns.update(old.id, renaming(), version).await;
        assert_fails(update, &Error::conflict(Collection::Campaigns, old.id));
        assert_eq!(stored(db, old.id).await, present);
    }
}

/// If many callers patch one version, one succeeds and the others get a conflict.
pub async fn of_concurrent_patches_of_one_version_one_wins(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let updates = crowd(db, async |store, n| {
        let patch = CampaignPatch::new().campaign_name(format!("Name {n}"));
        let patch = patch.expect("a valid name");
        store.campaigns.update(campaign.id, patch, campaign.updated_at).await
    })
    .await;
    let winner = only_winner(updates, &Error::conflict(Collection::Campaigns, campaign.id));
    assert_eq!(stored(db, campaign.id).await, winner);
}

/// Writes to an unknown campaign fail with `NotFound`, and a look-up returns nothing.
pub async fn an_unknown_campaign_is_not_found(db: &Opened) {
    let campaigns = &db.store.campaigns;
    let unknown = CampaignId::from(Uuid::nil());
    assert_eq!(campaigns.get(unknown).await.expect("a look-up"), None);
    let missing = Error::not_found(Collection::Campaigns, unknown);
    assert_fails(campaigns.update(unknown, renaming(), start()).await, &missing);
    assert_fails(campaigns.add_recipients(unknown, 1.into()).await, &missing);
    for transition in CampaignTransition::ALL {
        assert_fails(campaigns.transition(unknown, *transition).await, &missing);
    }
    assert_eq!(list(db, &CampaignFilter::all()).await, []);
}

/// A campaign whose owner or creator was deactivated is not created.
pub async fn a_deactivated_user_creates_no_campaigns(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let bob = fixtures::user(db, "bob").await;
    let new = || planned(scene.user.id, scene.mailbox.id, start());
    set_active(db, &bob, false).await;
    refuse_to_create(db, &scene.campaign, new().created_by(bob.id), &inactive(&bob)).await;
    set_active(db, &scene.user, false).await;
    refuse_to_create(db, &scene.campaign, new(), &inactive(&scene.user)).await;
    set_active(db, &bob, true).await;
    refuse_to_create(db, &scene.campaign, new().created_by(bob.id), &inactive(&scene.user)).await;
    set_active(db, &scene.user, true).await;
    create(db, new().created_by(bob.id)).await;
}

/// A mailbox that cannot send gets no campaign, neither a new one nor one of another mailbox. A campaign that has
/// it already can be changed.
pub async fn a_mailbox_that_cannot_send_gets_no_campaigns(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut campaign = scene.campaign;
    let other = fixtures::mailbox(db, &scene.user, "other@work.example").await;
    for obstacle in Obstacle::of_mailboxes() {
        obstacle.put(db, &scene.user, &other).await;
        let expected = obstacle.error(&scene.user, &other);
        let new = planned(scene.user.id, other.id, start());
        refuse_to_create(db, &campaign, new, &expected).await;
        refuse_to_update(db, &campaign, renaming().mailbox(other.id), &expected).await;
        obstacle.clear(db, &scene.user, &other).await;
    }
    campaign.mailbox_id = other.id;
    update_to(db, CampaignPatch::new().mailbox(other.id), &mut campaign).await;
    db.store.mailboxes.set_status(other.id, MailboxStatus::Error).await.expect("a mailbox");
    campaign.campaign_name = "Winter".to_owned();
    update_to(db, renaming().mailbox(other.id), &mut campaign).await;
}

/// Users who are deactivated while they create campaigns have created none after that.
pub async fn no_campaign_appears_after_its_user_was_deactivated(db: &Opened) {
    let ada = fixtures::user(db, "ada").await;
    let mailbox = fixtures::mailbox(db, &ada, "ada@work.example").await;
    let seen = crowd(db, async |store, n| {
        if n == 5 {
            store.users.set_active(ada.id, false).await.expect("a user");
            return Some(list(db, &CampaignFilter::user(ada.id)).await.len());
        }
        match store.campaigns.create(planned(ada.id, mailbox.id, start())).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error, inactive(&ada)),
        }
        None
    })
    .await;
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    assert_eq!(seen, [list(db, &CampaignFilter::user(ada.id)).await.len()]);
}

/// Lists and streams return exactly the campaigns that match the filter.
pub async fn lists_and_streams_hold_what_the_filter_names(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &scene.user, "other@work.example").await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    for (user, mailbox) in [(&scene.user, &scene.mailbox), (&scene.user, &other), (&bob, &bobs)] {
        for status in CampaignStatus::ALL {
            campaign_in(db, user, mailbox, *status).await;
        }
    }
    let all = list(db, &CampaignFilter::all()).await;
    assert_eq!(all.len(), 16);
    let users = [None, Some(scene.user.id), Some(bob.id), Some(UserId::new())];
    let mailboxes = [None, Some(scene.mailbox.id), Some(other.id), Some(bobs.id)];
    let statuses: Vec<_> = CampaignStatus::ALL.iter().copied().map(Some).chain([None]).collect();
    for user in users {
        for mailbox in mailboxes {
            for status in &statuses {
                let named = (user, mailbox, *status);
                let mut expected = all.clone();
                expected.retain(|campaign| is_named(campaign, named));
                assert_eq!(list(db, &filter_of(named)).await, expected, "{named:?}");
                expected.sort_unstable_by_key(|campaign| campaign.id);
                assert_eq!(streamed(db, &filter_of(named)).await, expected, "{named:?}");
            }
        }
    }
}

/// Summaries are the campaigns without their bodies, in the same lists and streams; a cursor of one list works
/// in the other.
pub async fn summaries_are_the_campaigns_without_bodies(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut expected = vec![CampaignSummary::from(scene.campaign)];
    for _ in 0..2 {
        expected.push(fixtures::campaign(db, &scene.user, &scene.mailbox).await.into());
    }
    let filter = CampaignFilter::user(scene.user.id);
    let campaigns = &db.second.campaigns;
    let one = PageRequest::new(1).expect("a limit");
    let first = campaigns.list(&filter, &one).await.expect("a page");
    let rest = everything().after(first.next.expect("more"));
    let rest = campaigns.list_summaries(&filter, &rest).await.expect("a page");
    assert_eq!(rest.items, expected[1..]);
    let streamed = campaigns.stream_summaries(&filter).await.expect("a stream");
    let mut streamed = fixtures::drain(streamed).await;
    streamed.sort_unstable_by_key(|summary| summary.id);
    expected.sort_unstable_by_key(|summary| summary.id);
    assert_eq!(streamed, expected);
}

/// Campaigns are listed in order of creation or its reverse, whenever they start.
pub async fn lists_are_in_the_order_of_creation(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut created = vec![scene.campaign.clone()];
    for days in [5, 1, 4, 2, 3] {
        let start_time = start() + TimeDelta::days(days);
        let new = planned(scene.user.id, scene.mailbox.id, start_time);
        created.push(create(db, new).await);
    }
    created[2] = db.store.campaigns.pause(created[2].id).await.expect("a paused campaign");
    let filter = CampaignFilter::user(scene.user.id);
    assert_eq!(list(db, &filter).await, created);
    let page = PageRequest::default().order(Order::NewestFirst);
    let newest_first = db.store.campaigns.list(&filter, &page).await.expect("a page").items;
    created.reverse();
    assert_eq!(newest_first, created);
}

/// Every write makes the version later, even if the clock stands still.
pub async fn every_write_makes_a_later_version(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let (campaigns, id) = (&db.store.campaigns, campaign.id);
    let writes = [
        campaigns.update(id, renaming(), campaign.updated_at).await,
        campaigns.add_recipients(id, 5.into()).await,
        campaigns.start(id).await,
        campaigns.pause(id).await,
        campaigns.resume(id).await,
        campaigns.pause(id).await,
        campaigns.reschedule(id).await,
    ];
    let mut versions = vec![campaign.updated_at];
    for write in writes {
        let changed = write.expect("a change");
        assert_eq!(changed.created_at, campaign.created_at);
        versions.push(changed.updated_at);
    }
    campaigns.claim_due(campaign.start_time, 1).await.expect("the campaign");
    versions.push(stored(db, id).await.updated_at);
    campaigns.complete_expired(campaign.end_time).await.expect("a count");
    versions.push(stored(db, id).await.updated_at);
    assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
}

/// A version is the clock's time, or later than the previous version if the clock went back.
pub async fn a_version_is_later_though_the_clock_goes_back(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    db.clock.advance(TimeDelta::minutes(90));
    let paused = db.store.campaigns.pause(campaign.id).await.expect("a paused campaign");
    assert_eq!(paused.updated_at, start() + TimeDelta::minutes(90));
    db.clock.advance(TimeDelta::hours(-24));
    let resumed = db.second.campaigns.resume(campaign.id).await.expect("an active campaign");
    assert!(resumed.updated_at > paused.updated_at);
    assert_eq!(stored(db, campaign.id).await, resumed);
}
