use std::collections::BTreeMap;

use serde::Serialize;

use super::KeyId;
use crate::error::Error;
use crate::model::MailboxId;

/// The progress of a run of re-encryption.
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
    /// The number of values that were found under each key: secrets of mailboxes, and quarantined originals.
    /// Values that do not open are among them, as long as it can be seen which key they name.
    pub found_under: BTreeMap<KeyId, u64>,
    /// The number of values under each key after the run. Once it [is done](Self::is_done), keys that are not
    /// here are needed by nothing in the database, though perhaps by a backup. In a dry run nothing is
    /// rewritten, so it equals `found_under`.
    pub left_under: BTreeMap<KeyId, u64>,
    /// Secrets of mailboxes that were not sealed, before they were rewritten.
    pub found_plaintext: u64,
    /// Mailboxes with a secret that does not open. They are not changed.
    pub unreadable: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) unreadable mailboxes.
    pub first_unreadable: Vec<UnreadableSecret>,
    /// The sealed originals of the documents that a migration put into quarantine. They come after the
    /// mailboxes.
    pub originals: OriginalsReport,
    /// The last mailbox that was read. A run can [resume](super::ReencryptPlan::resume_after) after it.
    pub last: Option<MailboxId>,
    /// Whether all mailboxes and originals were read.
    pub is_done: bool,
}

/// The progress of a run among the quarantined originals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct OriginalsReport {
    /// Originals that were read.
    pub scanned: u64,
    /// Originals that were re-encrypted; in a dry run, those that would be.
    pub rewritten: u64,
    /// Originals that are under the primary key already.
    pub current: u64,
    /// Originals that were replaced or released at the same time.
    pub conflicts: u64,
    /// Originals that do not open. They are not changed.
    pub unreadable: u64,
    /// The first [`MAX_LISTED`](ReencryptReport::MAX_LISTED) of these, by the `_id`s that the documents had,
    /// each with its problem. An `_id` that is not an `ObjectId` is not shown.
    pub first_unreadable: Vec<String>,
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

impl ReencryptReport {
    /// The largest number of unreadable mailboxes, and of unreadable originals, that a report lists.
    pub const MAX_LISTED: usize = 1_000;

    pub(super) fn add_unreadable(&mut self, mailbox: MailboxId, error: &Error) {
        self.unreadable += 1;
        if self.first_unreadable.len() < Self::MAX_LISTED {
            self.first_unreadable.push(UnreadableSecret { mailbox, problem: error.to_string() });
        }
    }

    /// Counts a value that was found under this key; `None` for one that is not sealed.
    pub(super) fn found(&mut self, key: Option<KeyId>) {
        match key {
            Some(key) => *self.found_under.entry(key).or_default() += 1,
            None => self.found_plaintext += 1,
        }
    }

    /// Counts a value that is under this key now.
    pub(super) fn left(&mut self, key: Option<KeyId>) {
        if let Some(key) = key {
            *self.left_under.entry(key).or_default() += 1;
        }
    }
}

impl OriginalsReport {
    pub(super) fn add_unreadable(&mut self, problem: String) {
        self.unreadable += 1;
        if self.first_unreadable.len() < ReencryptReport::MAX_LISTED {
            self.first_unreadable.push(problem);
        }
    }
}
