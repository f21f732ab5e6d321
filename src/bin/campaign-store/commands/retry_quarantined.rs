use std::fmt;

use campaign_store::{Migration, MigrationOptions, RetryReport};
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
    let step = |report: &RetryReport| {
        Step::new("retrying", report.tried, None).detail(format!("{} taken over", report.taken))
    };
    Answer::of(&Retried(session.follow(migration.retry_quarantined(options), step, |_| false).await?))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Retried(RetryReport);

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} documents retried, {} taken over", self.0.tried, self.0.taken)?;
        copies::reasons("staying", &self.0.staying, f)?;
        ending(self.0.is_done, f)
    }
}

impl Report for Retried {
    fn exit(&self) -> Exit {
        if !self.0.is_done {
            Exit::Stopped
        } else if self.0.staying.is_empty() {
            Exit::Done
        } else {
            Exit::Quarantined
        }
    }
}
