//! The operator's program: it provisions, migrates and inspects the database of a campaign store.
//! `campaign-store --help` says how.

mod args;
mod commands;
mod database;
mod exit;
mod failure;
mod interrupt;
mod output;
mod progress;
mod refusal;
mod session;

use std::process::ExitCode;

use tokio::runtime::Runtime;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::Answer;

fn main() -> ExitCode {
    let wants_json = Args::want_json();
    output::print(answer(), wants_json).into()
}

fn answer() -> Result<Answer, Failure> {
    match Args::read() {
        Ok(args) => Runtime::new().map_err(Failure::Process)?.block_on(commands::run(args)),
        Err(refusal) => refusal::answer(&refusal),
    }
}
