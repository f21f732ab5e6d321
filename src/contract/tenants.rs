//! The contract of [`Store::of`](crate::Store::of): within a user, what is another's does not exist.

use futures_util::future::join_all;

use super::credentials::credentials;
use super::fixtures::{
    self, all_mailboxes, all_users, assert_fails, assert_unique, drain, everything, login, metrics_of,
    new_campaign, new_mailbox, new_user, only_sent, record, send, sends,
};
use super::tenant_calls::{CLERK_ID, PASSWORD, World, calls};
use super::{Opened, start};
use crate::schema::index::{CAMPAIGNS_CAMPAIGN_ID, USERS_LOGIN_ID};
use crate::{
    Campaign, CampaignFilter, CampaignMetrics, CampaignPatch, ClerkUser, ClerkUserId, Collection,
    EmailTracking, Error, EventOutcome, LoginAttempt, LoginOutcome, LoginPassword, Mailbox, MailboxFilter,
    MetricsFilter, NewUser, PageRequest, ReencryptPlan, Repositories, SendOutcome, Totals, TrackingEvent,
    TrackingFilter, User, UserFilter, UserId, UserPatch,
};

/// All that a store holds, as far as its repositories show it.
#[derive(Debug, PartialEq)]
struct Content {
    users: Vec<User>,
    mailboxes: Vec<Mailbox>,
    secrets: Vec<String>,
    campaigns: Vec<Campaign>,
    metrics: Vec<CampaignMetrics>,
    rows: Vec<EmailTracking>,
    is_login_right: bool,
}

async fn content(db: &Opened) -> Content {
    let store = &db.second;
    let mailboxes = all_mailboxes(db).await;
    let secrets = mailboxes.iter().map(async |mailbox| {
        let found = store.mailbox_secrets.credentials(mailbox.id).await.expect("secrets that open");
        let found = found.expect("a mailbox");
        let password = found.password.map(|secret| secret.expose().to_owned());
        format!("{password:?} {:?}", found.access_token.map(|secret| secret.expose().to_owned()))
    });
    let login = store.users.verify_login(LoginAttempt::new("ada", PASSWORD)).await.expect("an answer");
    Content {
        users: all_users(db).await,
        secrets: join_all(secrets).await,
        mailboxes,
        campaigns: store.campaigns.list(&CampaignFilter::all(), &everything()).await.expect("a page").items,
        metrics: store
            .campaign_metrics
            .list(&MetricsFilter::all(), &everything())
            .await
            .expect("a page")
            .items,
        rows: store.email_tracking.list(&TrackingFilter::all(), &everything()).await.expect("a page").items,
        is_login_right: matches!(login, LoginOutcome::Accepted(_)),
    }
}

/// Called by a stranger with the records of a user, every method of every repository answers as if there were
/// none, and changes nothing. Called by that user, it answers.
pub async fn to_a_stranger_nothing_of_a_user_exists(db: &Opened) {
    let world = World::new(db).await;
    let (hers, of_eve) = (db.of(world.ada.id), db.of(world.eve.id));
    let mut before = content(db).await;
    assert!(before.is_login_right && before.rows.len() == 1 && before.mailboxes.len() == 2);
    for call in calls() {
        assert_eq!((call.run)(&of_eve, &world).await, call.to_a_stranger, "{} by a stranger", call.name);
        assert_eq!(content(db).await, before, "{} by a stranger", call.name);
        assert_eq!((call.run)(&hers, &world).await, call.to_the_owner, "{} by the owner", call.name);
        before = content(db).await;
    }
}

/// The same holds within a user who does not exist.
pub async fn within_an_unknown_user_there_is_nothing(db: &Opened) {
    let world = World::new(db).await;
    let of_nobody = db.of(UserId::new());
    let before = content(db).await;
    for call in calls() {
        assert_eq!((call.run)(&of_nobody, &world).await, call.to_a_stranger, "{}", call.name);
    }
    assert_eq!(content(db).await, before);
}

/// What belongs to another user cannot be used by name either: the error is that of a record that does not exist.
pub async fn a_campaign_cannot_name_what_another_has(db: &Opened) {
    let world = World::new(db).await;
    let theirs = fixtures::mailbox(db, &world.eve, "eve@work.example").await;
    let before = content(db).await;
    let hers = db.of(world.ada.id);
    let missing = Error::not_found(Collection::Mailboxes, theirs.id);
    assert_fails(hers.campaigns.create(new_campaign(&world.ada, &theirs)).await, &missing);
    let patch = CampaignPatch::new().mailbox(theirs.id);
    let version = world.campaign.updated_at;
    assert_fails(hers.campaigns.update(world.campaign.id, patch.clone(), version).await, &missing);
    let by_eve = new_campaign(&world.ada, &world.mailbox).created_by(world.eve.id);
    let missing = Error::not_found(Collection::Users, world.eve.id);
    assert_fails(hers.campaigns.create(by_eve).await, &missing);
    assert_fails(hers.mailboxes.link(new_mailbox(&world.eve, "other@work.example")).await, &missing);
    // Over all users, the caller learns the reason.
    let foreign = Error::ForeignMailbox { mailbox: theirs.id.to_string() };
    assert_fails(db.store.campaigns.update(world.campaign.id, patch, version).await, &foreign);
    assert_eq!(content(db).await, before);
}

/// A send needs a campaign of the user, and an owner who is the user, whatever the caller made of the campaign.
pub async fn sends_of_others_are_of_unknown_campaigns(db: &Opened) {
    use SendOutcome::{AlreadyRecorded, Recorded, UnknownCampaign};

    let world = World::new(db).await;
    let mailbox = fixtures::mailbox(db, &world.eve, "eve@work.example").await;
    let own = fixtures::campaign(db, &world.eve, &mailbox).await;
    // Both are of nobody: a campaign of hers in the name of Eve, and one of Eve's in her name.
    let (mut usurped, mut slipped) = (world.campaign.clone(), own.clone());
    usurped.user_id = world.eve.id;
    slipped.user_id = world.ada.id;
    let batch = vec![
        send(&own, "bob@example.com"),
        send(&usurped, "bob@example.com"),
        send(&usurped, "carol@example.com"),
        send(&slipped, "carol@example.com"),
        send(&own, "bob@example.com"),
    ];
    let outcomes = db.of(world.eve.id).email_tracking.record_sends(batch).await.expect("the outcomes");
    assert_eq!(outcomes, [Recorded, UnknownCampaign, UnknownCampaign, UnknownCampaign, AlreadyRecorded]);
    assert_eq!(metrics_of(db, own.id).await.totals, only_sent(1));
    assert_eq!(metrics_of(db, world.campaign.id).await.totals, only_sent(1));
    let rows = db.store.email_tracking.list(&TrackingFilter::all(), &everything()).await.expect("a page");
    assert_eq!(rows.items.len(), 2);
}

/// An event that a stranger sends leaves nothing behind: the owner's event with the same id still counts.
pub async fn events_of_a_stranger_leave_no_receipt(db: &Opened) {
    let world = World::new(db).await;
    let mailbox = fixtures::mailbox(db, &world.eve, "eve@work.example").await;
    let own = fixtures::campaign(db, &world.eve, &mailbox).await;
    let own = send(&own, "bob@example.com");
    let own_id = own.id();
    record(db, vec![own]).await;
    let opened = |id| TrackingEvent::opened(id, start()).provider_event_id("evt-1").expect("a valid id");
    let batch = vec![opened(world.sent), opened(own_id)];
    let outcomes = db.of(world.eve.id).email_tracking.record_events(batch.clone()).await;
    assert_eq!(outcomes.expect("the outcomes"), [EventOutcome::UnknownTracking, EventOutcome::First]);
    assert_eq!(metrics_of(db, world.campaign.id).await.totals, only_sent(1));
    let outcomes = db.of(world.ada.id).email_tracking.record_events(batch).await;
    assert_eq!(outcomes.expect("the outcomes"), [EventOutcome::First, EventOutcome::UnknownTracking]);
    assert_eq!(metrics_of(db, world.campaign.id).await.totals.opened, 1);
}

/// The lists of a user have the records that the lists of all have for that user.
pub async fn the_lists_of_a_user_are_whole(db: &Opened) {
    let world = World::new(db).await;
    let theirs = fixtures::mailbox(db, &world.eve, "eve@work.example").await;
    let own = fixtures::campaign(db, &world.eve, &theirs).await;
    record(db, sends(&own, 3)).await;
    for id in [world.ada.id, world.eve.id] {
        let (all, within, page) = (&db.store, db.of(id), everything());
        let user = all.users.get(id).await.expect("a look-up").expect("the user");
        assert_eq!(within.users.list(&UserFilter::all(), &page).await.expect("a page").items, [user]);
        let (any, of_user) = (MailboxFilter::all(), MailboxFilter::user(id));
        let expected = all.mailboxes.list(&of_user, &page).await;
        assert_eq!(within.mailboxes.list(&any, &page).await, expected);
        assert_eq!(within.mailboxes.list(&of_user, &page).await, expected);
        assert!(!expected.expect("a page").items.is_empty());
        let (any, of_user) = (CampaignFilter::all(), CampaignFilter::user(id));
        let expected = all.campaigns.list(&of_user, &page).await;
        assert_eq!(within.campaigns.list(&any, &page).await, expected);
        let streamed = drain(within.campaigns.stream(&any).await.expect("a stream")).await;
        assert_eq!(streamed, expected.expect("a page").items);
        let (any, of_user) = (MetricsFilter::all(), MetricsFilter::user(id));
        assert_eq!(
            within.campaign_metrics.list(&any, &page).await,
            all.campaign_metrics.list(&of_user, &page).await
        );
        assert_eq!(within.campaign_metrics.totals(&any).await, all.campaign_metrics.totals(&of_user).await);
        let (any, of_user) = (TrackingFilter::all(), TrackingFilter::user(id));
        let expected = all.email_tracking.list(&of_user, &page).await;
        assert_eq!(within.email_tracking.list(&any, &page).await, expected);
        let streamed = drain(within.email_tracking.stream(&any).await.expect("a stream")).await;
        assert_eq!(streamed.len(), expected.expect("a page").items.len());
    }
}

/// A cursor belongs to the list of one user, or of all.
pub async fn a_cursor_does_not_leave_its_user(db: &Opened) {
    let ada = fixtures::user(db, "ada").await;
    let eve = fixtures::user(db, "eve").await;
    for user in [&ada, &eve] {
        fixtures::mailboxes(db, user, 3).await;
    }
    let (all, hers, of_eve) = (db.store.clone(), db.of(ada.id), db.of(eve.id));
    let first = PageRequest::new(2).expect("a valid limit");
    let stores = [&all, &hers, &of_eve];
    for (n, store) in stores.into_iter().enumerate() {
        let page = store.mailboxes.list(&MailboxFilter::all(), &first).await.expect("a page");
        let rest = first.clone().after(page.next.expect("a cursor"));
        for (m, other) in stores.into_iter().enumerate() {
            let listed = other.mailboxes.list(&MailboxFilter::all(), &rest).await;
            if n == m {
                assert_eq!(listed.expect("its own list").items.len(), if n == 0 { 2 } else { 1 });
            } else {
                assert_fails(listed, &Error::InvalidCursor);
            }
        }
    }
}

/// Methods that go through everything go through what is the user's.
pub async fn what_goes_through_everything_stays_within_the_user(db: &Opened) {
    let world = World::new(db).await;
    let theirs =
        new_mailbox(&world.eve, "eve@work.example").credentials(credentials([None, Some("a"), None]));
    let theirs = db.store.mailboxes.link(theirs).await.expect("a free address");
    let own = fixtures::campaign(db, &world.eve, &theirs).await;
    let of_eve = db.of(world.eve.id);
    let reports = of_eve.mailbox_secrets.reencrypt(ReencryptPlan::new()).await.expect("a stream");
    assert_eq!(drain(reports).await.last().map(|report| report.scanned), Some(1));
    let reports = of_eve.campaign_metrics.recount_all().await.expect("a stream");
    assert_eq!(drain(reports).await.last().map(|report| report.checked), Some(1));
    let due = own.start_time;
    let claimed = of_eve.campaigns.claim_due(due, 10).await.expect("the claimed ones");
    assert_eq!(claimed.iter().map(|campaign| campaign.id).collect::<Vec<_>>(), [own.id]);
    assert_eq!(of_eve.campaigns.claim_due(due, 10).await.expect("the claimed ones"), []);
    let hers = db.of(world.ada.id).campaigns.claim_due(due, 10).await.expect("the claimed ones");
    assert_eq!(hers.iter().map(|campaign| campaign.id).collect::<Vec<_>>(), [world.campaign.id]);
    assert_eq!(of_eve.campaigns.complete_expired(own.end_time).await, Ok(1));
    assert_eq!(of_eve.campaigns.count_by_status().await.expect("the counts").total(), 1);
    let sum = of_eve.campaign_metrics.totals(&MetricsFilter::all()).await.expect("a sum");
    assert_eq!(sum.totals, Totals::default());
    assert_eq!(db.store.campaigns.complete_expired(own.end_time).await, Ok(1));
}

/// A user can change and delete itself, and nobody else.
pub async fn a_user_can_change_and_delete_itself(db: &Opened) {
    let ada = fixtures::user(db, "ada").await;
    let eve = fixtures::user(db, "eve").await;
    let hers = db.of(ada.id);
    let patch = || UserPatch::new().user_name("Countess").expect("a valid name");
    let missing = Error::not_found(Collection::Users, eve.id);
    assert_fails(hers.users.update(eve.id, patch(), eve.updated_at).await, &missing);
    assert_fails(hers.users.delete(eve.id).await, &missing);
    let changed = hers.users.update(ada.id, patch(), ada.updated_at).await.expect("the user itself");
    assert_eq!(changed.user_name, "Countess");
    assert_eq!(all_users(db).await, [changed, eve.clone()]);
    hers.users.delete(ada.id).await.expect("the user itself");
    assert_eq!(hers.users.list(&UserFilter::all(), &everything()).await.expect("a page").items, []);
    assert_eq!(all_users(db).await, [eve]);
}

/// Creating users, and what Clerk says of them, are about more than one user.
pub async fn a_user_creates_no_other(db: &Opened) {
    let ada = NewUser::new("Ada", "ada").and_then(|ada| ada.clerk_user_id(CLERK_ID)).expect("valid");
    let ada = db.store.users.create(ada).await.expect("a free login id");
    let hers: Repositories = db.of(ada.id);
    let system_only = |operation| Error::SystemOnly { operation };
    assert_fails(hers.users.create(new_user("bob")).await, &system_only("users.create"));
    for id in [CLERK_ID, "user_other"] {
        let other = ClerkUser::new(id, "Other", "other", start()).expect("valid");
        assert_fails(hers.users.upsert_from_clerk(other).await, &system_only("users.upsert_from_clerk"));
        let id = ClerkUserId::new(id).expect("a valid id");
        let delete = hers.users.delete_from_clerk(&id, start()).await;
        assert_fails(delete, &system_only("users.delete_from_clerk"));
    }
    assert_eq!(all_users(db).await, [ada]);
}

/// Within a user, a login is accepted only if it is the user's own.
pub async fn a_login_within_a_user_is_the_users_own(db: &Opened) {
    let mut users = Vec::new();
    for name in ["ada", "eve"] {
        let password = LoginPassword::new(PASSWORD).expect("a valid password");
        users.push(db.store.users.create(new_user(name).password(password)).await.expect("a free login id"));
    }
    for user in &users {
        for name in ["ada", "eve", "nobody"] {
            let attempt = LoginAttempt::new(name, PASSWORD);
            let outcome = db.of(user.id).users.verify_login(attempt).await.expect("an answer");
            let is_own = user.user_name == name;
            assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), is_own, "{name} in {}", user.user_name);
        }
    }
    assert_eq!(all_users(db).await, users);
}

/// What another user has is taken within a user, too.
pub async fn taken_values_are_taken_within_a_user(db: &Opened) {
    let ada = fixtures::user(db, "ada").await;
    let eve = fixtures::user(db, "eve").await;
    let patch = UserPatch::new().login_id("EVE").expect("a valid login id");
    let update = db.of(ada.id).users.update(ada.id, patch, ada.updated_at).await;
    assert_unique(update, USERS_LOGIN_ID);
    assert_eq!(db.of(ada.id).users.find_by_login_id(&login("eve")).await, Ok(None));
    assert_eq!(all_users(db).await, [ada.clone(), eve.clone()]);
    let campaigns = [&ada, &eve].map(async |user| {
        let mailbox = fixtures::mailbox(db, user, "same@work.example").await;
        new_campaign(user, &mailbox)
    });
    let [hers, of_eve] = campaigns;
    let hers = db.of(ada.id).campaigns.create(hers.await).await.expect("a campaign");
    let of_eve = db.of(eve.id).campaigns.create(of_eve.await.id(hers.id)).await;
    assert_unique(of_eve, CAMPAIGNS_CAMPAIGN_ID);
    assert_eq!(db.store.campaigns.get(hers.id).await, Ok(Some(hers)));
}
