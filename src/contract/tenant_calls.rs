//! Every method of every repository, called with the records of a user: by the repositories of that user, and by
//! those of a stranger.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::OnceLock;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;

use super::credentials::credentials;
use super::fixtures::{self, address, everything, login, new_campaign, new_mailbox};
use super::{Opened, start};
use crate::{
    Campaign, CampaignFilter, CampaignPatch, CampaignTransition, ClerkUser, ClerkUserId, EmailTracking,
    Error, LoginAttempt, LoginOutcome, LoginPassword, Mailbox, MailboxFilter, MailboxPatch, MailboxStatus,
    MetricsFilter, NewSend, NewUser, Page, RecordStream, ReencryptPlan, Repositories, Result, SeriesStep,
    Signal, TrackingEvent, TrackingFilter, TrackingId, User, UserFilter, UserPatch,
};

/// A user with a record of every kind, and a stranger.
#[derive(Debug)]
pub(super) struct World {
    pub(super) all: Repositories,
    pub(super) ada: User,
    pub(super) eve: User,
    pub(super) mailbox: Mailbox,
    /// No campaign needs it.
    pub(super) spare: Mailbox,
    pub(super) campaign: Campaign,
    pub(super) sent: TrackingId,
}

pub(super) const PASSWORD: &str = "correct horse";
pub(super) const CLERK_ID: &str = "user_ada";
const RECIPIENT: &str = "bob@example.com";

impl World {
    pub(super) async fn new(db: &Opened) -> Self {
        let password = LoginPassword::new(PASSWORD).expect("a valid password");
        let ada = NewUser::new("Ada", "ada").expect("valid names").password(password);
        let ada = ada.email("ada@example.com").expect("a valid address");
        let ada = ada.clerk_user_id(CLERK_ID).expect("a valid id");
        let ada = db.store.users.create(ada).await.expect("a free login id");
        let eve = fixtures::user(db, "eve").await;
        let secrets = credentials([Some("hunter 2"), Some("access1"), None]);
        let mailbox = new_mailbox(&ada, "ada@work.example").credentials(secrets);
        let mailbox = db.store.mailboxes.link(mailbox).await.expect("a free address");
        let spare = fixtures::mailbox(db, &ada, "spare@work.example").await;
        let campaign = fixtures::campaign(db, &ada, &mailbox).await;
        let send = fixtures::send(&campaign, RECIPIENT);
        let sent = send.id();
        fixtures::record(db, vec![send]).await;
        Self { all: db.store.clone(), ada, eve, mailbox, spare, campaign, sent }
    }

    fn send(&self, recipient: &str) -> NewSend {
        fixtures::send(&self.campaign, recipient)
    }

    async fn user_version(&self) -> chrono::DateTime<chrono::Utc> {
        let user = self.all.users.get(self.ada.id).await.expect("a look-up");
        user.expect("the user").updated_at
    }

    async fn mailbox_version(&self) -> chrono::DateTime<chrono::Utc> {
        let mailbox = self.all.mailboxes.get(self.mailbox.id).await.expect("a look-up");
        mailbox.expect("the mailbox").updated_at
    }

    async fn campaign_version(&self) -> chrono::DateTime<chrono::Utc> {
        let campaign = self.all.campaigns.get(self.campaign.id).await.expect("a look-up");
        campaign.expect("the campaign").updated_at
    }
}

/// A call, and what it answers to a stranger and to the owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) to_a_stranger: &'static str,
    pub(super) to_the_owner: &'static str,
    pub(super) run: Run,
}

type Run = for<'a> fn(&'a Repositories, &'a World) -> BoxFuture<'a, String>;

fn ok<T>(result: Result<T>) -> String {
    result.map_or_else(|error| name_of(&error), |_| "ok".to_owned())
}

fn found<T>(result: Result<Option<T>>) -> String {
    result.map_or_else(|error| name_of(&error), |found| some(found.is_some()))
}

fn outcome<T: Debug>(result: Result<Vec<T>>) -> String {
    result.map_or_else(|error| name_of(&error), |outcomes| format!("{:?}", outcomes[0]))
}

fn outcome_of_each<T: Debug>(mut results: Vec<Result<T>>) -> String {
    outcome(results.remove(0).map(|outcome| vec![outcome]))
}

fn some(is_there: bool) -> String {
    if is_there { "some" } else { "none" }.to_owned()
}

fn name_of(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Whether the pages have a record that `is_hers`.
fn listed<T>(pages: [Result<Page<T>>; 2], is_hers: impl Fn(&T) -> bool) -> String {
    some(pages.into_iter().any(|page| page.expect("a page").items.iter().any(&is_hers)))
}

async fn streamed<T>(streams: [Result<RecordStream<T>>; 2], is_hers: impl Fn(&T) -> bool) -> String {
    let mut records = Vec::new();
    for stream in streams {
        records.extend(stream.expect("a stream").try_collect::<Vec<_>>().await.expect("its records"));
    }
    some(records.iter().any(is_hers))
}

macro_rules! calls {
    ($($repository:ident.$method:ident: $stranger:literal, $owner:literal, |$store:ident, $world:ident| $call:expr;)*) => {
        vec![$(Call {
            name: concat!(stringify!($repository), ".", stringify!($method)),
            to_a_stranger: $stranger,
            to_the_owner: $owner,
            run: |repositories, $world| async move { let $store = &repositories.$repository; $call }.boxed(),
        },)*]
    };
}

/// All of them, in an order in which the owner's succeed.
pub(super) fn calls() -> &'static [Call] {
    static CALLS: OnceLock<Vec<Call>> = OnceLock::new();
    CALLS.get_or_init(|| [of_users(), of_mailboxes(), of_campaigns(), of_emails(), of_metrics()].concat())
}

fn of_users() -> Vec<Call> {
    calls! {
        users.create: "SystemOnly", "SystemOnly", |users, _world| {
            ok(users.create(fixtures::new_user("mallory")).await)
        };
        users.upsert_from_clerk: "SystemOnly", "SystemOnly", |users, _world| {
            let mallory = ClerkUser::new(CLERK_ID, "Mallory", "mallory", start()).expect("valid");
            ok(users.upsert_from_clerk(mallory).await)
        };
        users.delete_from_clerk: "SystemOnly", "SystemOnly", |users, _world| {
            ok(users.delete_from_clerk(&ClerkUserId::new(CLERK_ID).expect("a valid id"), start()).await)
        };
        users.get: "none", "some", |users, world| found(users.get(world.ada.id).await);
        users.find_by_login_id: "none", "some", |users, _world| {
            found(users.find_by_login_id(&login("ada")).await)
        };
        users.find_by_email: "none", "some", |users, _world| {
            found(users.find_by_email(&address("ada@example.com")).await)
        };
        users.find_by_clerk_user_id: "none", "some", |users, _world| {
            found(users.find_by_clerk_user_id(&ClerkUserId::new(CLERK_ID).expect("a valid id")).await)
        };
        users.update: "NotFound", "ok", |users, world| {
            let patch = UserPatch::new().user_name("Countess").expect("a valid name");
            ok(users.update(world.ada.id, patch, world.user_version().await).await)
        };
        users.set_password: "NotFound", "ok", |users, world| {
            let same = LoginPassword::new(PASSWORD).expect("a valid password");
            ok(users.set_password(world.ada.id, same).await)
        };
        users.verify_login: "none", "some", |users, _world| {
            let outcome = users.verify_login(LoginAttempt::new("ada", PASSWORD)).await.expect("an answer");
            some(matches!(outcome, LoginOutcome::Accepted(_)))
        };
        users.record_login: "NotFound", "ok", |users, world| ok(users.record_login(world.ada.id).await);
        users.set_active: "NotFound", "ok", |users, world| ok(users.set_active(world.ada.id, true).await);
        users.delete: "NotFound", "InUse", |users, world| ok(users.delete(world.ada.id).await);
        users.list: "none", "some", |users, world| {
            let (all, active) = (UserFilter::all(), UserFilter::all().active(true));
            let pages = [users.list(&all, &everything()).await, users.list(&active, &everything()).await];
            listed(pages, |user| user.id == world.ada.id)
        };
        users.stream: "none", "some", |users, world| {
            let (all, active) = (UserFilter::all(), UserFilter::all().active(true));
            streamed([users.stream(&all).await, users.stream(&active).await], |user| user.id == world.ada.id).await
        };
    }
}

fn of_mailboxes() -> Vec<Call> {
    calls! {
        mailboxes.link: "NotFound", "ok", |mailboxes, world| {
            ok(mailboxes.link(new_mailbox(&world.ada, "third@work.example")).await)
        };
        mailboxes.get: "none", "some", |mailboxes, world| found(mailboxes.get(world.mailbox.id).await);
        mailboxes.find_by_user_and_email: "none", "some", |mailboxes, world| {
            found(mailboxes.find_by_user_and_email(world.ada.id, &world.mailbox.email).await)
        };
        mailboxes.primary: "none", "some", |mailboxes, world| found(mailboxes.primary(world.ada.id).await);
        mailboxes.least_recently_used: "none", "some", |mailboxes, world| {
            found(mailboxes.least_recently_used(world.ada.id).await)
        };
        mailboxes.update: "NotFound", "ok", |mailboxes, world| {
            let version = world.mailbox_version().await;
            ok(mailboxes.update(world.mailbox.id, MailboxPatch::new().active(true), version).await)
        };
        mailboxes.set_primary: "NotFound", "ok", |mailboxes, world| {
            ok(mailboxes.set_primary(world.spare.id).await)
        };
        mailboxes.set_status: "NotFound", "ok", |mailboxes, world| {
            ok(mailboxes.set_status(world.mailbox.id, MailboxStatus::Active).await)
        };
        mailboxes.touch: "NotFound", "ok", |mailboxes, world| ok(mailboxes.touch(world.mailbox.id).await);
        mailboxes.unlink: "NotFound", "ok", |mailboxes, world| ok(mailboxes.unlink(world.spare.id).await);
        mailboxes.list: "none", "some", |mailboxes, world| {
            let (all, hers) = (MailboxFilter::all(), MailboxFilter::user(world.ada.id));
            let pages = [mailboxes.list(&all, &everything()).await, mailboxes.list(&hers, &everything()).await];
            listed(pages, |mailbox| mailbox.user_id == world.ada.id)
        };
        mailboxes.stream: "none", "some", |mailboxes, world| {
            let (all, hers) = (MailboxFilter::all(), MailboxFilter::user(world.ada.id));
            let streams = [mailboxes.stream(&all).await, mailboxes.stream(&hers).await];
            streamed(streams, |mailbox| mailbox.user_id == world.ada.id).await
        };
        mailbox_secrets.credentials: "none", "some", |secrets, world| {
            found(secrets.credentials(world.mailbox.id).await)
        };
        mailbox_secrets.refresh_tokens: "NotFound", "ok", |secrets, world| {
            let used = credentials([None, Some("access1"), None]);
            let fresh = credentials([None, Some("access2"), None]);
            ok(secrets.refresh_tokens(world.mailbox.id, &used, fresh).await)
        };
        mailbox_secrets.replace_credentials: "NotFound", "ok", |secrets, world| {
            ok(secrets.replace_credentials(world.mailbox.id, credentials([Some("hunter 3"), None, None])).await)
        };
        mailbox_secrets.reencrypt: "none", "some", |secrets, _world| {
            let reports = secrets.reencrypt(ReencryptPlan::new()).await.expect("a stream");
            let reports: Vec<_> = reports.try_collect().await.expect("its reports");
            some(reports.iter().any(|report| report.scanned > 0))
        };
    }
}

fn of_campaigns() -> Vec<Call> {
    calls! {
        campaigns.create: "NotFound", "ok", |campaigns, world| {
            ok(campaigns.create(new_campaign(&world.ada, &world.mailbox)).await)
        };
        campaigns.get: "none", "some", |campaigns, world| found(campaigns.get(world.campaign.id).await);
        campaigns.update: "NotFound", "ok", |campaigns, world| {
            let patch = CampaignPatch::new().mailbox(world.mailbox.id);
            ok(campaigns.update(world.campaign.id, patch, world.campaign_version().await).await)
        };
        campaigns.add_recipients: "NotFound", "ok", |campaigns, world| {
            ok(campaigns.add_recipients(world.campaign.id, 7.into()).await)
        };
        campaigns.start: "NotFound", "ok", |campaigns, world| ok(campaigns.start(world.campaign.id).await);
        campaigns.pause: "NotFound", "ok", |campaigns, world| ok(campaigns.pause(world.campaign.id).await);
        campaigns.resume: "NotFound", "ok", |campaigns, world| ok(campaigns.resume(world.campaign.id).await);
        campaigns.transition: "NotFound", "ok", |campaigns, world| {
            ok(campaigns.transition(world.campaign.id, CampaignTransition::Pause).await)
        };
        campaigns.reschedule: "NotFound", "ok", |campaigns, world| {
            ok(campaigns.reschedule(world.campaign.id).await)
        };
        campaigns.claim_due: "none", "some", |campaigns, world| {
            let claimed = campaigns.claim_due(world.campaign.start_time, 10).await;
            some(!claimed.expect("the claimed ones").is_empty())
        };
        campaigns.complete: "NotFound", "ok", |campaigns, world| {
            ok(campaigns.complete(world.campaign.id).await)
        };
        campaigns.cancel: "NotFound", "IllegalStatus", |campaigns, world| {
            ok(campaigns.cancel(world.campaign.id).await)
        };
        campaigns.complete_expired: "none", "some", |campaigns, world| {
            let completed = campaigns.complete_expired(world.campaign.end_time).await;
            some(completed.expect("their number") > 0)
        };
        campaigns.count_by_status: "none", "some", |campaigns, _world| {
            some(campaigns.count_by_status().await.expect("the counts").total() > 0)
        };
        campaigns.list: "none", "some", |campaigns, world| {
            let (all, hers) = (CampaignFilter::all(), CampaignFilter::user(world.ada.id));
            let pages = [campaigns.list(&all, &everything()).await, campaigns.list(&hers, &everything()).await];
            listed(pages, |campaign| campaign.user_id == world.ada.id)
        };
        campaigns.list_summaries: "none", "some", |campaigns, world| {
            let (all, hers) = (CampaignFilter::all().mailbox(world.mailbox.id), CampaignFilter::user(world.ada.id));
            let all = campaigns.list_summaries(&all, &everything()).await;
            let hers = campaigns.list_summaries(&hers, &everything()).await;
            listed([all, hers], |campaign| campaign.user_id == world.ada.id)
        };
        campaigns.stream: "none", "some", |campaigns, world| {
            let (all, hers) = (CampaignFilter::all(), CampaignFilter::user(world.ada.id));
            let streams = [campaigns.stream(&all).await, campaigns.stream(&hers).await];
            streamed(streams, |campaign| campaign.user_id == world.ada.id).await
        };
        campaigns.stream_summaries: "none", "some", |campaigns, world| {
            let (all, hers) = (CampaignFilter::all(), CampaignFilter::user(world.ada.id));
            let streams = [campaigns.stream_summaries(&all).await, campaigns.stream_summaries(&hers).await];
            streamed(streams, |campaign| campaign.user_id == world.ada.id).await
        };
    }
}

fn of_metrics() -> Vec<Call> {
    calls! {
        campaign_metrics.get: "none", "some", |metrics, world| found(metrics.get(world.campaign.id).await);
        campaign_metrics.list: "none", "some", |metrics, world| {
            let (all, hers) = (MetricsFilter::all(), MetricsFilter::campaigns([world.campaign.id]));
            let pages = [metrics.list(&all, &everything()).await, metrics.list(&hers, &everything()).await];
            listed(pages, |metrics| metrics.user_id == world.ada.id)
        };
        campaign_metrics.totals: "none", "some", |metrics, world| {
            let mut sent = 0;
            for filter in filters_of_metrics(world) {
                sent += metrics.totals(&filter).await.expect("a sum").totals.sent;
            }
            some(sent > 0)
        };
        campaign_metrics.mailbox_totals: "none", "some", |metrics, world| {
            let day = start()..start() + TimeDelta::days(1);
            let sum = metrics.mailbox_totals(world.mailbox.id, day).await.expect("a sum");
            some(sum.totals.sent > 0)
        };
        campaign_metrics.series: "none", "some", |metrics, world| {
            let mut points = Vec::new();
            for filter in filters_of_metrics(world) {
                let period = start()..start() + TimeDelta::days(1);
                let series = metrics.series(&filter, Signal::Opened, SeriesStep::Day, period).await;
                points.extend(series.expect("a series"));
            }
            some(!points.is_empty())
        };
        campaign_metrics.recount: "NotFound", "ok", |metrics, world| {
            ok(metrics.recount(world.campaign.id).await)
        };
        campaign_metrics.recount_all: "none", "some", |metrics, _world| {
            let reports: Vec<_> = metrics.recount_all().await.expect("a stream").try_collect().await.expect("reports");
            some(reports.iter().any(|report| report.checked > 0))
        };
        // Nothing has drifted.
        campaign_metrics.drift: "none", "none", |metrics, _world| {
            let drifts: Vec<_> = metrics.drift().await.expect("a stream").try_collect().await.expect("drifts");
            some(!drifts.is_empty())
        };
    }
}

/// The filters by which the metrics of the campaign are found.
fn filters_of_metrics(world: &World) -> [MetricsFilter; 4] {
    [
        MetricsFilter::all(),
        MetricsFilter::user(world.ada.id),
        MetricsFilter::mailbox(world.mailbox.id),
        MetricsFilter::campaigns([world.campaign.id]),
    ]
}

#[expect(clippy::too_many_lines, reason = "a list of calls")]
fn of_emails() -> Vec<Call> {
    fn filters(world: &World) -> [TrackingFilter; 2] {
        [TrackingFilter::all().state(Signal::Opened), TrackingFilter::campaign(world.campaign.id)]
    }
    fn is_hers(world: &World) -> impl Fn(&EmailTracking) -> bool {
        |row| row.user_id == world.ada.id
    }
    calls! {
        email_tracking.record_events: "UnknownTracking", "First", |tracking, world| {
            outcome(tracking.record_events(vec![TrackingEvent::opened(world.sent, start())]).await)
        };
        email_tracking.record_events_each: "UnknownTracking", "First", |tracking, world| {
            let bounced = TrackingEvent::unsubscribed(world.sent, start());
            outcome_of_each(tracking.record_events_each(vec![bounced]).await)
        };
        email_tracking.record_sends: "UnknownCampaign", "Recorded", |tracking, world| {
            outcome(tracking.record_sends(vec![world.send("carol@example.com")]).await)
        };
        // It was recorded before, which a stranger does not learn.
        email_tracking.record_sends_each: "UnknownCampaign", "AlreadyRecorded", |tracking, world| {
            outcome_of_each(tracking.record_sends_each(vec![world.send(RECIPIENT)]).await)
        };
        email_tracking.get: "none", "some", |tracking, world| found(tracking.get(world.sent).await);
        email_tracking.recorded: "none", "some", |tracking, world| {
            let recorded: HashSet<_> = tracking.recorded(&[world.sent]).await.expect("an answer");
            some(!recorded.is_empty())
        };
        email_tracking.find_by_campaign_and_recipient: "none", "some", |tracking, world| {
            let recipient = address(RECIPIENT);
            let page = tracking.find_by_campaign_and_recipient(world.campaign.id, &recipient).await;
            some(!page.expect("a page").items.is_empty())
        };
        email_tracking.is_suppressed: "NotFound", "ok", |tracking, world| {
            let suppressed = tracking.is_suppressed(world.ada.id, &address(RECIPIENT)).await;
            assert!(suppressed != Ok(false), "the recipient unsubscribed");
            ok(suppressed)
        };
        email_tracking.suppressed: "NotFound", "ok", |tracking, world| {
            let suppressed = tracking.suppressed(world.ada.id, &[address(RECIPIENT)]).await;
            assert!(suppressed.as_ref().is_ok_and(|found| found.len() == 1) || suppressed.is_err());
            ok(suppressed)
        };
        email_tracking.list: "none", "some", |tracking, world| {
            let [all, hers] = filters(world);
            let pages = [tracking.list(&all, &everything()).await, tracking.list(&hers, &everything()).await];
            listed(pages, is_hers(world))
        };
        email_tracking.list_summaries: "none", "some", |tracking, world| {
            let [all, hers] = filters(world);
            let all = tracking.list_summaries(&all, &everything()).await;
            let hers = tracking.list_summaries(&hers, &everything()).await;
            listed([all, hers], |row| row.user_id == world.ada.id)
        };
        email_tracking.stream: "none", "some", |tracking, world| {
            let [all, hers] = filters(world);
            streamed([tracking.stream(&all).await, tracking.stream(&hers).await], is_hers(world)).await
        };
        email_tracking.stream_summaries: "none", "some", |tracking, world| {
            let [all, hers] = filters(world);
            let streams = [tracking.stream_summaries(&all).await, tracking.stream_summaries(&hers).await];
            streamed(streams, |row| row.user_id == world.ada.id).await
        };
        email_tracking.stream_ids: "none", "some", |tracking, world| {
            let [all, hers] = filters(world);
            streamed([tracking.stream_ids(&all).await, tracking.stream_ids(&hers).await], |id| *id == world.sent).await
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::calls;

    #[test]
    fn every_method_of_every_repository_is_called_once() {
        let traits = [
            ("users", include_str!("../repository/user.rs")),
            ("mailboxes", include_str!("../repository/mailbox.rs")),
            ("mailbox_secrets", include_str!("../repository/mailbox_secrets.rs")),
            ("campaigns", include_str!("../repository/campaign.rs")),
            ("campaign_metrics", include_str!("../repository/campaign_metrics.rs")),
            ("email_tracking", include_str!("../repository/email_tracking.rs")),
        ];
        let methods: BTreeSet<String> = traits
            .iter()
            .flat_map(|(repository, source)| {
                // Not those of examples.
                let lines = source.lines().map(str::trim_start).filter(|line| !line.starts_with("///"));
                let methods = lines.filter_map(|line| line.strip_prefix("async fn ")?.split('(').next());
                methods.map(move |method| format!("{repository}.{method}"))
            })
            .collect();
        let called: Vec<_> = calls().iter().map(|call| call.name.to_owned()).collect();
        assert_eq!(called.iter().cloned().collect::<BTreeSet<_>>(), methods);
        assert_eq!(called.len(), methods.len());
    }
}
