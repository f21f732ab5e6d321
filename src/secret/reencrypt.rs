//! The re-encryption of secrets with the primary key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::future::join;
use futures_util::stream::{BoxStream, StreamExt};
use serde::Serialize;

use super::{KeyId, Reencrypted, SealedCredentials, SealedMailbox, SecretStorage, Vault};
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

/// The progress of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct ReencryptReport {
    /// Mailboxes that were read.
    pub scanned: u64,
    /// Mailboxes whose secrets were re-encrypted; in a dry run, those that would be.
    pub rewritten: u64,
    /// Mailboxes that need no change: they have no secrets, or all are under the primary key.
    pub current: u64,
    /// Mailboxes with a secret that another process changed at the same time. The new secret is already
    /// sealed with the primary key; the next run re-encrypts the other secrets of the mailbox.
    pub conflicts: u64,
    /// The number of mailboxes with secrets under each key, before they were rewritten. A mailbox with
    /// secrets under two keys counts for both.
    pub found_under: BTreeMap<KeyId, u64>,
    /// Mailboxes with secrets that were not sealed, before they were rewritten.
    pub found_plaintext: u64,
    /// Mailboxes with a secret that does not open. They are not changed.
    pub unreadable: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) unreadable mailboxes.
    pub first_unreadable: Vec<UnreadableSecret>,
    /// The last mailbox that was read. A run can [resume](ReencryptPlan::resume_after) after it.
    pub last: Option<MailboxId>,
    /// Whether all mailboxes were read.
    pub is_done: bool,
}

impl ReencryptReport {
    /// The largest number of unreadable mailboxes that a report lists.
    pub const MAX_LISTED: usize = 1_000;

    fn add_unreadable(&mut self, mailbox: MailboxId, error: &Error) {
        self.unreadable += 1;
        if self.first_unreadable.len() < Self::MAX_LISTED {
            self.first_unreadable.push(UnreadableSecret { mailbox, problem: error.to_string() });
        }
    }
}

/// A mailbox with a secret that does not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableSecret {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The field and its problem, as the text of an [`Error::Secret`]. It never contains the secret.
    pub problem: String,
}

/// Re-encrypts the mailboxes in batches, with a report after each.
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
        while !report.is_done {
            report.is_done = batch.len() < plan.batch_size;
            let reencrypted = reencrypt_batch(batch, vault.as_ref(), clock.now(), &mut report)?;
            let expected = count(reencrypted.len());
            let replace = async {
                if plan.is_dry_run || reencrypted.is_empty() { Ok(expected) } else { secrets.replace(reencrypted).await }
            };
            let next = async {
                if report.is_done { Ok(Vec::new()) } else { secrets.sealed_after(report.last, plan.batch_size).await }
            };
            // The next batch is read while this one is written.
            let (replaced, following) = join(replace, next).await;
            let replaced = replaced?;
            report.rewritten += replaced;
            report.conflicts += expected.saturating_sub(replaced);
            yield report.clone();
            batch = following?;
        }
    }
    .boxed()
}

fn reencrypt_batch(
    batch: Vec<SealedMailbox>,
    vault: Option<&Vault>,
    now: DateTime<Utc>,
    report: &mut ReencryptReport,
) -> Result<Vec<Reencrypted>> {
    let mut all = Vec::new();
    for (mailbox, sealed) in batch {
        report.scanned += 1;
        report.last = Some(mailbox);
        let opened = sealed.and_then(|sealed| reencrypt_one(&sealed, vault, now, report));
        match opened {
            Ok(Some(reencrypted)) => all.push(reencrypted),
            Ok(None) => report.current += 1,
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

/// Seals the values of a mailbox that are not under the primary key with it.
fn reencrypt_one(
    sealed: &SealedCredentials,
    vault: Option<&Vault>,
    now: DateTime<Utc>,
    report: &mut ReencryptReport,
) -> Result<Option<Reencrypted>> {
    let mut found = BTreeSet::new();
    let mut old = Vec::new();
    let mut failure = None;
    for field in SecretField::ALL.iter().copied() {
        match sealed.open_field(field, vault, now) {
            Ok(None) => {}
            // It could not be read even after sealing.
            Ok(Some((None, text))) if !field.allows(&text) => {
                found.insert(None);
                let problem = SecretProblem::OutOfBounds;
                failure.get_or_insert(Error::secret(sealed.mailbox, field.as_str(), problem));
            }
            Ok(Some((key, text))) => {
                found.insert(key);
                if key != vault.map(Vault::primary) {
                    old.push((field, text));
                }
            }
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    for key in found {
        match key {
            Some(key) => *report.found_under.entry(key).or_default() += 1,
            None => report.found_plaintext += 1,
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    if old.is_empty() { Ok(None) } else { sealed.reencrypt(old, vault).map(Some) }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
