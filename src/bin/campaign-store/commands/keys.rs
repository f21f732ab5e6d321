//! Whether the keys open what is sealed.

use std::fmt;

use campaign_store::{KeyId, KeyState, ReencryptPlan, ReencryptReport, Repositories, Vault};
use serde::Serialize;

use crate::failure::Failure;
use crate::progress::Step;
use crate::session::Session;

#[derive(Serialize)]
pub(super) struct KeyCheck {
    keys: Vec<(KeyId, KeyState)>,
    /// What a rotation would do.
    rotation: ReencryptReport,
}

impl KeyCheck {
    pub(super) async fn run(session: &Session, store: &Repositories, vault: &Vault) -> Result<Self, Failure> {
        let reports = store.mailbox_secrets.reencrypt(ReencryptPlan::new().dry_run()).await?;
        let step = |report: &ReencryptReport| Step::new("opening secrets", report.scanned, None);
        let rotation = session.follow(reports, step, |_| true).await?;
        session.interrupt.check()?;
        Ok(Self { keys: vault.keys(), rotation })
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.rotation.unreadable > 0 {
            problems.push(format!("{} mailboxes have secrets that do not open", self.rotation.unreadable));
        }
        if self.rotation.originals.unreadable > 0 {
            let unreadable = self.rotation.originals.unreadable;
            problems.push(format!("{unreadable} originals in quarantine do not open"));
        }
        problems
    }
}

impl fmt::Display for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id.to_string()).collect();
        let ReencryptReport { scanned, originals, found_under, .. } = &self.rotation;
        write!(f, "{}; {scanned} mailboxes, {} originals in quarantine", ids.join(", "), originals.scanned)?;
        for (key, count) in found_under {
            write!(f, "; under key {key}: {count}")?;
        }
        Ok(())
    }
}
