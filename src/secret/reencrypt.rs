//! The re-encryption of secrets with the primary key.

use std::collections::HashSet;
use std::sync::Arc;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::future::join;
use futures_util::stream::{BoxStream, StreamExt};

use super::{
    KeyId, ReencryptReport, Reencrypted, SealedCredentials, SealedMailbox, SealedOriginal, SecretStorage,
    Vault,
};
use crate::clock::Clock;
use crate::error::{Error, Result, SecretProblem};
use crate::model::{MailboxId, SecretField};

/// The options of a run of re-encryption. A run can be repeated, and several runs can work at once.
///
/// ```
/// use campaign_store::{MemoryStore, ReencryptPlan};
/// use futures_util::stream::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let mut reports = store.mailbox_secrets.reencrypt(ReencryptPlan::new().dry_run()).await?;
/// while let Some(report) = reports.next().await {
///     let report = report?;
///     println!("{} mailboxes read, {} to re-encrypt", report.scanned, report.rewritten);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ReencryptPlan {
    batch_size: usize,
    is_dry_run: bool,
    resume_after: Option<MailboxId>,
}

impl ReencryptPlan {
    /// A run through all mailboxes, in batches of 500.
    pub fn new() -> Self {
        Self { batch_size: 500, is_dry_run: false, resume_after: None }
    }

    /// Sets the number of mailboxes in a batch, from 1 to 1,000. There is a report after each batch.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size.clamp(1, 1_000);
        self
    }

    /// Makes it a dry run: the run writes nothing, and its reports say what it would do.
    pub fn dry_run(mut self) -> Self {
        self.is_dry_run = true;
        self
    }

    /// Resumes an interrupted run: only mailboxes after `last`, the [`last`](ReencryptReport::last) one of
    /// its latest report, are read.
    pub fn resume_after(mut self, last: MailboxId) -> Self {
        self.resume_after = Some(last);
        self
    }
}

impl Default for ReencryptPlan {
    fn default() -> Self {
        Self::new()
    }
}

/// Re-encrypts the mailboxes in batches, and then the quarantined originals, with a report after each batch.
pub(crate) fn reencrypt(
    secrets: impl SecretStorage + 'static,
    vault: Option<Vault>,
    clock: Arc<dyn Clock>,
    plan: ReencryptPlan,
) -> BoxStream<'static, Result<ReencryptReport>> {
    try_stream! {
        if let Some(vault) = &vault {
            // With an outdated primary key, this process would undo the re-encryption of others. If the
            // provider is unavailable, the run continues with the keys in use.
            let _ = vault.reload().await;
        }
        let mut report = ReencryptReport { last: plan.resume_after, ..ReencryptReport::default() };
        let mut batch = secrets.sealed_after(report.last, plan.batch_size).await?;
        loop {
            let is_last = batch.len() < plan.batch_size;
            let examined = examine(batch, vault.as_ref(), clock.now(), &mut report)?;
            let replace = async {
                let changes = examined.iter().map(|(_, change)| change.clone()).collect::<Vec<_>>();
                if plan.is_dry_run || changes.is_empty() {
                    return Ok(HashSet::new());
                }
                secrets.replace(changes).await
            };
            let next = async {
                if is_last { Ok(Vec::new()) } else { secrets.sealed_after(report.last, plan.batch_size).await }
            };
            // The next batch is read while this one is written.
            let (replaced, following) = join(replace, next).await;
            count(&examined, &replaced?, vault.as_ref(), plan.is_dry_run, &mut report);
            batch = following?;
            if is_last {
                break;
            }
            yield report.clone();
        }
        let mut last = None;
        loop {
            let batch = secrets.originals_after(last.as_ref()).await?;
            let Some(end) = batch.last() else { break };
            last = Some(end.id.clone());
            yield report.clone();
            for original in batch {
                reencrypt_original(&secrets, original, vault.as_ref(), plan.is_dry_run, &mut report).await?;
            }
        }
        report.is_done = true;
        yield report;
    }
    .boxed()
}

/// The keys of the values of a mailbox, `None` for one that is not sealed.
type Found = Vec<Option<KeyId>>;

/// Reads the mailboxes of a batch, and seals the values of those that have some under another key than the
/// primary one.
fn examine(
    batch: Vec<SealedMailbox>,
    vault: Option<&Vault>,
    now: DateTime<Utc>,
    report: &mut ReencryptReport,
) -> Result<Vec<(Found, Reencrypted)>> {
    let mut all = Vec::new();
    for (mailbox, sealed) in batch {
        report.scanned += 1;
        report.last = Some(mailbox);
        let found: Found = sealed.as_ref().map(SealedCredentials::keys).unwrap_or_default();
        for key in &found {
            report.found(*key);
        }
        let change = sealed.and_then(|sealed| reencrypt_one(&sealed, vault, now));
        if let Ok(Some(change)) = change {
            all.push((found, change));
            continue;
        }
        for key in &found {
            report.left(*key);
        }
        match change {
            Ok(_) => report.current += 1,
            // Without keys or random numbers every other mailbox would fail, too.
            Err(
                error @ Error::Secret { problem: SecretProblem::NoKeys | SecretProblem::NoRandomness, .. },
            ) => {
                return Err(error);
            }
            Err(error) => report.add_unreadable(mailbox, &error),
        }
    }
    Ok(all)
}

/// Counts what became of the mailboxes that were to be rewritten.
fn count(
    examined: &[(Found, Reencrypted)],
    replaced: &HashSet<MailboxId>,
    vault: Option<&Vault>,
    is_dry_run: bool,
    report: &mut ReencryptReport,
) {
    for (found, change) in examined {
        let is_replaced = replaced.contains(&change.mailbox);
        if is_replaced || is_dry_run {
            report.rewritten += 1;
        } else {
            report.conflicts += 1;
        }
        for key in found {
            report.left(if is_replaced { vault.map(Vault::primary) } else { *key });
        }
    }
}

/// Seals the values of a mailbox that are not under the primary key with it.
fn reencrypt_one(
    sealed: &SealedCredentials,
    vault: Option<&Vault>,
    now: DateTime<Utc>,
) -> Result<Option<Reencrypted>> {
    let mut old = Vec::new();
    for field in SecretField::ALL.iter().copied() {
        match sealed.open_field(field, vault, now)? {
            // It could not be read even after sealing.
            Some((None, text)) if !field.allows(&text) => {
                let problem = SecretProblem::OutOfBounds;
                return Err(Error::secret(sealed.mailbox, field.as_str(), problem));
            }
            Some((key, text)) if key != vault.map(Vault::primary) => old.push((field, text)),
            None | Some(_) => {}
        }
    }
    if old.is_empty() { Ok(None) } else { sealed.reencrypt(old, vault).map(Some) }
}

/// Seals an original that is not under the primary key with it.
async fn reencrypt_original(
    secrets: &impl SecretStorage,
    original: SealedOriginal,
    vault: Option<&Vault>,
    is_dry_run: bool,
    report: &mut ReencryptReport,
) -> Result<()> {
    let key = original.key();
    if key.is_some() {
        report.found(key);
    }
    report.originals.scanned += 1;
    let mut left = key;
    match original.reencrypted(vault) {
        Err(problem) => report.originals.add_unreadable(format!("{}: {problem}", original.name)),
        Ok(None) => report.originals.current += 1,
        Ok(Some(_)) if is_dry_run => report.originals.rewritten += 1,
        Ok(Some(new)) => {
            if secrets.replace_original(original, new).await? {
                report.originals.rewritten += 1;
                left = vault.map(Vault::primary);
            } else {
                report.originals.conflicts += 1;
            }
        }
    }
    report.left(left);
    Ok(())
}
