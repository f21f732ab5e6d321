use std::fmt;

use campaign_store::{CopyReport, DryRunReport, Migration};
use serde::Serialize;

use super::{copies, ending};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let migration = Migration::new(&session.database.connect_with_keys().await?)?;
    Answer::of(&DryRun(session.follow(migration.dry_run(), step, |_| true).await?))
}

fn step(report: &DryRunReport) -> Step {
    let sum = |of: fn(&CopyReport) -> u64| report.collections.iter().map(of).sum();
    let quarantined: u64 = sum(CopyReport::quarantined);
    Step::new("reading", sum(|copy| copy.read), Some(sum(|copy| copy.source)))
        .detail(format!("{quarantined} would go to quarantine"))
}

#[derive(Serialize)]
#[serde(transparent)]
struct DryRun(DryRunReport);

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        copies::write(&self.0.collections, f)?;
        let forecast = &self.0.forecast;
        writeln!(
            f,
            "A migration would copy {} documents, {} bytes, in about {:.0} s. Nothing was written.",
            forecast.documents, forecast.bytes, forecast.seconds
        )?;
        ending(self.0.is_done, f)
    }
}

impl Report for DryRun {
    fn exit(&self) -> Exit {
        if !self.0.is_done {
            Exit::Stopped
        } else if self.0.collections.iter().any(|copy| copy.quarantined() > 0) {
            Exit::Quarantined
        } else {
            Exit::Done
        }
    }
}
