use std::fmt;

use campaign_store::LoginReport;
use serde::Serialize;

use super::ending;
use crate::args::Logins;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::session::Session;

/// How many users of a kind the text shows; JSON has more.
const SHOWN: usize = 20;

pub(super) async fn run(session: &Session, args: &Logins) -> Result<Answer, Failure> {
    let mongo = session.database.connect().await?;
    let stop = session.interrupt.stop();
    let report =
        if args.dry_run { mongo.check_logins(&stop).await? } else { mongo.rewrite_logins(&stop).await? };
    Answer::of(&Rewritten { is_dry_run: args.dry_run, report })
}

/// The problem that the doctor reports, if there is one.
pub(super) fn problem(report: &LoginReport) -> Option<String> {
    let n = report.not_in_stored_form();
    (n > 0).then(|| {
        format!(
            "{n} login ids and addresses of users are not in the stored form, so logins can fail and second \
             accounts be made; `logins --dry-run` shows what `logins` would rewrite"
        )
    })
}

#[derive(Serialize)]
struct Rewritten {
    is_dry_run: bool,
    #[serde(flatten)]
    report: LoginReport,
}

impl fmt::Display for Rewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoginReport { users, rewritten, collisions, unusable, changed, .. } = &self.report;
        let done = if self.is_dry_run { "would be rewritten" } else { "rewritten" };
        writeln!(f, "{users} users read: {rewritten} login ids and addresses {done} to the stored form")?;
        if *changed > 0 {
            writeln!(f, "{changed} were changed by others meanwhile: run it again")?;
        }
        if *collisions > 0 {
            writeln!(f, "{collisions} are those of another user as well, who must be changed first:")?;
            for collision in self.report.first_collisions.iter().take(SHOWN) {
                writeln!(f, "  {collision}")?;
            }
        }
        if *unusable > 0 {
            writeln!(f, "{unusable} have no stored form, or their user has no readable updated_at:")?;
            for user in self.report.first_unusable.iter().take(SHOWN) {
                writeln!(f, "  {user}")?;
            }
        }
        ending(self.report.is_done, f)
    }
}

impl Report for Rewritten {
    fn exit(&self) -> Exit {
        match &self.report {
            LoginReport { is_done: false, .. } => Exit::Stopped,
            report if report.is_clean() => Exit::Done,
            _ => Exit::Failed,
        }
    }
}
