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
        problems
    }
}

impl fmt::Display for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id.to_string()).collect();
        let ReencryptReport { scanned, rewritten, .. } = &self.rotation;
        write!(f, "{}; {scanned} mailboxes, {rewritten} of them under older keys", ids.join(", "))
    }
}
