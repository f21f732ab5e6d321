//! Events of Clerk in every order, on both stores.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::collections::{BTreeMap, BTreeSet};

use bson::doc;
use campaign_store::{ClerkUser, ClerkUserId, MemoryStore, Repositories, UserFilter};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::support::database::TestDatabase;

const NAMES: [&str; 2] = ["Ada", "Bob"];
const LOGINS: [&str; 3] = ["ada", "BOB", "eve@example.com"];
const EMAILS: [&str; 3] = ["ada@example.com", "Bob@Example.com", "eve@example.com"];

/// An event of one of a few users, at one of a few moments. It deletes the user, or says what the user is.
#[derive(Debug, Clone)]
struct Event {
    user: usize,
    at: i64,
    state: Option<(usize, usize, Option<usize>)>,
}

fn event() -> impl Strategy<Value = Event> {
    let state = (0..2_usize, 0..3_usize, prop::option::weighted(0.8, 0..3_usize));
    (0..4_usize, 0..6_i64, prop::option::weighted(0.9, state)).prop_map(|(user, at, state)| Event {
        user,
        at,
        state,
    })
}

fn time(at: i64) -> DateTime<Utc> {
    campaign_store::contract::start() + TimeDelta::milliseconds(at)
}

fn id(user: usize) -> String {
    format!("user_{user}")
}

impl Event {
    async fn send(&self, store: &Repositories) {
        let Some((name, login, email)) = self.state else {
            let id = ClerkUserId::new(id(self.user)).expect("an id");
            store.users.delete_from_clerk(&id, time(self.at)).await.expect("a deletion");
            return;
        };
        let user = ClerkUser::new(id(self.user), of(&NAMES, name), of(&LOGINS, login), time(self.at))
            .expect("valid");
        let user = match email {
            Some(email) => user.email(of(&EMAILS, email)).expect("valid"),
            None => user,
        };
        store.users.upsert_from_clerk(user).await.expect("nobody else has these values");
    }
}

/// What is stored about users: the Clerk id, with name, login id and address.
type Users = BTreeMap<String, (String, String, Option<String>)>;

async fn users(store: &Repositories) -> Users {
    let users: Vec<_> =
        store.users.stream(&UserFilter::all()).await.expect("a stream").try_collect().await.expect("users");
    let text = |user: campaign_store::User| {
        let id = user.clerk_user_id.expect("a user of Clerk").to_string();
        let login_id = user.login_id.to_string();
        let login_id = if login_id.starts_with("clerk-") { "none".to_owned() } else { login_id };
        (id, (user.user_name, login_id, user.email.map(|email| email.to_string())))
    };
    users.into_iter().map(text).collect()
}

/// A text of a list.
fn of<'a>(list: &[&'a str], place: usize) -> &'a str {
    list.get(place).expect("a text")
}

/// What should be stored, by the times of the events alone.
fn expected(events: &[Event]) -> Users {
    let deleted: BTreeSet<_> =
        events.iter().filter(|event| event.state.is_none()).map(|event| event.user).collect();
    let stored = |list: &[&str], place: usize| of(list, place).to_lowercase();
    let mut latest = BTreeMap::new();
    for event in events.iter().filter(|event| !deleted.contains(&event.user)) {
        let Some((name, login, email)) = event.state else { continue };
        let email = email.map(|email| stored(&EMAILS, email));
        let state = (event.at, of(&NAMES, name), stored(&LOGINS, login), email);
        let known = latest.entry(event.user).or_insert_with(|| state.clone());
        *known = known.clone().max(state);
    }
    let by_strength: BTreeMap<_, _> =
        latest.iter().map(|(user, state)| ((state.0, id(*user)), state)).collect();
    let (mut logins, mut emails) = (BTreeSet::new(), BTreeSet::new());
    let users = by_strength.into_iter().rev().map(|((_, id), (_, name, login, email))| {
        let login = if logins.insert(login) { login.clone() } else { "none".to_owned() };
        let email = email.clone().filter(|email| emails.insert(email.clone()));
        (id, ((*name).to_owned(), login, email))
    });
    users.collect()
}

/// Random events, in the order in which they come.
fn sequences(n: u32, length: usize) -> Vec<Vec<Event>> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRunner::deterministic().new_rng());
    let strategy = prop::collection::vec(event(), 1..length);
    (0..n).map(|_| strategy.new_tree(&mut runner).expect("events").current()).collect()
}

/// Every order of a few things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = things.split_first() else { return vec![Vec::new()] };
    let insert = |order: &Vec<T>, place: usize| {
        let mut order = order.clone();
        order.insert(place, first.clone());
        order
    };
    orders(rest).iter().flat_map(|order| (0..=order.len()).map(move |place| insert(order, place))).collect()
}

/// An address that moves from one user to the next, who gives it up; a name that changes; a deletion.
fn story() -> Vec<Event> {
    let event = |user, at, state| Event { user, at, state: Some(state) };
    vec![
        event(0, 1, (0, 0, Some(0))),
        event(1, 2, (1, 0, Some(0))),
        event(1, 3, (0, 1, None)),
        event(0, 4, (1, 0, Some(1))),
        Event { user: 2, at: 5, state: None },
        event(2, 0, (0, 2, Some(0))),
    ]
}

#[tokio::test]
async fn events_in_every_order_leave_the_same_users_in_memory() {
    let expected_of_story = expected(&story());
    assert_eq!(expected_of_story.len(), 2);
    let stories = orders(&story());
    assert_eq!(stories.len(), 720);
    for events in stories.into_iter().chain(sequences(1_000, 12)) {
        let store = MemoryStore::new().system();
        for event in &events {
            event.send(&store).await;
        }
        assert_eq!(users(&store).await, expected(&events), "{events:?}");
    }
}

/// An empty store, again and again on one database.
async fn emptied(database: &TestDatabase) {
    for collection in ["users", "clerk_users"] {
        database.collection(collection).await.delete_many(doc! {}).await.expect("a deletion");
    }
}

#[tokio::test]
async fn events_in_every_order_leave_the_same_users_in_mongodb() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let stories = orders(&story()).into_iter().step_by(53);
    for events in stories.chain(sequences(20, 12)) {
        for event in &events {
            event.send(&store).await;
        }
        assert_eq!(users(&store).await, expected(&events), "{events:?}");
        emptied(&database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_at_once_leave_the_same_users_in_mongodb() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    for events in sequences(25, 10) {
        join_all(events.iter().map(|event| event.send(&store))).await;
        assert_eq!(users(&store).await, expected(&events), "{events:?}");
        emptied(&database).await;
    }
}
