//! The commands: each does its work and gives a report.

mod copies;
mod doctor;
mod drift;
mod dry_run;
mod finalise;
mod keys;
mod logins;
mod migrate;
mod provision;
mod recount;
mod retry_quarantined;
mod rollback;
mod rotate_keys;
mod status;
mod stuck;
mod verify;

use std::fmt::Formatter;

use crate::args::{Args, Command, Confirmation};
use crate::failure::Failure;
use crate::output::Answer;
use crate::session::Session;

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let session = Session::new(args.database);
    match args.command {
        Command::Provision(args) => provision::run(&session, &args).await,
        Command::Migrate(args) if args.dry_run => dry_run::run(&session).await,
        Command::Migrate(args) => migrate::run(&session, &args).await,
        Command::Verify => verify::run(&session).await,
        Command::RetryQuarantined => retry_quarantined::run(&session).await,
        Command::Rollback(args) => {
            confirm(&args, "rollback removes the migrated documents")?;
            rollback::run(&session).await
        }
        Command::Finalise(args) => {
            confirm(&args, "finalise retires the old collections and cannot be undone")?;
            finalise::run(&session).await
        }
        Command::Status => status::run(&session).await,
        Command::Logins(args) => logins::run(&session, &args).await,
        Command::Recount => recount::run(&session).await,
        Command::RotateKeys(args) => rotate_keys::run(&session, &args).await,
        Command::Doctor => doctor::run(&session).await,
    }
}

fn confirm(args: &Confirmation, what: &str) -> Result<(), Failure> {
    if args.yes { Ok(()) } else { Err(Failure::WrongUse(format!("{what}: confirm with --yes"))) }
}

/// The last line of a report on work that a signal can stop.
fn ending(is_done: bool, f: &mut Formatter<'_>) -> std::fmt::Result {
    if is_done { Ok(()) } else { f.write_str("Stopped. Nothing is lost: the same command resumes.") }
}
