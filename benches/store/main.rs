//! The cost of the store: its times relative to those of the plain driver doing the same work, in alternating
//! turns of one run, and the speed of the in-memory store.
//!
//! ```text
//! cargo bench --bench store              # every group, by criterion
//! cargo bench --bench store -- stream    # one group: point, stream, insert or memory
//! cargo bench --bench store -- --json    # one line of JSON and nothing else on standard output
//! ```
//!
//! The line has these figures; the last two depend on the machine:
//!
//! - `point_ratio`: time of single reads and writes relative to the driver's, the mean of five commands;
//! - `stream_ratio`: typed rows per second relative to the rows of the driver's raw cursor;
//! - `derived_ratio`: typed rows per second relative to those of the driver's `Collection<T>` with
//!   derived serde;
//! - `insert_ratio`: sends recorded per second, metrics included, relative to the rows of `insert_many`;
//! - `memory_ops_per_s`: operations of the in-memory store on one core;
//! - `new_memory_store_us`: microseconds to create an in-memory store.
//!
//! The server is the one that the tests use: see `tests/support/server`. On a server that was already
//! running, the benches remove their databases at the end.

mod contest;
mod derived;
mod insert;
mod memory;
mod point;
#[path = "../../tests/support/server/mod.rs"]
mod server;
mod stream;
mod world;

use std::error::Error;

use criterion::Criterion;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", runtime.block_on(runtime.spawn(figures()))??);
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    point::bench(&mut criterion, &runtime)?;
    stream::bench(&mut criterion, &runtime)?;
    insert::bench(&mut criterion, &runtime)?;
    memory::bench(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

async fn figures() -> Result<Value> {
    let memory = tokio::task::spawn_blocking(memory::figures).await??;
    Ok(json!({
        "point_ratio": rounded(point::ratio().await?),
        "stream_ratio": rounded(stream::ratio().await?),
        "derived_ratio": rounded(derived::ratio().await?),
        "insert_ratio": rounded(insert::ratio().await?),
        "memory_ops_per_s": memory.operations_per_second.round(),
        "new_memory_store_us": rounded(memory.microseconds_to_make),
    }))
}

fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}
