//! Calls end: at their deadline, beside others that wait, and when the store is closed.

use std::time::{Duration, Instant};

use bson::doc;
use campaign_store::{
    CampaignFilter, CampaignId, CampaignPatch, CampaignTransition, ClerkUser, ClerkUserId, Credentials,
    EmailAddress, Error, Invalid, LoginAttempt, LoginId, LoginPassword, MailboxFilter, MailboxPatch,
    MailboxStatus, MetricsFilter, MongoOptions, MongoStore, NewRecipients, PageRequest, PasswordOptions,
    PasswordPolicy, Problem, Repositories, SeriesStep, Signal, TrackingEvent, TrackingFilter, UserFilter,
    UserPatch, contract,
};
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, ClientSession};

use super::connecting::in_time;
use super::fail_point::{Failures, with_app_name};
use super::{Scene, error_of, new_campaign, new_mailbox, new_sends, new_user, scene};
use crate::support::database::TestDatabase;
use crate::support::server;

const LIMIT: Duration = Duration::from_secs(1);
/// What a call may take over its limit.
const SLACK: Duration = Duration::from_secs(1);

fn options(uri: &str, database: &TestDatabase) -> MongoOptions {
    let cheap = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
    MongoOptions::new(uri, &database.name).clock(database.clock.clone()).passwords(cheap)
}

/// Every call of every repository, with its name and its result.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn every_call<'a>(
    store: &'a Repositories,
    scene: &'a Scene,
) -> Vec<(&'static str, BoxFuture<'a, Result<(), Error>>)> {
    let Repositories {
        users, mailboxes, mailbox_secrets, campaigns, campaign_metrics, email_tracking, ..
    } = store;
    let (user, mailbox, campaign) = (&scene.user, &scene.mailbox, &scene.campaign);
    let (now, page) = (contract::start(), PageRequest::default());
    let bob = EmailAddress::new("bob@canary.example").expect("an address");

    let password = || LoginPassword::new("correct horse").expect("a password");
    let send = new_sends(campaign, &["bob"]).remove(0);
    let opened = TrackingEvent::opened(send.id(), now);
    macro_rules! calls {
        ($($repository:ident.$method:ident($($argument:expr),*);)*) => {
            vec![$((
                concat!(stringify!($repository), ".", stringify!($method)),
                {
                    let call = $repository.$method($($argument),*);
                    async move { call.await.map(drop) }.boxed()
                },
            )),*]
        };
    }
    // What is borrowed by a call must live as long as the calls.
    let bob: &'static EmailAddress = Box::leak(Box::new(bob));
    let page: &'static PageRequest = Box::leak(Box::new(page));
    let clerk_id: &'static ClerkUserId = Box::leak(Box::new(ClerkUserId::new("user_canary").expect("an id")));
    let login: &'static LoginId = Box::leak(Box::new(LoginId::new("canary").expect("a login id")));
    let filters: &'static _ = Box::leak(Box::new((
        UserFilter::all(),
        MailboxFilter::all(),
        CampaignFilter::all(),
        MetricsFilter::all(),
        TrackingFilter::all(),
    )));
    let used: &'static Credentials = Box::leak(Box::new(Credentials::default()));
    let period = now..now + TimeDelta::days(1);
    calls! {
        users.create(new_user("eve").password(password()));
        users.get(user.id);
        users.find_by_login_id(login);
        users.find_by_email(bob);
        users.find_by_clerk_user_id(clerk_id);
        users.update(user.id, UserPatch::default(), user.updated_at);
        users.upsert_from_clerk(ClerkUser::new("user_canary", "Eve", "eve", now).expect("valid"));
        users.delete_from_clerk(clerk_id, now);
        users.set_password(user.id, password());
        users.verify_login(LoginAttempt::new("canary", "correct horse"));
        users.record_login(user.id);
        users.set_active(user.id, true);
        users.delete(user.id);
        users.list(&filters.0, page);
        mailboxes.link(new_mailbox(user, "eve"));
        mailboxes.get(mailbox.id);
        mailboxes.find_by_user_and_email(user.id, bob);
        mailboxes.primary(user.id);
        mailboxes.least_recently_used(user.id);
        mailboxes.update(mailbox.id, MailboxPatch::default(), mailbox.updated_at);
        mailboxes.set_primary(mailbox.id);
        mailboxes.set_status(mailbox.id, MailboxStatus::Active);
        mailboxes.touch(mailbox.id);
        mailboxes.unlink(mailbox.id);
        mailboxes.list(&filters.1, page);
        mailbox_secrets.credentials(mailbox.id);
        mailbox_secrets.replace_credentials(mailbox.id, Credentials::default());
        mailbox_secrets.refresh_tokens(mailbox.id, used, Credentials::default());
        campaigns.create(new_campaign(mailbox));
        campaigns.get(campaign.id);
        campaigns.update(
            campaign.id,
            CampaignPatch::new().mailbox(mailbox.id),
            campaign.updated_at
        );
        campaigns.transition(campaign.id, CampaignTransition::Cancel);
        campaigns.transition(campaign.id, CampaignTransition::Start);
        campaigns.claim_due(now, 1);
        campaigns.complete_expired(now);
        campaigns.count_by_status();
        campaigns.add_recipients(campaign.id, NewRecipients::new(1).key("canary").expect("a key"));
        campaigns.list(&filters.2, page);
        campaign_metrics.get(campaign.id);
        campaign_metrics.list(&filters.3, page);
        campaign_metrics.totals(&filters.3);
        campaign_metrics.mailbox_totals(mailbox.id, period.clone());
        campaign_metrics.series(&filters.3, Signal::Opened, SeriesStep::Day, period);
        email_tracking.record_sends(vec![send.clone()]);
        email_tracking.record_events(vec![opened]);
        email_tracking.get(send.id());
        email_tracking.find_by_campaign_and_recipient(campaign.id, bob);
        email_tracking.is_suppressed(user.id, bob);
        email_tracking.suppressed(user.id, std::slice::from_ref(bob));
        email_tracking.list(&filters.4, page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_ends_at_its_deadline_while_the_server_does_not_answer() {
    let database = TestDatabase::new();
    let failures = Failures::of(&database.name).await;
    let scene = scene(&database.provisioned().await.system()).await;
    let uri = with_app_name(server::uri(), &database.name);
    let store = MongoStore::connect_with(options(&uri, &database).operation_timeout(LIMIT)).await.unwrap();
    let commands = ["find", "aggregate", "insert", "update", "delete", "findAndModify", "commitTransaction"];
    let pause = doc! { "blockConnection": true, "blockTimeMS": 6_000 };
    failures.fail("alwaysOn", &commands, pause).await;
    let store = store.system();
    let timed = every_call(&store, &scene).into_iter().map(|(name, call)| async move {
        let begun = Instant::now();
        (name, call.await, begun.elapsed())
    });
    let ended = join_all(timed).await;
    failures.stop().await;
    assert!(ended.len() > 45);
    for (name, result, taken) in ended {
        assert!(matches!(result, Err(Error::Unavailable { .. })), "{name}: {result:?}");
        assert!(taken < LIMIT + SLACK, "{name} took {taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_in_a_time_out_can_be_repeated_and_is_there_once() {
    let database = TestDatabase::new();
    let failures = Failures::of(&database.name).await;
    let sound = database.provisioned().await.system();
    let scene = scene(&sound).await;
    let uri = with_app_name(server::uri(), &database.name);
    let store = MongoStore::connect_with(options(&uri, &database).operation_timeout(LIMIT)).await.unwrap();
    let store = store.system();
    let id = CampaignId::from(uuid::Uuid::from_u128(7));
    let new = new_campaign(&scene.mailbox).id(id);
    let import = NewRecipients::new(5).key("import").unwrap();
    let eve = ClerkUser::new("user_eve", "Eve", "eve", contract::start()).unwrap();
    // What is committed late, and what never is.
    for pause in [1_300, 20_000] {
        failures
            .fail("alwaysOn", &["commitTransaction"], doc! { "blockConnection": true, "blockTimeMS": pause })
            .await;
        let created = store.campaigns.create(new.clone());
        let added = store.campaigns.add_recipients(scene.campaign.id, import.clone());
        let upserted = store.users.upsert_from_clerk(eve.clone());
        let (created, added, upserted) = futures_util::join!(created, added, upserted);
        assert!(matches!(created, Err(Error::Unavailable { .. })), "{created:?}");
        assert!(matches!(added, Err(Error::Unavailable { .. })), "{added:?}");
        assert!(matches!(upserted, Err(Error::Unavailable { .. })), "{upserted:?}");
        tokio::time::sleep(Duration::from_millis(700)).await;
        failures.stop().await;
    }
    for _ in 0..2 {
        assert_eq!(sound.campaigns.create(new.clone()).await.unwrap().id, id);
        let campaign = sound.campaigns.add_recipients(scene.campaign.id, import.clone()).await.unwrap();
        assert_eq!(campaign.total_recipients, scene.campaign.total_recipients + 5);
        sound.users.upsert_from_clerk(eve.clone()).await.unwrap();
    }
    for (collection, n) in [("campaigns", 2), ("campaign_metrics", 2), ("users", 2), ("clerk_users", 1)] {
        let found = database.collection(collection).await.count_documents(doc! {}).await.unwrap();
        assert_eq!(found, n, "{collection}");
    }
}

/// A transaction of another program that has changed a document, and so holds it.
async fn holding(database: &TestDatabase, collection: &str, filter: bson::Document) -> ClientSession {
    let client = Client::with_uri_str(server::uri()).await.expect("the test server answers");
    let mut session = client.start_session().await.expect("a session");
    session.start_transaction().await.expect("a transaction");
    let collection = client.database(&database.name).collection::<bson::Document>(collection);
    let change = doc! { "$set": { "held": true } };
    let changed = collection.update_one(filter, change).session(&mut session).await.expect("an update");
    assert_eq!(changed.matched_count, 1);
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_for_a_document_leave_connections_to_the_others() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let scene = scene(&store).await;
    let other = store.mailboxes.link(new_mailbox(&scene.user, "other")).await.unwrap();
    let mut holder = holding(&database, "mailboxes", doc! { "_id": scene.mailbox.id.as_object_id() }).await;
    let touches: Vec<_> = (0..15)
        .map(|_| {
            let (mailboxes, id) = (store.mailboxes.clone(), scene.mailbox.id);
            tokio::spawn(async move { mailboxes.touch(id).await })
        })
        .collect();
    // By now they wait, as many as can.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let others = async {
        store.users.get(scene.user.id).await.unwrap().unwrap();
        store.campaigns.create(new_campaign(&other)).await.unwrap();
        store.email_tracking.record_sends(new_sends(&scene.campaign, &["bob"])).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(4), others).await.expect("connections for the others");
    assert!(touches.iter().all(|touch| !touch.is_finished()), "they still wait");
    holder.commit_transaction().await.unwrap();
    for touch in touches {
        touch.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_one_campaign_end_at_their_deadlines_and_not_one_after_the_other() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let scene = scene(&store.system()).await;
    let sends = new_sends(&scene.campaign, &["bob"]);
    let id = sends[0].id();
    store.system().email_tracking.record_sends(sends).await.unwrap();
    let campaign = scene.campaign.id.to_string();
    let mut holder = holding(&database, "campaign_metrics", doc! { "campaign_id": campaign }).await;
    let impatient = store.with_operation_timeout(LIMIT).system();
    let callers = (0..20).map(|_| async {
        let begun = Instant::now();
        let recorded =
            impatient.email_tracking.record_events(vec![TrackingEvent::opened(id, contract::start())]).await;
        (recorded, begun.elapsed())
    });
    for (recorded, taken) in join_all(callers).await {
        assert!(matches!(recorded, Err(Error::Unavailable { .. })), "{recorded:?}");
        assert!(taken < LIMIT + SLACK, "{taken:?}");
    }
    holder.abort_transaction().await.unwrap();
    // Those who gave up have left nothing behind that is in the way.
    let event = TrackingEvent::opened(id, contract::start());
    store.system().email_tracking.record_events(vec![event]).await.unwrap();
    let metrics = store.system().campaign_metrics.get(scene.campaign.id).await.unwrap().unwrap();
    assert_eq!((metrics.totals.sent, metrics.totals.opened), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_lets_calls_end_and_refuses_others() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    let scene = scene(&store.system()).await;
    let mut holder = holding(&database, "mailboxes", doc! { "_id": scene.mailbox.id.as_object_id() }).await;
    let (mailboxes, id) = (store.system().mailboxes, scene.mailbox.id);
    let touch = tokio::spawn(async move { mailboxes.touch(id).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    // A session that lives would keep the driver's own shutdown waiting for ever.
    let _session = store.database().client().start_session().await.unwrap();
    let closing = tokio::spawn({
        let store = store.with_operation_timeout(Duration::from_secs(3));
        async move { store.close().await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder.commit_transaction().await.unwrap();
    touch.await.unwrap().expect("what was begun ends");
    in_time(closing).await.unwrap();
    assert_eq!(error_of(store.system().users.get(scene.user.id).await), Error::ShutDown);
    let events = store.system().email_tracking.record_sends(new_sends(&scene.campaign, &["a"])).await;
    assert_eq!(error_of(events), Error::ShutDown);
}

#[tokio::test]
async fn a_store_on_a_client_of_the_caller_leaves_it_open_and_keeps_the_promises() {
    let database = TestDatabase::new();
    database.provisioned().await;
    let mut weak = ClientOptions::parse(server::uri()).await.unwrap();
    let client = Client::with_options(weak.clone()).unwrap();
    let store = MongoStore::from_client(client.clone(), &database.name).await.unwrap();
    let user = store.system().users.create(new_user("ada")).await.unwrap();
    let concern = store.database().write_concern().cloned().expect("a write concern");
    assert_eq!(concern.w, WriteConcern::majority().w);
    store.close().await;
    assert_eq!(error_of(store.system().users.get(user.id).await), Error::ShutDown);
    let users = client.database(&database.name).collection::<bson::Document>("users");
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 1);

    weak.write_concern = Some(WriteConcern::nodes(1));
    let refused = MongoStore::from_client(Client::with_options(weak).unwrap(), &database.name).await;
    assert_eq!(error_of(refused), Error::Invalid(Invalid::new("client", Problem::WeakWriteConcern)));
}
