//! The cost of recording events, compared with how programs do it without the store.
//!
//! ```text
//! cargo bench --bench events                  # one line of JSON on standard output
//! EVENTS_ROWS=10000 cargo bench --bench events
//! ```
//!
//! All figures come from one run on one server, over the same 100,000 tracking rows of 1.5 KB with all
//! indexes, in four campaigns. The ways take turns, and each figure is the median of its turns:
//!
//! - `batch_per_s`: events per second through `record_events`, many batches of 1,000 in one call;
//! - `naive_per_s`: events per second when the plain driver finds and updates a row and then adds to the
//!   metrics, 32 at a time, as most programs do; it miscounts when the same event comes twice;
//! - `update_many_per_s`: rows per second of one server-side `updateMany`, the limit;
//! - `receipts_per_s`: like the first, with provider event ids that are remembered;
//! - `recorder_per_s`: events per second through an `EventRecorder` with 64 callers, each of which hands in
//!   the 64 events of one webhook call at a time;
//! - `webhook_per_s`: the same with provider event ids, as a webhook service does it;
//! - `webhook_repeats_per_s`: the same where the provider delivers 5 % of the events twice;
//! - `recount_per_s`: rows per second of `recount_all`;
//! - `group_per_s`: rows per second of the bare aggregation of the same totals.
//!
//! After every turn of an exact way, the metrics must equal what a recount finds.

mod contention;
mod group;
mod ours;
mod plain;
#[path = "../../tests/support/server/mod.rs"]
mod server;
mod world;

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::world::World;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many turns each way has.
const TURNS: usize = 5;

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    println!("{}", runtime.block_on(runtime.spawn(figures()))??);
    Ok(())
}

async fn figures() -> Result<Value> {
    let rows = std::env::var("EVENTS_ROWS").map_or(Ok(100_000), |rows| rows.parse())?;
    let world = World::new(rows).await?;
    let mut figures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for turn in 0..TURNS {
        contention::while_sending(&world, &mut figures).await?;
        // The recounts come first in a turn, while the metrics are exact.
        for (name, figure) in [
            ("recount_per_s", ours::recount(&world).await?),
            ("group_per_s", plain::group(&world).await?),
            ("batch_per_s", ours::batches(&world, turn, false).await?),
            // Other rows than those of the batches, so that its events are first ones too.
            ("recorder_per_s", ours::recorder(&world, turn + 1, None).await?),
            ("update_many_per_s", plain::update_many(&world).await?),
            ("receipts_per_s", ours::batches(&world, turn, true).await?),
            ("webhook_per_s", ours::recorder(&world, turn + 1, Some(0)).await?),
            ("webhook_repeats_per_s", ours::recorder(&world, turn + 2, Some(20)).await?),
            ("naive_per_s", plain::naive(&world, turn).await?),
        ] {
            eprintln!("turn {turn}: {name} {figure:.0}");
            figures.entry(name.to_owned()).or_default().push(figure);
        }
        world.reset().await?;
    }
    world.remove().await?;
    let medians = figures.into_iter().map(|(name, turns)| (name, json!(median(turns).round())));
    Ok(Value::Object(medians.collect()))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
