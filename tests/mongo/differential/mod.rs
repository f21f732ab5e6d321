//! The in-memory store answers like the store on MongoDB: random sequences of operations run step by step on
//! both, with the same results and errors.
//!
//! `DIFFERENTIAL_SEED` repeats the sequences from the seed that a failure prints; `DIFFERENTIAL_SEQUENCES`
//! sets the number of sequences.

#![expect(clippy::expect_used, clippy::panic, reason = "a difference fails the test by a panic")]

mod answer;
mod campaign;
mod campaign_metrics;
mod content;
mod draw;
mod email_tracking;
mod lists;
mod mailbox;
mod operation;
mod side;
mod tally;
mod user;

use std::collections::BTreeSet;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;

use campaign_store::{MemoryStore, MongoStore};
use tokio::task::JoinSet;

use self::draw::Draw;
use self::operation::Operation;
use self::side::Side;
use self::tally::Tally;
use crate::support::database::TestDatabase;

const SEQUENCES: u64 = 40;
/// So many when something has not come up by then.
const MOST_SEQUENCES: u64 = 10 * SEQUENCES;
const STEPS: usize = 150;
/// After so many steps everything that the stores hold is compared.
const STEPS_PER_REVIEW: usize = 25;
/// Sequences at a time: waiting for the disk takes longer than computing.
const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_stores_answer_every_sequence_of_operations_alike() {
    let first = from_environment("DIFFERENTIAL_SEED")
        .unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    let sequences = from_environment("DIFFERENTIAL_SEQUENCES").unwrap_or(SEQUENCES);
    // Who asks for a few sequences repeats them; otherwise chance may need more to lead everywhere.
    let is_whole = sequences >= SEQUENCES;
    let mut seeds = first..;
    let goes_on = |started: u64, tally: &Tally| {
        started < sequences || is_whole && started < MOST_SEQUENCES && !tally.unseen().is_empty()
    };
    let mut running = JoinSet::new();
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    loop {
        // After a failure those that run are awaited, since a transaction that is cut off keeps its
        // database locked for a minute.
        while failures.is_empty()
            && running.len() < AT_ONCE
            && goes_on(seeds.start - first, &tally)
            && let Some(seed) = seeds.next()
        {
            running.spawn(async move { (seed, tokio::spawn(run(seed)).await) });
        }
        match running.join_next().await.transpose().expect("a task that only waits") {
            Some((_, Ok(Ok(part)))) => tally += part,
            Some((seed, Ok(Err(difference)))) => failures.push((seed, difference)),
            Some((seed, Err(panic))) => failures.push((seed, panic.to_string())),
            None => break,
        }
    }
    println!("{tally}");
    if let Some((seed, failure)) = failures.first() {
        panic!("{failure}\nagain with DIFFERENTIAL_SEED={seed}");
    }
    if is_whole {
        assert!(tally.unseen().is_empty(), "from seed {first} on, nothing led to {:?}", tally.unseen());
    }
}

#[test]
fn every_method_of_every_repository_takes_part() {
    let traits = [
        ("users", include_str!("../../../src/repository/user.rs")),
        ("mailboxes", include_str!("../../../src/repository/mailbox.rs")),
        ("mailbox_secrets", include_str!("../../../src/repository/mailbox_secrets.rs")),
        ("campaigns", include_str!("../../../src/repository/campaign.rs")),
        ("campaign_metrics", include_str!("../../../src/repository/campaign_metrics.rs")),
        ("email_tracking", include_str!("../../../src/repository/email_tracking.rs")),
    ];
    let methods: BTreeSet<String> = traits
        .iter()
        .flat_map(|(repository, source)| {
            // Not those of examples.
            let lines = source.lines().filter(|line| !line.trim_start().starts_with("///"));
            let methods =
                lines.filter_map(|line| line.trim_start().strip_prefix("async fn ")?.split('(').next());
            methods.map(move |method| format!("{repository}.{method}"))
        })
        .collect();
    let operations: BTreeSet<String> = Operation::all().map(|operation| operation.name.to_owned()).collect();
    assert_eq!(methods, operations);
}

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// Runs one sequence and counts what it led to, or tells what led to a difference.
async fn run(seed: u64) -> Result<Tally, String> {
    let database = TestDatabase::new();
    let memory = MemoryStore::with_clock(database.clock.clone());
    let open = async |vault| memory.with_vault(vault);
    let mut memory = Side::new(database.clock.clone(), open).await;
    database.provisioned().await;
    let open = async |vault| {
        let options = database.options().await.vault(vault);
        MongoStore::connect_with(options).await.expect("the test server answers")
    };
    let mut mongo = Side::new(database.clock.clone(), open).await;
    let mut tally = Tally::default();
    let mut trace = Vec::new();
    for step in 1..=STEPS {
        let mut draw = Draw::new(seed, step);
        database.clock.advance(draw.clock_step());
        let operation = Operation::draw(seed, step, &mut draw);
        let (in_memory, drawn) = memory.take(operation, draw.clone()).await;
        let (in_mongo, drawn_again) = mongo.take(operation, draw).await;
        assert_eq!(drawn, drawn_again, "{}: what is drawn depends on answers alone", operation.name);
        trace.push(format!("{step:3} {} {drawn} -> {}", operation.name, in_memory.kinds().join(" ")));
        if in_memory != in_mongo || !in_memory.is_one_of(operation.outcomes) {
            trace.push(format!("memory:  {in_memory}\nMongoDB: {in_mongo}"));
            return Err(trace.join("\n"));
        }
        tally.count(operation, &in_memory);
        if step % STEPS_PER_REVIEW == 0 {
            let (in_memory, in_mongo) = (memory.content().await, mongo.content().await);
            if in_memory != in_mongo {
                trace.push(in_memory.difference(&in_mongo));
                return Err(trace.join("\n"));
            }
        }
    }
    Ok(tally)
}
