//! What the in-memory store promises and the contract cannot see: threads, clones, ordered
//! failures, its clock, and that nothing personal gets into a log.

#![expect(clippy::expect_used, clippy::panic, reason = "a helper fails its test by a panic")]

use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::sync::{Arc, Barrier};
use std::thread;

use campaign_store::{
    Campaign, CampaignDuration, CampaignFilter, CampaignMetrics, CampaignPatch, CampaignStatus, Change,
    ClerkUser, ClerkUserId, Clock, Collection, Contribution, Cursor, EmailAddress, EmailTracking, Error,
    Invalid, LoginId, Mailbox, MailboxFilter, MailboxPatch, ManualClock, MemoryStore, MetricsFilter,
    NewCampaign, NewMailbox, NewSend, NewUser, PageRequest, Provider, RecordStream, Result, SendOutcome,
    Store, SystemClock, TrackingFilter, User, UserFilter, UserId, UserPatch, UserProfile,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, TryStreamExt};
use serde_json::json;

const THREADS: usize = 8;

/// The result of a call. The store never waits, so threads of tests need no runtime.
fn done<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("a call that does not wait")
}

fn drain<T>(stream: Result<RecordStream<T>>) -> Vec<T> {
    done(stream.expect("a stream").try_collect()).expect("a stream without errors")
}

/// Lets [`THREADS`] threads act at once, each on a store of its own making and with its number.
fn at_once<T: Send>(memory: &MemoryStore, act: impl Fn(&Store, usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    let (act, barrier) = (&act, &barrier);
    thread::scope(|scope| {
        let start = |n| {
            let store = memory.clone().repositories();
            scope.spawn(move || {
                barrier.wait();
                act(&store, n)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread without a panic")).collect()
    })
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_614_400_000).expect("a valid time")
}

fn new_user(name: &str) -> NewUser {
    NewUser::new(name, name).expect("a valid name")
}

fn new_campaign(mailbox: &Mailbox) -> NewCampaign {
    let day = CampaignDuration::hours(24.0).expect("a valid duration");
    NewCampaign::new(mailbox.user_id, mailbox.id, "Spring", "Hello", "It is here.", noon(), day)
        .expect("a valid campaign")
}

fn send(campaign: &Campaign, recipient: &str) -> NewSend {
    NewSend::new(campaign, "ada@work.example", recipient, noon()).expect("valid addresses")
}

/// A store whose clock shows [`noon`], with a user, a mailbox and a campaign.
struct Scene {
    memory: MemoryStore,
    store: Store,
    user: User,
    mailbox: Mailbox,
    campaign: Campaign,
}

fn scene() -> Scene {
    let memory = MemoryStore::with_clock(Arc::new(ManualClock::new(noon())));
    let store = memory.repositories();
    let user = done(store.users.create(new_user("ada"))).expect("a free login id");
    let new = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("a valid address");
    let mailbox = done(store.mailboxes.link(new)).expect("a free address");
    let campaign = done(store.campaigns.create(new_campaign(&mailbox))).expect("a mailbox of the user");
    Scene { memory, store, user, mailbox, campaign }
}

fn metrics(store: &Store, campaign: &Campaign) -> CampaignMetrics {
    let metrics = done(store.campaign_metrics.get(campaign.id)).expect("the look-up");
    metrics.expect("every campaign has metrics")
}

fn rows(store: &Store) -> Vec<EmailTracking> {
    drain(done(store.email_tracking.stream(&TrackingFilter::all())))
}

fn away(reason: &'static str) -> Error {
    Error::unavailable("test", reason)
}

#[test]
fn one_of_many_threads_creates_a_login_id() {
    const LOGINS: usize = 100;
    let memory = MemoryStore::new();
    let results = at_once(&memory, |store, _| {
        (0..LOGINS).map(|n| done(store.users.create(new_user(&format!("user{n}"))))).collect::<Vec<_>>()
    });
    for n in 0..LOGINS {
        let of_login: Vec<_> = results.iter().map(|results| &results[n]).collect();
        assert_eq!(of_login.iter().filter(|result| result.is_ok()).count(), 1);
        for error in of_login.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error.unique_index(), Some("login_id_1"));
        }
    }
    assert_eq!(drain(done(memory.repositories().users.stream(&UserFilter::all()))).len(), LOGINS);
}

#[test]
fn no_thread_claims_the_campaign_of_another() {
    const CAMPAIGNS: usize = 200;
    let Scene { memory, store, mailbox, .. } = scene();
    for _ in 1..CAMPAIGNS {
        done(store.campaigns.create(new_campaign(&mailbox))).unwrap();
    }
    let claimed = at_once(&memory, |store, n| {
        let mut claimed = Vec::new();
        loop {
            let some = done(store.campaigns.claim_due(noon(), n + 1)).unwrap();
            if some.is_empty() {
                return claimed;
            }
            claimed.extend(some);
        }
    });
    let claimed: Vec<_> = claimed.into_iter().flatten().collect();
    assert!(claimed.iter().all(|campaign| campaign.status == CampaignStatus::Active));
    assert_eq!(claimed.len(), CAMPAIGNS);
    assert_eq!(claimed.iter().map(|campaign| campaign.id).collect::<HashSet<_>>().len(), CAMPAIGNS);
}

#[test]
fn sums_are_exact_when_threads_record_the_same_sends() {
    const SENDS: usize = 120;
    let Scene { memory, store, campaign, .. } = scene();
    let outcomes = at_once(&memory, |store, n| {
        let mut outcomes = Vec::new();
        for batch in 0..SENDS / 10 {
            // Each thread begins elsewhere, so that they meet on the way.
            let first = (batch * 10 + n * 15) % SENDS;
            let recipients = (first..first + 10).map(|i| format!("recipient{}@example.com", i % SENDS));
            let sends = recipients.map(|recipient| send(&campaign, &recipient)).collect();
            outcomes.extend(done(store.email_tracking.record_sends(sends)).unwrap());
        }
        outcomes
    });
    let recorded = outcomes.iter().flatten().filter(|outcome| **outcome == SendOutcome::Recorded).count();
    assert_eq!(recorded, SENDS);
    let rows = rows(&store);
    assert_eq!(rows.len(), SENDS);
    assert_eq!(metrics(&store, &campaign).totals, rows.iter().map(Contribution::of).sum());
}

#[test]
fn no_write_of_a_thread_is_lost() {
    const WRITES: i64 = 100;
    let Scene { memory, store, user, campaign, .. } = scene();
    at_once(&memory, |store, _| {
        for _ in 0..WRITES {
            done(store.campaigns.add_recipients(campaign.id, 1)).unwrap();
            done(store.users.record_login(user.id)).unwrap();
        }
    });
    let writes = WRITES * i64::try_from(THREADS).unwrap();
    let campaign = done(store.campaigns.get(campaign.id)).unwrap().unwrap();
    assert_eq!(i64::try_from(campaign.total_recipients).unwrap(), writes);
    // The clock stands still, so each write is a millisecond.
    let user = done(store.users.get(user.id)).unwrap().unwrap();
    assert_eq!(user.updated_at, noon() + TimeDelta::milliseconds(writes));
}

#[test]
fn a_user_keeps_one_primary_mailbox_while_threads_link_and_unlink() {
    let Scene { memory, store, user, .. } = scene();
    let primaries = at_once(&memory, |store, n| {
        let mut seen = Vec::new();
        for _ in 0..50 {
            let address = format!("box{n}@work.example");
            let new = NewMailbox::new(user.id, address, Provider::Gmail).unwrap().primary();
            let mailbox = done(store.mailboxes.link(new)).unwrap();
            let mailboxes = drain(done(store.mailboxes.stream(&MailboxFilter::user(user.id))));
            seen.push(mailboxes.iter().filter(|mailbox| mailbox.is_primary).count());
            done(store.mailboxes.unlink(mailbox.id)).unwrap();
        }
        seen
    });
    assert!(primaries.into_iter().flatten().all(|n| n == 1));
    assert!(done(store.mailboxes.primary(user.id)).unwrap().is_some());
}

#[test]
fn a_clone_shares_the_data() {
    let Scene { memory, user, mailbox, campaign, .. } = scene();
    let clone = memory.clone();
    drop(memory);
    let store = clone.repositories();
    assert_eq!(done(store.users.get(user.id)), Ok(Some(user.clone())));
    assert_eq!(done(store.mailboxes.get(mailbox.id)), Ok(Some(mailbox)));
    assert_eq!(done(store.campaigns.get(campaign.id)), Ok(Some(campaign)));
    assert_eq!(done(MemoryStore::new().repositories().users.get(user.id)), Ok(None));
}

#[test]
fn an_ordered_failure_hits_its_own_collection_alone() {
    let Scene { memory, store, user, mailbox, campaign, .. } = scene();
    for collection in Collection::ALL {
        memory.clone().fail_next(collection, away(collection.name()));
        let calls = [
            (Collection::Users, done(store.users.get(user.id)).err()),
            (Collection::Mailboxes, done(store.mailboxes.get(mailbox.id)).err()),
            (Collection::Campaigns, done(store.campaigns.get(campaign.id)).err()),
            (Collection::CampaignMetrics, done(store.campaign_metrics.totals(&MetricsFilter::all())).err()),
            (Collection::EmailTracking, done(store.email_tracking.stream(&TrackingFilter::all())).err()),
        ];
        for (called, error) in calls {
            assert_eq!(error, (called == collection).then(|| away(collection.name())));
        }
    }
}

#[test]
fn a_call_that_works_on_several_collections_fails_by_its_own_alone() {
    let Scene { memory, store, mailbox, campaign, .. } = scene();
    memory.fail_next(Collection::CampaignMetrics, away("metrics"));
    done(store.campaigns.create(new_campaign(&mailbox))).unwrap();
    done(store.email_tracking.record_sends(vec![send(&campaign, "bob@example.com")])).unwrap();
    assert_eq!(done(store.campaign_metrics.get(campaign.id)), Err(away("metrics")));
}

#[test]
fn ordered_failures_come_in_their_order_and_once_each() {
    let Scene { memory, store, user, mailbox, .. } = scene();
    memory.fail_next(Collection::Users, away("first"));
    memory.fail_next(Collection::Mailboxes, away("other"));
    memory.fail_next(Collection::Users, Error::backend("second", Some(26)));
    assert_eq!(done(store.users.get(user.id)), Err(away("first")));
    assert_eq!(done(store.users.record_login(user.id)), Err(Error::backend("second", Some(26))));
    assert!(done(store.users.record_login(user.id)).is_ok());
    assert_eq!(done(store.mailboxes.touch(mailbox.id)), Err(away("other")));
    assert!(done(store.mailboxes.touch(mailbox.id)).is_ok());
}

#[test]
fn threads_share_the_ordered_failures() {
    let Scene { memory, user, .. } = scene();
    for _ in 0..5 {
        memory.fail_next(Collection::Users, away("once"));
    }
    let results = at_once(&memory, |store, _| done(store.users.get(user.id)));
    assert_eq!(results.iter().filter(|result| **result == Err(away("once"))).count(), 5);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), THREADS - 5);
}

#[test]
fn a_call_that_was_ordered_to_fail_does_nothing() {
    let Scene { memory, store, user, mailbox, campaign } = scene();
    let before = contents(&store);
    for collection in [
        Collection::Users,
        Collection::Users,
        Collection::Mailboxes,
        Collection::Mailboxes,
        Collection::Campaigns,
        Collection::Campaigns,
        Collection::EmailTracking,
    ] {
        memory.fail_next(collection, away("ordered"));
    }
    let errors = [
        done(store.users.create(new_user("bob"))).err(),
        done(store.users.record_login(user.id)).err(),
        done(store.mailboxes.touch(mailbox.id)).err(),
        done(store.mailboxes.set_primary(mailbox.id)).err(),
        done(store.campaigns.create(new_campaign(&mailbox))).err(),
        done(store.campaigns.claim_due(noon(), 1)).err(),
        done(store.email_tracking.record_sends(vec![send(&campaign, "bob@example.com")])).err(),
    ];
    assert!(errors.into_iter().all(|error| error == Some(away("ordered"))));
    assert_eq!(contents(&store), before);
}

fn contents(store: &Store) -> impl PartialEq + Debug + use<> {
    let page = PageRequest::default();
    (
        drain(done(store.users.stream(&UserFilter::all()))),
        drain(done(store.mailboxes.stream(&MailboxFilter::all()))),
        drain(done(store.campaigns.stream(&CampaignFilter::all()))),
        done(store.campaign_metrics.list(&MetricsFilter::all(), &page)).expect("a page"),
        rows(store),
    )
}

#[test]
fn the_times_of_the_records_are_those_of_the_given_clock() {
    let clock = Arc::new(ManualClock::new(noon()));
    let store = MemoryStore::with_clock(clock.clone()).repositories();
    let user = done(store.users.create(new_user("ada"))).unwrap();
    assert_eq!((user.created_at, user.updated_at), (noon(), noon()));
    clock.advance(TimeDelta::hours(1));
    let user = done(store.users.record_login(user.id)).unwrap();
    assert_eq!(user.last_login, Some(noon() + TimeDelta::hours(1)));
    assert_eq!(user.updated_at, noon() + TimeDelta::hours(1));
}

#[test]
fn without_a_clock_the_times_are_those_of_the_system() {
    for memory in [MemoryStore::new(), MemoryStore::default()] {
        let before = SystemClock.now();
        let user = done(memory.repositories().users.create(new_user("ada"))).unwrap();
        assert!((before..=SystemClock.now()).contains(&user.created_at));
    }
}

/// Part of every personal text that the tests below use.
const CANARY: &str = "canary";
const ADDRESS: &str = "canary@example.com";

/// Checks that a log would hold no personal text, also not as bytes.
#[track_caller]
fn assert_discreet(value: &impl Debug) {
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bytes = CANARY.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let compact = text.to_lowercase().replace(char::is_whitespace, "");
        for form in [CANARY, &hex, &bytes] {
            assert!(!compact.contains(form), "{text}");
        }
    }
}

#[track_caller]
fn assert_discreet_error(error: &(impl Debug + Display)) {
    assert_discreet(error);
    assert!(!error.to_string().to_lowercase().contains(CANARY), "{error}");
}

fn canary_address() -> EmailAddress {
    EmailAddress::new(ADDRESS).expect("a valid address")
}

fn canary_profile() -> UserProfile {
    let profile = json!({ "canary": [{ "name": "Canary" }] });
    UserProfile::new(profile.as_object().cloned().unwrap_or_default()).expect("a valid profile")
}

fn canary_user() -> Result<NewUser, Invalid> {
    NewUser::new("Canary", "canary")?.email(ADDRESS)?.clerk_user_id("canary")
}

fn canary_mailbox(user: UserId) -> Result<NewMailbox, Invalid> {
    Ok(NewMailbox::new(user, ADDRESS, Provider::Gmail)?.user_profile(canary_profile()))
}

fn canary_campaign(mailbox: &Mailbox) -> Result<NewCampaign, Invalid> {
    let day = CampaignDuration::hours(24.0)?;
    NewCampaign::new(mailbox.user_id, mailbox.id, "Canary", "A canary", "Dear canary,", noon(), day)
}

/// A scene whose texts are all personal, with an e-mail that was sent.
fn canary_scene() -> Scene {
    let memory = MemoryStore::with_clock(Arc::new(ManualClock::new(noon())));
    let store = memory.repositories();
    let user = done(store.users.create(canary_user().expect("valid"))).expect("a new user");
    let mailbox = canary_mailbox(user.id).expect("valid");
    let mailbox = done(store.mailboxes.link(mailbox)).expect("a new mailbox");
    let campaign = canary_campaign(&mailbox).expect("valid");
    let campaign = done(store.campaigns.create(campaign)).expect("a new campaign");
    let send =
        NewSend::new(&campaign, ADDRESS, ADDRESS, noon()).and_then(|send| send.recipient_name("Canary"));
    done(store.email_tracking.record_sends(vec![send.expect("valid")])).expect("a new row");
    Scene { memory, store, user, mailbox, campaign }
}

#[test]
fn the_debug_output_of_a_store_holds_no_personal_text() {
    let Scene { memory, store, .. } = canary_scene();
    assert_discreet(&memory);
    assert_discreet(&store);
    let text = format!("{memory:?}");
    assert!(text.contains("rows: 1"), "a log can tell how much there is: {text}");
}

#[test]
fn the_debug_output_of_a_record_holds_no_personal_text() {
    let Scene { store, user, mailbox, campaign, .. } = canary_scene();
    let page = PageRequest::default();
    assert_discreet(&user);
    assert_discreet(&mailbox);
    assert_discreet(&campaign);
    assert_discreet(&metrics(&store, &campaign));
    assert_discreet(&rows(&store));
    assert_discreet(&done(store.users.list(&UserFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.mailboxes.list(&MailboxFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.campaigns.list(&CampaignFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.email_tracking.list(&TrackingFilter::all(), &page)).unwrap());
    let clerk = ClerkUser::new("canary", "Canary", "canary").unwrap();
    assert_discreet(&done(store.users.upsert_from_clerk(clerk)).unwrap());
    let clerk = ClerkUser::new("canary2", "Canary", "canary2").unwrap();
    assert_discreet(&done(store.users.upsert_from_clerk(clerk)).unwrap());
}

#[test]
fn the_debug_output_of_an_argument_holds_no_personal_text() {
    let Scene { mailbox, campaign, .. } = canary_scene();
    let send = NewSend::new(&campaign, ADDRESS, ADDRESS, noon()).unwrap();
    let user_patch = UserPatch::new().user_name("Canary").unwrap().login_id("canary").unwrap();
    let campaign_patch = CampaignPatch::new().campaign_name("Canary").unwrap().subject("Canary").unwrap();
    assert_discreet(&canary_user().unwrap());
    assert_discreet(&ClerkUser::new("canary", "Canary", "canary").unwrap().email(ADDRESS).unwrap());
    assert_discreet(&canary_mailbox(mailbox.user_id).unwrap());
    assert_discreet(&canary_campaign(&mailbox).unwrap());
    assert_discreet(
        &send.recipient_name("Canary").unwrap().subject("Canary").unwrap().message("Canary").unwrap(),
    );
    assert_discreet(&user_patch.email(ADDRESS).unwrap().clerk_user_id("canary").unwrap());
    assert_discreet(&MailboxPatch::new().email(ADDRESS).unwrap().user_profile(canary_profile()));
    assert_discreet(&campaign_patch.message("Canary").unwrap());
    assert_discreet(&MailboxFilter::all().email(canary_address()));
    assert_discreet(&TrackingFilter::all().recipient(canary_address()));
    assert_discreet(&(canary_address(), Change::Set(canary_address()), canary_profile()));
    assert_discreet(&(LoginId::new("canary").unwrap(), ClerkUserId::new("canary").unwrap()));
}

#[test]
fn an_error_of_the_store_holds_no_personal_text() {
    let Scene { store, user, mailbox, campaign, .. } = canary_scene();
    let bob = done(store.users.create(new_user("bob"))).unwrap();
    let campaign_patch = || CampaignPatch::new().subject("Canary").unwrap();
    let damaged: Cursor = "canary".repeat(5)[..28].parse().unwrap();
    let foreign = NewMailbox::new(bob.id, ADDRESS, Provider::Gmail).unwrap();
    let foreign = done(store.mailboxes.link(foreign)).unwrap();
    let errors = [
        done(store.users.create(NewUser::new("Canary", "canary").unwrap())).unwrap_err(),
        done(store.users.create(new_user("eve").email(ADDRESS).unwrap())).unwrap_err(),
        done(store.users.create(new_user("eve").clerk_user_id("canary").unwrap())).unwrap_err(),
        done(store.users.update(
            user.id,
            UserPatch::new().email(ADDRESS).unwrap(),
            noon() + TimeDelta::hours(1),
        ))
        .unwrap_err(),
        done(store.users.delete(user.id)).unwrap_err(),
        done(store.users.delete(UserId::new())).unwrap_err(),
        done(store.users.list(&UserFilter::all(), &PageRequest::default().after(damaged))).unwrap_err(),
        done(store.mailboxes.link(canary_mailbox(user.id).unwrap())).unwrap_err(),
        done(store.mailboxes.unlink(mailbox.id)).unwrap_err(),
        done(store.campaigns.resume(campaign.id)).unwrap_err(),
        done(store.campaigns.update(campaign.id, campaign_patch().mailbox(foreign.id), campaign.updated_at))
            .unwrap_err(),
        done(store.campaigns.update(
            campaign.id,
            campaign_patch().start_time(DateTime::<Utc>::MAX_UTC),
            campaign.updated_at,
        ))
        .unwrap_err(),
    ];
    for error in errors {
        assert_discreet_error(&error);
    }
}

#[test]
fn the_refusal_of_an_input_holds_nothing_of_it() {
    let Scene { mailbox, campaign, .. } = canary_scene();
    let bad = "canary\r\ncanary";
    let long = "canary".repeat(1_000);
    let send = || NewSend::new(&campaign, ADDRESS, ADDRESS, noon()).unwrap();
    let new = |name, subject, message| {
        let hour = CampaignDuration::hours(1.0).unwrap();
        NewCampaign::new(mailbox.user_id, mailbox.id, name, subject, message, noon(), hour)
    };
    let profile = json!({ "canary": { "canary\0": "canary" } });
    let refusals = [
        NewUser::new(bad, "canary").err(),
        NewUser::new("Canary", &long).err(),
        EmailAddress::new("canary@canary@example.com").err(),
        EmailAddress::new(&long).err(),
        LoginId::new("canary canary").err(),
        ClerkUserId::new(bad).err(),
        NewMailbox::new(mailbox.user_id, "canary", Provider::Gmail).err(),
        UserProfile::new(profile.as_object().unwrap().clone()).err(),
        Provider::new(bad).err(),
        new(bad, "Canary", "Canary").err(),
        new("Canary", &long, "Canary").err(),
        new("Canary", "Canary", "canary\0").err(),
        NewSend::new(&campaign, "canary", ADDRESS, noon()).err(),
        NewSend::new(&campaign, ADDRESS, "canary", noon()).err(),
        send().recipient_name(bad).err(),
        send().subject(&long).err(),
        send().message("canary\0").err(),
        "canary".parse::<UserId>().err(),
        "canary".parse::<CampaignStatus>().err(),
    ];
    for refusal in refusals {
        assert_discreet_error(&refusal.expect("an input that is refused"));
    }
    assert_discreet_error(&"canary".parse::<Cursor>().unwrap_err());
    assert_discreet_error(&serde_json::from_str::<EmailAddress>("\"canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<LoginId>("\"canary canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<UserId>("\"canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<CampaignStatus>("\"canary\"").unwrap_err());
}
