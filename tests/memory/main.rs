//! The in-memory store: the contract, and what the contract cannot see: threads, clones, ordered failures,
//! the clock, and that no personal text appears in a log.

#![expect(clippy::expect_used, reason = "a helper fails its test by a panic")]

mod contract;
mod discretion;
mod failures;
mod threads;

use std::future::Future;
use std::sync::Arc;

use campaign_store::contract::sender_of;
use campaign_store::{
    Campaign, CampaignDuration, CampaignMetrics, Clock, EmailTracking, Mailbox, ManualClock, MemoryStore,
    NewCampaign, NewMailbox, NewSend, NewUser, Provider, RecordStream, Repositories, Result, SystemClock,
    TrackingFilter, User,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, TryStreamExt};

/// The result of a call. The store never waits, so threads of tests need no runtime.
fn done<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("a call that does not wait")
}

fn drain<T>(stream: Result<RecordStream<T>>) -> Vec<T> {
    done(stream.expect("a stream").try_collect()).expect("a stream without errors")
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
    NewSend::new(campaign, &sender_of(campaign, "ada@work.example"), recipient, noon())
        .expect("valid addresses")
}

/// A store whose clock shows [`noon`], with a user, a mailbox and a campaign.
struct Scene {
    memory: MemoryStore,
    store: Repositories,
    user: User,
    mailbox: Mailbox,
    campaign: Campaign,
}

fn scene() -> Scene {
    let memory = MemoryStore::with_clock(Arc::new(ManualClock::new(noon())));
    let store = memory.system();
    let user = done(store.users.create(new_user("ada"))).expect("a free login id");
    let new = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("a valid address");
    let mailbox = done(store.mailboxes.link(new)).expect("a free address");
    let campaign = done(store.campaigns.create(new_campaign(&mailbox))).expect("a mailbox of the user");
    Scene { memory, store, user, mailbox, campaign }
}

fn metrics(store: &Repositories, campaign: &Campaign) -> CampaignMetrics {
    let metrics = done(store.campaign_metrics.get(campaign.id)).expect("the look-up");
    metrics.expect("every campaign has metrics")
}

fn rows(store: &Repositories) -> Vec<EmailTracking> {
    drain(done(store.email_tracking.stream(&TrackingFilter::all())))
}

#[test]
fn a_clone_shares_the_data() {
    let Scene { memory, user, mailbox, campaign, .. } = scene();
    let clone = memory.clone();
    drop(memory);
    let store = clone.system();
    assert_eq!(done(store.users.get(user.id)), Ok(Some(user.clone())));
    assert_eq!(done(store.mailboxes.get(mailbox.id)), Ok(Some(mailbox)));
    assert_eq!(done(store.campaigns.get(campaign.id)), Ok(Some(campaign)));
    assert_eq!(done(MemoryStore::new().system().users.get(user.id)), Ok(None));
}

#[test]
fn the_times_of_the_records_are_those_of_the_given_clock() {
    let clock = Arc::new(ManualClock::new(noon()));
    let store = MemoryStore::with_clock(clock.clone()).system();
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
        let user = done(memory.system().users.create(new_user("ada"))).unwrap();
        assert!((before..=SystemClock.now()).contains(&user.created_at));
    }
}
