use std::fmt;

use campaign_store::{Migration, MigrationOptions, RollbackReport};
use serde::Serialize;

use super::{copies, ending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let migration = Migration::new(&session.database.connect_with_keys().await?)?;
    let options = MigrationOptions::new().stop(session.interrupt.stop());
    let step = |report: &RollbackReport| Step::new("removing", report.removed.values().sum(), None);
    Answer::of(&RolledBack(session.follow(migration.rollback(options), step, |_| false).await?))
}

#[derive(Serialize)]
#[serde(transparent)]
struct RolledBack(RollbackReport);

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        copies::reasons("removed", &report.removed, f)?;
        writeln!(f, "kept because they changed since: {}", report.changed_since)?;
        writeln!(f, "kept because remaining campaigns need them: {}", report.needed)?;
        ending(report.is_done, f)
    }
}

impl Report for RolledBack {
    fn exit(&self) -> Exit {
        if self.0.is_done { Exit::Done } else { Exit::Stopped }
    }
}
