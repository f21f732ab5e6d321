use std::fmt;

use campaign_store::{FinaliseReport, Migration, MigrationOptions};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let migration = Migration::new(&session.database.connect_with_keys().await?)?;
    Answer::of(&Finalised(migration.finalise(MigrationOptions::new()).await?))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Finalised(FinaliseReport);

impl fmt::Display for Finalised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (from, to) in &self.0.renamed {
            writeln!(f, "{from} renamed to {to}")?;
        }
        writeln!(f, "documents from which secrets were removed: {}", self.0.scrubbed)
    }
}

impl Report for Finalised {
    fn exit(&self) -> Exit {
        Exit::Done
    }
}
