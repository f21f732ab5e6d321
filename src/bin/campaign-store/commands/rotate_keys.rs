use std::fmt;

use campaign_store::{ReencryptPlan, ReencryptReport};
use serde::Serialize;

use super::ending;
use crate::args::RotateKeys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

/// How many unreadable mailboxes the text shows; JSON has more.
const SHOWN: usize = 20;

pub(super) async fn run(session: &Session, args: &RotateKeys) -> Result<Answer, Failure> {
    let mongo = session.database.connect_with_keys().await?;
    let plan = if args.dry_run { ReencryptPlan::new().dry_run() } else { ReencryptPlan::new() };
    let reports = mongo.system().mailbox_secrets.reencrypt(plan).await?;
    let step = |report: &ReencryptReport| {
        let rewritten = report.rewritten + report.originals.rewritten;
        Step::new("re-encrypting", report.scanned + report.originals.scanned, None)
            .detail(format!("{rewritten} rewritten"))
    };
    let report = session.follow(reports, step, |_| true).await?;
    Answer::of(&Rotated { is_dry_run: args.dry_run, report })
}

#[derive(Serialize)]
struct Rotated {
    is_dry_run: bool,
    #[serde(flatten)]
    report: ReencryptReport,
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReencryptReport { originals, .. } = &self.report;
        let report = &self.report;
        let done = if self.is_dry_run { "would be re-encrypted" } else { "re-encrypted" };
        writeln!(
            f,
            "{} mailboxes read: {} {done}, {} with nothing to do, {} changed by others meanwhile, {} do not open",
            report.scanned, report.rewritten, report.current, report.conflicts, report.unreadable,
        )?;
        if originals.scanned > 0 {
            writeln!(
                f,
                "{} originals in quarantine read: {} {done}, {} with nothing to do, {} changed by others \
                 meanwhile, {} do not open",
                originals.scanned,
                originals.rewritten,
                originals.current,
                originals.conflicts,
                originals.unreadable,
            )?;
        }
        for (key, found) in &report.found_under {
            let left = report.left_under.get(key).copied().unwrap_or_default();
            writeln!(f, "  values under key {key}: {found} found, {left} left")?;
        }
        if report.found_plaintext > 0 {
            writeln!(f, "  found unsealed: {}", report.found_plaintext)?;
        }
        let problems = report.first_unreadable.iter().map(|unreadable| &unreadable.problem);
        for problem in problems.chain(&originals.first_unreadable).take(SHOWN) {
            writeln!(f, "  {problem}")?;
        }
        if report.conflicts + originals.conflicts > 0 {
            writeln!(f, "Run it again for what others changed.")?;
        }
        ending(report.is_done, f)
    }
}

impl Report for Rotated {
    fn exit(&self) -> Exit {
        let ReencryptReport { unreadable, conflicts, originals, is_done, .. } = &self.report;
        if !is_done {
            Exit::Stopped
        } else if unreadable + conflicts + originals.unreadable + originals.conflicts > 0 {
            // A key other than the primary one is still needed.
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}
