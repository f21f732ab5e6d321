//! Logins, with the parameters that services use.

use std::time::{Duration, Instant};

use campaign_store::{
    LoginAttempt, LoginOutcome, LoginPassword, MemoryStore, NewUser, PasswordOptions, Repositories,
};
use criterion::Criterion;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

use crate::{Result, median};

const PASSWORD: &str = "correct horse battery staple";

async fn store() -> Result<Repositories> {
    let options = PasswordOptions::new().wait(Duration::from_secs(60));
    let store = MemoryStore::new().with_passwords(options).system();
    store.users.create(NewUser::new("Ada", "ada")?.password(LoginPassword::new(PASSWORD)?)).await?;
    Ok(store)
}

async fn attempt(store: &Repositories, login_id: &str, password: &str, is_right: bool) -> Result<Duration> {
    let attempt = LoginAttempt::new(login_id, password);
    let start = Instant::now();
    let outcome = store.users.verify_login(attempt).await?;
    let time = start.elapsed();
    if matches!(outcome, LoginOutcome::Accepted(_)) == is_right {
        Ok(time)
    } else {
        Err("a login had the wrong outcome".into())
    }
}

/// The median time with an unknown login id, relative to that with a known one and a wrong password; and the
/// worst stall of the runtime while 16 logins hash, in milliseconds.
pub(crate) fn figures(runtime: &Runtime) -> Result<(f64, f64)> {
    let ratio = runtime.block_on(async {
        let store = store().await?;
        let (mut unknown, mut known) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            unknown.push(attempt(&store, "nobody", PASSWORD, false).await?.as_secs_f64());
            known.push(attempt(&store, "ada", "wrong horse battery", false).await?.as_secs_f64());
        }
        Result::Ok(median(unknown)? / median(known)?)
    })?;
    // One worker, as in a small service: any blocking call stalls everything.
    let small = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stall = small.block_on(small.spawn(stall()))??;
    Ok((ratio, stall))
}

async fn stall() -> Result<f64> {
    const TICK: Duration = Duration::from_millis(1);
    let store = store().await?;
    let logins =
        tokio::spawn(async move { join_all((0..16).map(|_| attempt(&store, "ada", PASSWORD, true))).await });
    let mut worst = Duration::ZERO;
    while !logins.is_finished() {
        let start = Instant::now();
        tokio::time::sleep(TICK).await;
        worst = worst.max(start.elapsed().saturating_sub(TICK));
    }
    logins.await?.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(worst.as_secs_f64() * 1e3)
}

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let store = runtime.block_on(store())?;
    let mut group = criterion.benchmark_group("login");
    group.sample_size(20);
    for (name, login_id, is_right) in [("known", "ada", true), ("unknown", "nobody", false)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(attempt(&store, login_id, PASSWORD, is_right)).is_ok());
        });
    }
    group.finish();
    Ok(())
}
