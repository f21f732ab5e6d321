//! The cost of secrets: sealing and opening, logins, and re-encrypting a whole collection.
//!
//! `cargo bench --bench secrets -- --json` prints the figures as one line of JSON: the microseconds to seal
//! and to open a token of 200 bytes, the median time of a login with an unknown login id relative to that
//! with a known one, the runtime's worst stall while 16 logins hash, and our mailboxes per second relative to
//! those of the plain driver rewriting the same documents. Without `--json`, criterion measures sealing,
//! opening and logins.
//!
//! `cargo bench --bench secrets -- --flood` prints the share of right logins that are served during a flood of
//! wrong ones, with and without a throttle.

mod flood;
mod login;
mod reencrypt;
mod seal;
#[path = "../../tests/support/server/mod.rs"]
mod server;

use std::error::Error;

use criterion::Criterion;
use serde_json::json;
use tokio::runtime::Runtime;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    if std::env::args().any(|argument| argument == "--flood") {
        println!("{}", runtime.block_on(runtime.spawn(flood::figures()))??);
        return Ok(());
    }
    if std::env::args().any(|argument| argument == "--json") {
        let (seal_us, open_us) = seal::figures(&runtime)?;
        let (unknown_over_known, worst_stall_ms) = login::figures(&runtime)?;
        let reencrypt_ratio = runtime.block_on(runtime.spawn(reencrypt::ratio()))??;
        let figures = json!({
            "seal_us": rounded(seal_us),
            "open_us": rounded(open_us),
            "unknown_over_known": rounded(unknown_over_known),
            "worst_stall_ms": rounded(worst_stall_ms),
            "reencrypt_ratio": rounded(reencrypt_ratio),
        });
        println!("{figures}");
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    seal::bench(&mut criterion, &runtime)?;
    login::bench(&mut criterion, &runtime)?;
    criterion.final_summary();
    Ok(())
}

fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

fn median(mut figures: Vec<f64>) -> Result<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().ok_or_else(|| "no figures".into())
}
