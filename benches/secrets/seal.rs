//! Sealing and opening a token.

use std::hint::black_box;
use std::time::Instant;

use campaign_store::{Keyring, MailboxId, SecretField, SecretPlace, SecretProblem, UserId, Vault};
use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::{Result, median};

fn prepare(runtime: &Runtime) -> Result<(Vault, SecretPlace, String, String)> {
    let vault = runtime.block_on(Vault::open(Keyring::ephemeral()?))?;
    let place = SecretPlace::new(MailboxId::new(), UserId::new(), SecretField::AccessToken);
    let token = "a".repeat(200);
    let sealed = vault.seal(place, &token)?;
    Ok((vault, place, token, sealed))
}

/// Microseconds to seal and to open.
pub(crate) fn figures(runtime: &Runtime) -> Result<(f64, f64)> {
    let (vault, place, token, sealed) = prepare(runtime)?;
    let seal = microseconds(|| vault.seal(place, black_box(&token)))?;
    let open = microseconds(|| vault.unseal(place, black_box(&sealed)))?;
    Ok((seal, open))
}

/// The median of many runs.
fn microseconds<T>(work: impl Fn() -> std::result::Result<T, SecretProblem>) -> Result<f64> {
    const RUNS: usize = 50;
    const TIMES: u32 = 2_000;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(work()?);
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
    }
    median(times)
}

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let (vault, place, token, sealed) = prepare(runtime)?;
    let mut group = criterion.benchmark_group("token of 200 bytes");
    group.bench_function("seal", |bencher| bencher.iter(|| vault.seal(place, black_box(&token))));
    group.bench_function("open", |bencher| bencher.iter(|| vault.unseal(place, black_box(&sealed))));
    group.finish();
    Ok(())
}
