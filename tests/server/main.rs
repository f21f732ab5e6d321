//! No test, but the server of many of them: `.ci/test` runs each test in a process of its own, and this
//! process gives them one server.
//!
//! It finds or starts a server as the tests do, writes the URI to standard output, and lives until its
//! standard input ends. That comes with the end of whoever started this process, a kill included, and the
//! server goes with it.
//!
//! `cargo test --all-features --test server` gives a server to try something on, until Ctrl-D.

#![cfg(feature = "mongo")]

#[path = "../support/server/mod.rs"]
#[expect(dead_code, reason = "it needs no database")]
mod server;

use std::io;

fn main() -> io::Result<()> {
    println!("MONGODB_TEST_URI={}", server::uri());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
