use std::fmt;

use campaign_store::{Migration, ReencryptPlan, ReencryptReport};
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
        Step::new("re-encrypting", report.scanned, None).detail(format!("{} rewritten", report.rewritten))
    };
    let mailboxes = session.follow(reports, step, |_| true).await?;
    // What a migration keeps in quarantine is sealed with the same keys.
    let quarantine = if args.dry_run || !mailboxes.is_done {
        None
    } else {
        Some(Migration::new(&mongo)?.reencrypt_quarantine().await?)
    };
    Answer::of(&Rotated { is_dry_run: args.dry_run, mailboxes, quarantine })
}

#[derive(Serialize)]
struct Rotated {
    is_dry_run: bool,
    mailboxes: ReencryptReport,
    /// Originals in quarantine that were re-encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<u64>,
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.mailboxes;
        writeln!(
            f,
            "{} mailboxes read: {} {}, {} with nothing to do, {} changed by others meanwhile, {} do not open",
            report.scanned,
            report.rewritten,
            if self.is_dry_run { "would be re-encrypted" } else { "re-encrypted" },
            report.current,
            report.conflicts,
            report.unreadable,
        )?;
        for (key, count) in &report.found_under {
            writeln!(f, "  found under key {key}: {count}")?;
        }
        if report.found_plaintext > 0 {
            writeln!(f, "  found unsealed: {}", report.found_plaintext)?;
        }
        for unreadable in report.first_unreadable.iter().take(SHOWN) {
            writeln!(f, "  {}", unreadable.problem)?;
        }
        if let Some(quarantine) = self.quarantine {
            writeln!(f, "{quarantine} documents in quarantine re-encrypted")?;
        }
        if report.conflicts > 0 {
            writeln!(f, "Run it again for the mailboxes that others changed.")?;
        }
        ending(report.is_done, f)
    }
}

impl Report for Rotated {
    fn exit(&self) -> Exit {
        if !self.mailboxes.is_done {
            Exit::Stopped
        } else if self.mailboxes.unreadable + self.mailboxes.conflicts > 0 {
            // A key other than the primary one is still needed.
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}
