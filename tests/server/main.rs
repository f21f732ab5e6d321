//! Not a test, but the server that many tests share: `.ci/test` runs each test in its own process, and this
//! process gives them one server.
//!
//! It finds or starts a server as the tests do, writes the URI to standard output, and lives until its
//! standard input ends. That happens when the process that started it ends, even if it is killed, and the
//! server ends too.
//!
//! `cargo test --all-features --test server` starts a server for experiments, until Ctrl-D.

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
