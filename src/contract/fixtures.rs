//! Small builders and checks shared by the cases.

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use futures_util::future::join_all;

use super::{Opened, sender_of, start};
use crate::{
    Campaign, CampaignDuration, CampaignId, CampaignMetrics, EmailAddress, Error, LoginId, Mailbox,
    MailboxFilter, NewCampaign, NewMailbox, NewSend, NewUser, Page, PageRequest, Provider, RecordStream,
    Repositories, Result, SendOutcome, Totals, User, UserFilter,
};

/// The number of callers in a [`crowd`].
pub(crate) const CROWD: usize = 16;

/// A user with a mailbox and a campaign that is sent from it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) user: User,
    pub(crate) mailbox: Mailbox,
    pub(crate) campaign: Campaign,
}

/// The user `ada` with the mailbox `ada@work.example` and a campaign.
pub(crate) async fn scene(db: &Opened) -> Scene {
    let user = user(db, "ada").await;
    let mailbox = mailbox(db, &user, "ada@work.example").await;
    let campaign = campaign(db, &user, &mailbox).await;
    Scene { user, mailbox, campaign }
}

/// Creates a user with `name` as name and login id.
pub(crate) async fn user(db: &Opened, name: &str) -> User {
    db.store.users.create(new_user(name)).await.expect("a free login id")
}

/// Links a mailbox.
pub(crate) async fn mailbox(db: &Opened, user: &User, email: &str) -> Mailbox {
    db.store.mailboxes.link(new_mailbox(user, email)).await.expect("a free address")
}

/// Links `count` mailboxes; the first one is the user's primary mailbox.
pub(crate) async fn mailboxes(db: &Opened, user: &User, count: usize) -> Vec<Mailbox> {
    let mut linked = Vec::with_capacity(count);
    for n in 0..count {
        linked.push(mailbox(db, user, &format!("box{n}@work.example")).await);
    }
    linked
}

/// Creates a one-day campaign that starts in an hour.
pub(crate) async fn campaign(db: &Opened, user: &User, mailbox: &Mailbox) -> Campaign {
    db.store.campaigns.create(new_campaign(user, mailbox)).await.expect("a mailbox of the user")
}

/// A user with `name` as name and login id.
pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser::new(name, name).expect("a valid name")
}

/// A mailbox at Gmail.
pub(crate) fn new_mailbox(user: &User, email: &str) -> NewMailbox {
    NewMailbox::new(user.id, email, Provider::Gmail).expect("a valid address")
}

/// A one-day campaign that starts in an hour.
pub(crate) fn new_campaign(user: &User, mailbox: &Mailbox) -> NewCampaign {
    NewCampaign::new(
        user.id,
        mailbox.id,
        "Spring",
        "Spring is here",
        "Hello,\r\nspring is here.",
        start() + TimeDelta::hours(1),
        CampaignDuration::hours(24.0).expect("a valid duration"),
    )
    .expect("a valid campaign")
}

/// The first e-mail of `campaign` to `recipient`.
pub(crate) fn send(campaign: &Campaign, recipient: &str) -> NewSend {
    let mailbox = sender_of(campaign, "ada@work.example");
    NewSend::new(campaign, &mailbox, recipient, start()).expect("a valid address")
}

/// A login id.
pub(crate) fn login(text: &str) -> LoginId {
    LoginId::new(text).expect("a valid login id")
}

/// An e-mail address.
pub(crate) fn address(text: &str) -> EmailAddress {
    EmailAddress::new(text).expect("a valid address")
}

/// Every record of a stream.
pub(crate) async fn drain<T>(stream: RecordStream<T>) -> Vec<T> {
    stream.try_collect().await.expect("a stream without errors")
}

/// A page that is large enough for all records of a case.
pub(crate) fn everything() -> PageRequest {
    PageRequest::new(PageRequest::MAX_LIMIT).expect("a valid limit")
}

/// All users, to see whether anything changed.
pub(crate) async fn all_users(db: &Opened) -> Vec<User> {
    let users = db.store.users.list(&UserFilter::all(), &everything()).await;
    users.expect("a page of users").items
}

/// All mailboxes, to see whether anything changed.
pub(crate) async fn all_mailboxes(db: &Opened) -> Vec<Mailbox> {
    let mailboxes = db.store.mailboxes.list(&MailboxFilter::all(), &everything()).await;
    mailboxes.expect("a page of mailboxes").items
}

/// Lets [`CROWD`] callers act at once, alternating between the two handles. Each gets its number.
pub(crate) async fn crowd<T>(db: &Opened, act: impl AsyncFn(&Repositories, usize) -> T) -> Vec<T> {
    let handles = [&db.store, &db.second];
    join_all((0..CROWD).map(|n| act(handles[n % 2], n))).await
}

/// Lets one caller of a [`crowd`], the `place`-th, remove what all others begin to use. Checks that it is
/// either removed and never used (`missing`), or used and never removed (`in_use`). Returns the number of
/// uses.
pub(crate) async fn remove_or_use(
    db: &Opened,
    place: usize,
    remove: impl AsyncFn(&Repositories) -> Result<()>,
    begin_use: impl AsyncFn(&Repositories, usize) -> Result<()>,
    in_use: &Error,
    missing: &Error,
) -> usize {
    let mut results =
        crowd(db, async |store, n| if n == place { remove(store).await } else { begin_use(store, n).await })
            .await;
    let removal = results.remove(place);
    let (used, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    if used.is_empty() {
        removal.expect("nothing uses it");
        for result in refused {
            assert_fails(result, missing);
        }
    } else {
        assert_fails(removal, in_use);
        assert!(refused.is_empty(), "it is still there");
    }
    used.len()
}

/// Checks that `result` is the error `expected`, by comparing their texts.
#[track_caller]
pub(crate) fn assert_fails<T>(result: Result<T>, expected: &Error) {
    match result {
        Ok(_) => panic!("succeeded instead of: {expected}"),
        Err(error) => assert_eq!(error.to_string(), expected.to_string()),
    }
}

/// Checks that `result` is a violation of the unique index `index`.
#[track_caller]
pub(crate) fn assert_unique<T>(result: Result<T>, index: &str) {
    match result {
        Ok(_) => panic!("{index} allowed the same value twice"),
        Err(error) => assert_eq!(error.unique_index(), Some(index), "{error}"),
    }
}

/// Checks that one of `results` is a success and all others are the error `defeat`.
#[track_caller]
pub(crate) fn only_winner<T>(results: Vec<Result<T>>, defeat: &Error) -> T {
    let (mut won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "one succeeds");
    for result in lost {
        assert_fails(result, defeat);
    }
    won.remove(0).unwrap_or_else(|error| panic!("{error}"))
}

/// The metrics of a campaign as the other handle sees them.
pub(crate) async fn metrics_of(db: &Opened, campaign_id: CampaignId) -> CampaignMetrics {
    let metrics = db.second.campaign_metrics.get(campaign_id).await;
    metrics.expect("a look-up").expect("the metrics record")
}

/// The totals of `n` e-mails without events.
pub(crate) fn only_sent(n: u64) -> Totals {
    Totals { sent: n, ..Totals::default() }
}

/// Reads a list in pages of `limit`, from the first to the last.
pub(crate) async fn pages<T>(
    limit: usize,
    list: impl AsyncFn(PageRequest) -> Result<Page<T>>,
) -> Vec<Vec<T>> {
    let mut request = PageRequest::new(limit).expect("a valid limit");
    let mut pages = Vec::new();
    loop {
        let page = list(request.clone()).await.expect("a page");
        pages.push(page.items);
        let Some(next) = page.next else { return pages };
        request = request.after(next);
    }
}

/// Records sends that are all new.
pub(crate) async fn record(db: &Opened, sends: Vec<NewSend>) {
    let expected = vec![SendOutcome::Recorded; sends.len()];
    let outcomes = db.store.email_tracking.record_sends(sends).await;
    assert_eq!(outcomes.expect("the outcomes"), expected);
}

/// `n` sends of the campaign, each to a different recipient.
pub(crate) fn sends(campaign: &Campaign, n: usize) -> Vec<NewSend> {
    (0..n).map(|i| send(campaign, &format!("recipient{i}@example.com"))).collect()
}
