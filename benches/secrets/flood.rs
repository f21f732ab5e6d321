//! Right logins during a flood of wrong ones.

use std::time::{Duration, Instant};

use campaign_store::{
    Error, LoginAttempt, LoginOutcome, LoginPassword, MemoryStore, NewUser, PasswordOptions, Repositories,
    TokenBuckets,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{Result, median, rounded};

const PASSWORD: &str = "correct horse battery staple";
/// Wrong logins a second.
const FLOODS: [u32; 3] = [100, 200, 400];
const RIGHT_PER_SECOND: u32 = 5;
const DURATION: Duration = Duration::from_secs(6);
/// The addresses that the flood comes from. Each has wrong logins for many login ids.
const ATTACKERS: usize = 20;

/// What became of the right logins at each rate of wrong ones, without and with a throttle: the share that was
/// served, and their median time in milliseconds.
pub(crate) async fn figures() -> Result<Value> {
    let mut figures = Vec::new();
    for wrong in FLOODS {
        let alone = run(wrong, PasswordOptions::new()).await?;
        let throttled = run(wrong, PasswordOptions::new().throttle(TokenBuckets::new())).await?;
        figures.push(json!({ "wrong_per_second": wrong, "alone": alone, "throttled": throttled }));
    }
    Ok(figures.into())
}

async fn run(wrong: u32, options: PasswordOptions) -> Result<Value> {
    let store = MemoryStore::new().with_passwords(options).system();
    store.users.create(NewUser::new("Ada", "ada")?.password(LoginPassword::new(PASSWORD)?)).await?;
    let flood = tokio::spawn(flood(store.clone(), wrong));
    // The flood has used up what there was to begin with.
    tokio::time::sleep(DURATION / 3).await;
    let mut logins = JoinSet::new();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RIGHT_PER_SECOND);
    let end = Instant::now() + DURATION;
    while Instant::now() < end {
        pace.tick().await;
        let store = store.clone();
        logins.spawn(async move {
            let start = Instant::now();
            let attempt = LoginAttempt::new("ada", PASSWORD).caller("at home");
            (store.users.verify_login(attempt).await, start.elapsed())
        });
    }
    let logins = logins.join_all().await;
    flood.abort();
    let mut times = Vec::new();
    let all = logins.len();
    for (outcome, time) in logins {
        match outcome {
            Ok(LoginOutcome::Accepted(_)) => times.push(time.as_secs_f64() * 1e3),
            Err(Error::Busy { .. }) => {}
            other => return Err(format!("a right login gave {other:?}").into()),
        }
    }
    let share = f64::from(u32::try_from(times.len())?) / f64::from(u32::try_from(all)?);
    Ok(json!({ "served": rounded(share), "median_ms": rounded(median(times).unwrap_or(f64::NAN)) }))
}

/// Wrong logins with unknown login ids until it is stopped.
async fn flood(store: Repositories, per_second: u32) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut logins = JoinSet::new();
    for n in 0.. {
        pace.tick().await;
        let (store, attacker) = (store.clone(), n % ATTACKERS);
        logins.spawn(async move {
            let attempt = LoginAttempt::new(format!("user{n}"), "wrong horse battery");
            drop(store.users.verify_login(attempt.caller(format!("203.0.113.{attacker}"))).await);
        });
        while logins.try_join_next().is_some() {}
    }
}
