use std::fmt;

use campaign_store::{Migration, VerificationReport};
use serde::Serialize;

use super::ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

/// How many problems the text shows; JSON has them all.
const SHOWN: usize = 20;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let migration = Migration::new(&session.database.connect_with_keys().await?)?;
    Answer::of(&verify(session, &migration).await?)
}

pub(super) async fn verify(session: &Session, migration: &Migration) -> Result<Verification, Failure> {
    let step = |report: &VerificationReport| {
        let wrong = report.missing + report.differing;
        Step::new("verifying", report.checked, None).detail(format!("{wrong} missing or different"))
    };
    Ok(Verification(session.follow(migration.verify(), step, |_| true).await?))
}

/// What a verification has found.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Verification(VerificationReport);

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        writeln!(
            f,
            "{} old documents checked: {} same, {} changed since, {} in quarantine, {} missing, {} different",
            report.checked,
            report.same,
            report.changed_since,
            report.quarantined,
            report.missing,
            report.differing,
        )?;
        writeln!(f, "campaigns with wrong metrics: {}", report.metrics_drift)?;
        for problem in report.problems.iter().take(SHOWN) {
            writeln!(f, "  {} {}: {}", problem.from.source(), problem.id, problem.problem)?;
        }
        for drift in report.drifting.iter().take(SHOWN) {
            writeln!(f, "  campaign_metrics of {} are wrong", drift.campaign_id)?;
        }
        ending(report.is_done, f)
    }
}

impl Report for Verification {
    fn exit(&self) -> Exit {
        if !self.0.is_done {
            Exit::Stopped
        } else if self.0.is_ok() {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}
