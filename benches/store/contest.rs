//! The store and the plain driver side by side.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId};
use tokio::runtime::Runtime;

use crate::Result;

/// Work that both sides can do. The time does not include its preparation.
#[async_trait]
pub(crate) trait Contest: Send + Sync + 'static {
    /// Does the work with the store.
    async fn ours(&self) -> Result<Duration>;

    /// Does the work with the plain driver.
    async fn plain(&self) -> Result<Duration>;
}

/// Our time relative to the driver's: the median over `rounds`. Both have one turn in each round, because the
/// machine's speed changes during a run, but little within a round.
pub(crate) async fn time_ratio(name: &str, contest: &dyn Contest, rounds: usize) -> Result<f64> {
    contest.ours().await?;
    contest.plain().await?;
    let mut ratios = Vec::with_capacity(rounds);
    let (mut all_ours, mut all_plain) = (Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        let (ours, plain);
        if round % 2 == 0 {
            ours = contest.ours().await?;
            plain = contest.plain().await?;
        } else {
            plain = contest.plain().await?;
            ours = contest.ours().await?;
        }
        ratios.push(ours.as_secs_f64() / plain.as_secs_f64());
        all_ours += ours;
        all_plain += plain;
    }
    let ratio = median(ratios).ok_or("no rounds")?;
    eprintln!("{name}: store {all_ours:.2?}, driver {all_plain:.2?}, median ratio of times {ratio:.3}");
    Ok(ratio)
}

/// Both sides as benchmarks of a group.
pub(crate) fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    contest: &Arc<impl Contest>,
) {
    let mut side = |side, is_ours| {
        group.bench_function(BenchmarkId::new(name, side), |bencher| {
            bencher.iter_custom(|times| run(runtime, contest.clone(), is_ours, times));
        });
    };
    side("store", true);
    side("driver", false);
}

/// Runs on a worker of the runtime, as a request handler does.
#[expect(clippy::expect_used, reason = "criterion has no way to be told of an error")]
fn run(runtime: &Runtime, contest: Arc<impl Contest>, is_ours: bool, times: u64) -> Duration {
    let work = runtime.spawn(async move {
        let mut total = Duration::ZERO;
        for _ in 0..times {
            total += if is_ours { contest.ours().await? } else { contest.plain().await? };
        }
        Result::Ok(total)
    });
    runtime.block_on(work).expect("no panic").expect("the server answers")
}

pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
