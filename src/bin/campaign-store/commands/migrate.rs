use std::fmt;

use campaign_store::{
    Migration, MigrationOptions, MigrationOutcome, MigrationPhase, MigrationProgress, MigrationReport,
    MigrationStep,
};
use serde::Serialize;

use super::status::Status;
use super::verify::{Verification, verify};
use crate::args::Migrate;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

pub(super) async fn run(session: &Session, args: &Migrate) -> Result<Answer, Failure> {
    let options = options(session, args)?;
    let migration = Migration::new(&session.database.connect_with_keys().await?)?;
    let outcome = migrate(session, &migration, options).await?;
    let verification = if args.verify && outcome != MigrationOutcome::Stopped {
        Some(verify(session, &migration).await?)
    } else {
        None
    };
    Answer::of(&Migrated { outcome, status: Status(migration.status().await?), verification })
}

fn options(session: &Session, args: &Migrate) -> Result<MigrationOptions, Failure> {
    let options = MigrationOptions::new().wait(args.wait).stop(session.interrupt.stop());
    Ok(match args.max_bad_share {
        Some(share) => options.max_bad_share(share)?,
        None => options,
    })
}

async fn migrate(
    session: &Session,
    migration: &Migration,
    options: MigrationOptions,
) -> Result<MigrationOutcome, Failure> {
    // A run that waits has begun nothing; any other ends by itself, at a checkpoint.
    let may_leave = |progress: &MigrationProgress| progress.phase == MigrationPhase::Waiting;
    let last = session.follow(migration.run(options), step, may_leave).await?;
    Ok(match last.phase {
        MigrationPhase::Finished(outcome) => outcome,
        _ => MigrationOutcome::Stopped,
    })
}

fn step(progress: &MigrationProgress) -> Step {
    let label = match progress.phase {
        MigrationPhase::Waiting => "waiting for another process that migrates",
        MigrationPhase::Provisioning => "creating indexes",
        MigrationPhase::Copying(MigrationStep::Mailboxes) => "copying mailboxes",
        MigrationPhase::Copying(MigrationStep::Campaigns) => "copying campaigns",
        MigrationPhase::Primaries => "choosing primary mailboxes",
        MigrationPhase::Metrics => "computing metrics from tracking rows",
        _ => "migrating",
    };
    let step = Step::new(label, progress.done, progress.total);
    if progress.done == 0 {
        return step;
    }
    let (rate, quarantined) = (progress.docs_per_second, progress.quarantined);
    step.detail(format!("{rate:.0}/s, {quarantined} in quarantine"))
}

#[derive(Serialize)]
struct Migrated {
    outcome: MigrationOutcome,
    #[serde(flatten)]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<Verification>,
}

impl Migrated {
    fn report(&self) -> &MigrationReport {
        &self.status.0
    }
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)?;
        if let Some(verification) = &self.verification {
            verification.fmt(f)?;
        }
        super::ending(self.outcome != MigrationOutcome::Stopped, f)
    }
}

impl Report for Migrated {
    fn exit(&self) -> Exit {
        if self.outcome == MigrationOutcome::Stopped {
            return Exit::Stopped;
        }
        match self.verification.as_ref().map(Report::exit) {
            None | Some(Exit::Done) if self.report().quarantined() > 0 => Exit::Quarantined,
            None => Exit::Done,
            Some(exit) => exit,
        }
    }
}
