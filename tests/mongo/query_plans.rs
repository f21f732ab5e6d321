//! Every query is served by an index: the tests explain the queries that the server ran and search the plans
//! for collection scans.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::collections::{BTreeMap, BTreeSet};

use campaign_store::{
    AccessToken, BounceKind, CampaignDuration, CampaignFilter, CampaignPatch, CampaignStatus, ClerkUser,
    ClerkUserId, Collection, Credentials, EmailAddress, LoginAttempt, LoginPassword, Mailbox, MailboxFilter,
    MailboxPassword, MailboxPatch, MailboxStatus, MetricsFilter, MongoStore, NewCampaign, NewMailbox,
    NewSend, NewUser, Order, Page, PageRequest, PasswordOptions, Provider, RecordStream, ReencryptPlan,
    Repositories, Result, SeriesStep, Signal, TrackingEvent, TrackingFilter, User, UserFilter, UserPatch,
    contract,
};
use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use crate::support::database::TestDatabase;

/// The commands that search.
const SEARCHING: [&str; 6] = ["find", "aggregate", "update", "delete", "findAndModify", "count"];

/// The commands that do not: they write, go on with a search, or prepare the database.
const OTHERS: [&str; 6] = ["insert", "getMore", "createIndexes", "listIndexes", "create", "explain"];

/// How the one command begins that may scan a collection.
const COUNT_EVERY_ROW: &str = "aggregate email_tracking pipeline: [{$group ";

/// What at least must be seen; otherwise the test could pass by seeing nothing.
const EXPECTED: [&str; 26] = [
    "aggregate campaign_metrics",
    "aggregate campaigns",
    "aggregate email_tracking",
    "delete mailboxes",
    "delete users",
    "find campaign_metrics",
    "find campaigns",
    "find clerk_users",
    "find email_tracking",
    "find event_receipts",
    "find mailboxes",
    "find users",
    "findAndModify campaign_metrics",
    "findAndModify campaigns",
    "findAndModify clerk_users",
    "findAndModify mailboxes",
    "findAndModify users",
    "update campaign_metrics",
    "update campaigns",
    "update email_tracking",
    "update mailboxes",
    "update users",
    "update mailboxes updates: [{q {_id } u {$set {password }}",
    COUNT_EVERY_ROW,
    "update users updates: [{q {_id } u {$set {_lock }}",
    "update users updates: [{q {_id  password }",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_scans_a_collection() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    let store = mongo.system();
    let driver = database.driver().await;
    profile(&driver).await;
    let people = populate(&store).await.expect("valid inputs");
    ask_secrets(&database, &people).await.expect("valid inputs");
    ask_clerk(&store).await.expect("valid inputs");
    ask_everything(&store, &people).await.expect("valid inputs");
    let one = people.get(1..2).expect("there are people");
    let within = mongo.of(one.first().expect("one of them").0.id);
    ask_everything(&within, one).await.expect("valid inputs");
    driver.run_command(doc! { "profile": 0 }).await.expect("the profiler stops");

    let commands = recorded(&driver).await;
    let mut scans = Vec::new();
    for (shape, command) in &commands {
        let plan = driver.run_command(doc! { "explain": command, "verbosity": "queryPlanner" }).await;
        let plan = plan.unwrap_or_else(|error| panic!("{shape} cannot be explained: {error}"));
        let plan = Bson::Document(plan);
        let stages = stages_of(&plan);
        assert!(!stages.is_empty(), "{shape} has no plan");
        if stages.contains("COLLSCAN") && !counts_every_row(command) {
            scans.push(shape);
        }
    }
    assert!(scans.is_empty(), "without an index: {scans:#?}");
    for expected in EXPECTED {
        assert!(commands.keys().any(|shape| shape.starts_with(expected)), "{expected} was not recorded");
    }
    assert!(commands.len() >= 190, "only {} shapes", commands.len());
}

/// Records every command of the database.
pub(super) async fn profile(driver: &Database) {
    // Large enough that it forgets nothing.
    driver.create_collection("system.profile").capped(true).size(64 << 20).await.expect("a profile");
    driver.run_command(doc! { "profile": 2 }).await.expect("the profiler starts");
}

/// Users with mailboxes, campaigns and sends, enough for an index to be worth its while.
pub(super) async fn populate(store: &Repositories) -> Result<Vec<(User, Mailbox)>> {
    let mut people = Vec::new();
    for n in 0..20 {
        let new =
            NewUser::new(format!("User {n}"), format!("user{n}"))?.email(format!("user{n}@example.com"))?;
        let new = new.clerk_user_id(format!("clerk_{n}"))?.password(LoginPassword::new("hunter 22")?);
        let user = store.users.create(new).await?;
        store
            .mailboxes
            .link(NewMailbox::new(user.id, format!("user{n}@work.example"), Provider::Gmail)?)
            .await?;
        let mailbox = NewMailbox::new(user.id, format!("user{n}@lab.example"), Provider::Outlook)?
            .password(MailboxPassword::new("hunter 2")?);
        let mailbox = store.mailboxes.link(mailbox).await?;
        let (start, day) = (contract::start(), CampaignDuration::hours(24.0)?);
        let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, day)?;
        let campaign = store.campaigns.create(new).await?;
        let sends = (0..20).map(|i| {
            NewSend::new(
                &campaign,
                &contract::sender_of(&campaign, "a@work.example"),
                format!("r{i}@example.com"),
                start,
            )
        });
        store.email_tracking.record_sends(sends.collect::<Result<_, _>>()?).await?;
        people.push((user, mailbox));
    }
    Ok(people)
}

/// Calls every method, with every filter.
pub(super) async fn ask_everything(store: &Repositories, people: &[(User, Mailbox)]) -> Result<()> {
    let (user, mailbox) = people.first().expect("there are people");
    ask_users(store, user).await?;
    ask_mailboxes(store, user, mailbox).await?;
    ask_campaigns(store, user, mailbox).await?;
    ask_metrics(store, user, mailbox).await?;
    ask_tracking(store, user).await?;
    let (user, _) = people.last().expect("there are people");
    let campaigns = store.campaigns.list(&CampaignFilter::user(user.id), &PageRequest::default()).await?;
    for campaign in campaigns.items.iter().filter(|campaign| !campaign.status.is_final()) {
        store.campaigns.cancel(campaign.id).await?;
    }
    for mailbox in store.mailboxes.list(&MailboxFilter::user(user.id), &PageRequest::default()).await?.items {
        store.mailboxes.unlink(mailbox.id).await?;
    }
    store.users.delete(user.id).await
}

/// Passwords and secrets, some with outgrown hashes and keys.
async fn ask_secrets(database: &TestDatabase, people: &[(User, Mailbox)]) -> Result<()> {
    let vault = contract::vault(&[contract::key(2, 2), contract::key(1, 1)]).await;
    let options = database.options().await.vault(vault).passwords(PasswordOptions::new());
    let store = MongoStore::connect_with(options).await?.system();
    let (user, mailbox) = people.first().expect("there are people");
    for login_id in [user.login_id.as_str(), "nobody"] {
        store.users.verify_login(LoginAttempt::new(login_id, "hunter 22")).await?;
    }
    store.users.set_password(user.id, LoginPassword::new("hunter 33")?).await?;
    let tokens = Credentials::new().access_token(AccessToken::new("a")?);
    let secrets = &store.mailbox_secrets;
    secrets.replace_credentials(mailbox.id, tokens.clone()).await?;
    secrets.refresh_tokens(mailbox.id, &tokens, tokens.clone()).await?;
    secrets.credentials(mailbox.id).await?;
    let reports = secrets.reencrypt(ReencryptPlan::new().batch_size(15)).await?;
    let reports: Vec<_> = reports.try_collect().await?;
    assert!(reports.last().is_some_and(|report| report.rewritten > 15), "{reports:?}");
    Ok(())
}

pub(super) async fn ask_clerk(store: &Repositories) -> Result<()> {
    let users = &store.users;
    users.upsert_from_clerk(ClerkUser::new("clerk_0", "User 0", "user0", contract::start())?).await?;
    users.upsert_from_clerk(ClerkUser::new("clerk_new", "New", "new", contract::start())?).await?;
    users.delete_from_clerk(&ClerkUserId::new("clerk_new")?, contract::start()).await.map(drop)
}

pub(super) async fn ask_users(store: &Repositories, user: &User) -> Result<()> {
    let users = &store.users;
    let id = user.id;
    users.get(id).await?;
    users.find_by_login_id(&user.login_id).await?;
    users.find_by_email(user.email.as_ref().expect("an address")).await?;
    users.find_by_clerk_user_id(user.clerk_user_id.as_ref().expect("a Clerk id")).await?;
    users.set_active(id, true).await?;
    let latest = users.record_login(id).await?;
    users.update(id, UserPatch::new().clear_email(), latest.updated_at).await?;
    users.update(id, UserPatch::new(), user.updated_at).await.expect_err("a stale version");
    for filter in [UserFilter::all(), UserFilter::all().active(true)] {
        read(async |page| users.list(&filter, &page).await, users.stream(&filter).await?).await?;
    }
    Ok(())
}

pub(super) async fn ask_mailboxes(store: &Repositories, user: &User, mailbox: &Mailbox) -> Result<()> {
    let mailboxes = &store.mailboxes;
    let id = mailbox.id;
    mailboxes.get(id).await?;
    mailboxes.find_by_user_and_email(user.id, &mailbox.email).await?;
    mailboxes.primary(user.id).await?;
    mailboxes.least_recently_used(user.id).await?;
    mailboxes.set_primary(id).await?;
    mailboxes.set_status(id, MailboxStatus::Active).await?;
    let latest = mailboxes.touch(id).await?;
    mailboxes.update(id, MailboxPatch::new().active(true), latest.updated_at).await?;
    mailboxes.update(id, MailboxPatch::new(), mailbox.updated_at).await.expect_err("a stale version");
    for base in [MailboxFilter::all(), MailboxFilter::user(user.id)] {
        for base in [base.clone(), base.email(mailbox.email.clone())] {
            for base in [base.clone(), base.active(true)] {
                for filter in [base.clone(), base.status(MailboxStatus::Active)] {
                    read(async |page| mailboxes.list(&filter, &page).await, mailboxes.stream(&filter).await?)
                        .await?;
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn ask_campaigns(store: &Repositories, user: &User, mailbox: &Mailbox) -> Result<()> {
    let campaigns = &store.campaigns;
    let now = contract::start() + TimeDelta::hours(1);
    let due = campaigns.list(&CampaignFilter::user(user.id), &PageRequest::default()).await?;
    let campaign = due.items.first().expect("a campaign").clone();
    campaigns.get(campaign.id).await?;
    campaigns.add_recipients(campaign.id, 3.into()).await?;
    let paused = campaigns.pause(campaign.id).await?;
    let patch = CampaignPatch::new().mailbox(mailbox.id).start_time(contract::start())?;
    campaigns.update(campaign.id, patch, paused.updated_at).await?;
    campaigns.complete(campaign.id).await.expect_err("an illegal transition");
    campaigns.reschedule(campaign.id).await?;
    campaigns.claim_due(now, 5).await?;
    campaigns.complete_expired(now).await?;
    campaigns.count_by_status().await?;
    for base in [CampaignFilter::all(), CampaignFilter::user(user.id)] {
        for filter in [
            base.clone(),
            base.clone().mailbox(mailbox.id),
            base.clone().status(CampaignStatus::Active),
            base.clone().mailbox(mailbox.id).status(CampaignStatus::Active),
        ] {
            read(async |page| campaigns.list(&filter, &page).await, campaigns.stream(&filter).await?).await?;
            let summaries = campaigns.stream_summaries(&filter).await?;
            read(async |page| campaigns.list_summaries(&filter, &page).await, summaries).await?;
        }
    }
    Ok(())
}

async fn ask_metrics(store: &Repositories, user: &User, mailbox: &Mailbox) -> Result<()> {
    let metrics = &store.campaign_metrics;
    let all = metrics.list(&MetricsFilter::all(), &PageRequest::default()).await?;
    let ids: Vec<_> = all.items.iter().map(|metrics| metrics.campaign_id).collect();
    metrics.get(*ids.first().expect("a campaign")).await?;
    for filter in [
        MetricsFilter::all(),
        MetricsFilter::user(user.id),
        MetricsFilter::mailbox(mailbox.id),
        MetricsFilter::campaigns(ids.iter().copied().take(3)),
    ] {
        read(async |page| metrics.list(&filter, &page).await, Box::pin(futures_util::stream::empty()))
            .await?;
        let day = contract::start()..contract::start() + TimeDelta::days(1);
        for filter in [filter.clone(), filter.created(day.clone())] {
            metrics.totals(&filter).await?;
            for state in Signal::ALL {
                metrics.series(&filter, *state, SeriesStep::Hour, day.clone()).await?;
            }
        }
    }
    metrics.mailbox_totals(mailbox.id, contract::start()..contract::start() + TimeDelta::days(1)).await?;
    metrics.recount(*ids.first().expect("a campaign")).await?;
    metrics.recount_all().await?.try_collect::<Vec<_>>().await?;
    metrics.drift().await?.try_collect::<Vec<_>>().await?;
    Ok(())
}

pub(super) async fn ask_tracking(store: &Repositories, user: &User) -> Result<()> {
    let tracking = &store.email_tracking;
    let campaigns = store.campaigns.list(&CampaignFilter::user(user.id), &PageRequest::default()).await?;
    let campaign = campaigns.items.first().expect("a campaign");
    let recipient = EmailAddress::new("r1@example.com")?;
    let send = NewSend::new(
        campaign,
        &contract::sender_of(campaign, "a@work.example"),
        recipient.as_str(),
        contract::start(),
    )?;
    tracking.get(send.id()).await?;
    tracking.recorded(&[send.id()]).await?;
    tracking.record_sends(vec![send.nth(7)]).await?;
    tracking.find_by_campaign_and_recipient(campaign.id, &recipient).await?;
    let id = NewSend::new(
        campaign,
        &contract::sender_of(campaign, "a@work.example"),
        recipient.as_str(),
        contract::start(),
    )?
    .id();
    let event =
        TrackingEvent::bounced(id, contract::start(), BounceKind::Hard, None)?.provider_event_id("evt-1")?;
    tracking.record_events(vec![event.clone()]).await?;
    tracking.record_events(vec![event, TrackingEvent::opened(id, contract::start())]).await?;
    tracking.is_suppressed(user.id, &recipient).await?;
    let recipients = (0..20).map(|n| EmailAddress::new(format!("r{n}@example.com")));
    tracking.suppressed(user.id, &recipients.collect::<Result<Vec<_>, _>>()?).await?;
    for base in [TrackingFilter::all(), TrackingFilter::campaign(campaign.id), TrackingFilter::user(user.id)]
    {
        for base in [base.clone(), base.recipient(recipient.clone())] {
            let states = Signal::ALL.iter().map(|state| base.clone().state(*state));
            for filter in std::iter::once(base.clone()).chain(states) {
                read(async |page| tracking.list(&filter, &page).await, tracking.stream(&filter).await?)
                    .await?;
                let summaries = tracking.stream_summaries(&filter).await?;
                read(async |page| tracking.list_summaries(&filter, &page).await, summaries).await?;
                start_of(tracking.stream_ids(&filter).await?).await?;
            }
        }
    }
    Ok(())
}

/// Reads the first batches of a stream.
async fn start_of<T>(stream: RecordStream<T>) -> Result<()> {
    stream.take(3_000).try_collect::<Vec<_>>().await.map(drop)
}

/// Reads a stream, and two pages in both orders.
pub(super) async fn read<T>(
    list: impl AsyncFn(PageRequest) -> Result<Page<T>>,
    stream: RecordStream<T>,
) -> Result<()> {
    start_of(stream).await?;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let first = PageRequest::new(2)?.order(order);
        if let Some(next) = list(first.clone()).await?.next {
            list(first.after(next)).await?;
        }
    }
    Ok(())
}

/// The searching commands that the profiler saw, one of each shape, as `explain` takes them.
async fn recorded(driver: &Database) -> BTreeMap<String, Document> {
    let profile = driver.collection::<Document>("system.profile");
    let entries: Vec<_> =
        profile.find(doc! {}).await.expect("a profile").try_collect().await.expect("its entries");
    let mut commands = BTreeMap::new();
    for entry in entries {
        if let Some(command) = command_in(&entry) {
            let plan = entry.get_str("planSummary").unwrap_or_default();
            let is_scan = plan.contains("COLLSCAN") && !counts_every_row(&command);
            assert!(!is_scan, "{} was a scan", shape_of(&command));
            commands.entry(shape_of(&command)).or_insert(command);
        }
    }
    commands
}

/// The command of an entry, if it searches one of the five collections.
pub(super) fn command_in(entry: &Document) -> Option<Document> {
    const SESSION: [&str; 8] = [
        "lsid",
        "txnNumber",
        "autocommit",
        "startTransaction",
        "readConcern",
        "writeConcern",
        "maxTimeMS",
        "stmtId",
    ];
    let (_, name) = entry.get_str("ns").ok()?.split_once('.')?;
    let mut collections = Collection::ALL.into_iter().chain(Collection::BOOKKEEPING);
    let collection = collections.find(|collection| collection.name() == name)?;
    let command = entry.get_document("command").expect("a command");
    // The profiler shows each statement of an update or a delete by itself.
    match entry.get_str("op") {
        Ok("update") => return Some(doc! { "update": collection.name(), "updates": [command] }),
        Ok("remove") => return Some(doc! { "delete": collection.name(), "deletes": [command] }),
        _ => {}
    }
    let name = command.keys().next().expect("a command has a name").as_str();
    assert!(SEARCHING.contains(&name) || OTHERS.contains(&name), "{command}");
    let is_part = |key: &str| !key.starts_with('$') && !SESSION.contains(&key);
    let parts = command.iter().filter(|(key, _)| is_part(key));
    SEARCHING.contains(&name).then(|| parts.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Whether a command is the one of a recount of everything. It has to read every row, and along an
/// index that takes longer.
fn counts_every_row(command: &Document) -> bool {
    shape_of(command).starts_with(COUNT_EVERY_ROW)
}

/// A command without its values.
pub(super) fn shape_of(command: &Document) -> String {
    let (name, collection) = command.iter().next().expect("a command has a name");
    let collection = collection.as_str().unwrap_or_default();
    let mut fields = Vec::new();
    for part in ["filter", "query", "pipeline", "updates", "deletes", "sort", "hint"] {
        if let Some(value) = command.get(part) {
            fields.push(format!("{part}: {}", fields_of(value)));
        }
    }
    format!("{name} {collection} {}", fields.join(", "))
}

fn fields_of(value: &Bson) -> String {
    match value {
        Bson::Document(document) => {
            let fields = document.iter().map(|(key, value)| format!("{key} {}", fields_of(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
        }
        Bson::Array(values) => format!("[{}]", values.first().map(fields_of).unwrap_or_default()),
        _ => String::new(),
    }
}

/// The stages of the chosen plan.
fn stages_of(plan: &Bson) -> BTreeSet<&str> {
    match plan {
        Bson::Document(document) => {
            let parts = document.iter().filter(|(key, _)| *key != "rejectedPlans" && *key != "command");
            parts.flat_map(|(_, part)| stages_of(part)).chain(document.get_str("stage")).collect()
        }
        Bson::Array(parts) => parts.iter().flat_map(stages_of).collect(),
        _ => BTreeSet::new(),
    }
}
