//! The operator's program against a real server. See `support/server` for where the server comes from.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of the tests fail by a panic"
)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the program needs less of it than the store")]
mod support;

mod doctor;
mod kills;
mod migration;
mod operation;
mod program;
mod signals;
mod tls;
mod wrong_use;
