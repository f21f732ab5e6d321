use std::fmt;

use campaign_store::{Migration, MigrationReport};
use serde::Serialize;

use super::copies;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    Answer::of(&Status(Migration::status_of(&session.database.connect().await?).await?))
}

/// How far a migration is.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Status(pub(super) MigrationReport);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        copies::write(&report.collections, f)?;
        let metrics = &report.metrics;
        writeln!(
            f,
            "campaign_metrics: {} campaigns, {} tracking rows of other campaigns ({:.1} s)",
            metrics.campaigns, metrics.unattributed_rows, metrics.seconds
        )?;
        if let Some(runner) = &report.runner {
            writeln!(f, "running: {runner}")?;
        }
        f.write_str(match (report.is_finalised, report.is_done) {
            (true, _) => "Finalised: the old collections are retired.\n",
            (_, true) => "Migrated.\n",
            _ => "Not migrated yet.\n",
        })
    }
}

impl Report for Status {
    fn exit(&self) -> Exit {
        Exit::Done
    }
}
