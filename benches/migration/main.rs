//! The cost of a migration, compared with what the server can do by itself.
//!
//! ```text
//! cargo bench --bench migration                # one line of JSON on standard output
//! MIGRATION_MAILBOXES=100000 MIGRATION_ROWS=100000 cargo bench --bench migration
//! ```
//!
//! All figures come from one run on one server, with 1,000,000 old mailboxes of three secrets each and
//! 1,000,000 tracking rows of 1,000 campaigns:
//!
//! - `merge_per_s`: mailboxes per second of the server's own `$merge`, which only inserts, into a
//!   collection with the same unique index;
//! - `insert_per_s`: mailboxes per second that the plain driver reads and writes unchanged, with a fence
//!   around each batch as in the migration;
//! - `copy_per_s`: mailboxes per second that the migration reads, maps, seals and writes, until all of
//!   them are written;
//! - `group_per_s`: rows per second of the bare aggregation that counts them by campaign;
//! - `metrics_per_s`: rows per second of the migration's metrics, until they are written;
//! - `peak_rss_mib`: the peak memory of the process that migrates; `small_rss_mib` is that of a process
//!   that migrates 10,000 mailboxes, ten batches;
//! - `second_run_s`: the duration of a run after the last one.
//!
//! The migration runs in its own process, so that its memory is measured alone. Mailboxes and rows are in
//! separate databases, and the server writes its memory to disk before each figure, so that all start in the
//! same state.

mod documents;
#[path = "../events/group.rs"]
mod group;
mod runner;
#[path = "../../tests/support/server/mod.rs"]
mod server;
mod world;
mod writer;

use std::error::Error;

use serde_json::json;
use tokio::runtime::Runtime;

use self::world::World;

/// Ten times as many mailboxes as in a batch.
const SMALL: u32 = 10_000;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    if let Some(database) = runner::database() {
        return runtime.block_on(runtime.spawn(async move { runner::migrate(&database).await }))?;
    }
    runtime.block_on(runtime.spawn(figures()))?
}

async fn figures() -> Result<()> {
    let (mailboxes, rows) = (number("MIGRATION_MAILBOXES")?, number("MIGRATION_ROWS")?);
    let small = World::new(SMALL, 0).await?;
    let small_run = runner::run(&small).await?;
    small.remove().await?;

    let old = World::new(mailboxes, 0).await?;
    eprintln!("the old mailboxes are there");
    let merge = old.merge().await?;
    let copy = runner::run(&old).await?;
    let second = runner::run(&old).await?;
    let insert = old.insert().await?;
    old.remove().await?;

    let tracked = World::new(SMALL, rows).await?;
    eprintln!("the tracking rows are there");
    let metrics = runner::run(&tracked).await?;
    let group = tracked.group().await?;
    tracked.remove().await?;

    let figures = json!({
        "copy_per_s": copy.copy_per_s.round(),
        "merge_per_s": merge.round(),
        "insert_per_s": insert.round(),
        "metrics_per_s": metrics.metrics_per_s.round(),
        "group_per_s": group.round(),
        "peak_rss_mib": copy.peak_rss_mib.max(metrics.peak_rss_mib).round(),
        "small_rss_mib": small_run.peak_rss_mib.round(),
        "second_run_s": second.seconds,
    });
    println!("{figures}");
    Ok(())
}

fn number(name: &str) -> Result<u32> {
    Ok(std::env::var(name).map_or(Ok(1_000_000), |number| number.parse())?)
}
