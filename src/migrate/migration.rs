use std::sync::Arc;

use futures_util::stream::StreamExt;

use super::context::Context;
use super::{MigrationOptions, MigrationProgress, MigrationReport, VerificationReport};
use crate::error::{Invalid, Problem, Result};
use crate::migrate::after::finalise::{FinaliseReport, finalise};
use crate::migrate::after::retry::{RetryReport, retry};
use crate::migrate::after::rollback::{RollbackReport, rollback};
use crate::migrate::copy::run::run;
use crate::migrate::proof::dry_run::{DryRunReport, Reader};
use crate::migrate::proof::verify::verify;
use crate::mongo::connection::Connection;
use crate::repository::RecordStream;

/// The migration of the old collections of a database: `warm_up_emails_table` to `mailboxes`,
/// `email_campaigns` to `campaigns`, and `campaign_metrics` from `email_tracking`, which stays as it
/// is.
///
/// The old collections are only read. What cannot be taken over is put in quarantine with a reason,
/// sealed. Every step can be repeated, and goes on where it stopped, also after the process was
/// killed; of many processes one migrates.
#[derive(Clone)]
pub struct Migration {
    context: Context,
}

impl Migration {
    pub(crate) fn new(connection: Arc<Connection>) -> Result<Self> {
        let vault = connection.vault.clone().ok_or(Invalid::new("vault", Problem::Missing))?;
        Ok(Self { context: Context { connection, vault } })
    }

    /// Migrates what is left, with an item now and then that says how far it is. The last one is
    /// `Finished`. When the stream is dropped the run ends, and can go on later.
    ///
    /// # Errors
    /// The stream ends with the first error, and a later run goes on. `LeaseHeld` when somebody else
    /// migrates; `LeaseLost`; `TooManyRejected`; as [`provision`](crate::MongoStore::provision).
    #[must_use]
    pub fn run(&self, options: MigrationOptions) -> RecordStream<MigrationProgress> {
        run(self.context.clone(), options).boxed()
    }

    /// Reads every old document and says what would become of it, and writes nothing. There is a report
    /// after each page. It looks at the old collections alone: what the application has made since is
    /// not taken into account.
    ///
    /// # Errors
    /// `Unavailable`, `Backend`.
    #[must_use]
    pub fn dry_run(&self) -> RecordStream<DryRunReport> {
        Reader::new(&self.context.connection, self.context.vault.clone()).dry_run().boxed()
    }

    /// Removes what was migrated and is still as it was then, and forgets the migration. What the
    /// application has changed since stays, and so does a mailbox that a remaining campaign names. The
    /// indexes stay. There is a report after each page.
    ///
    /// # Errors
    /// `LeaseHeld` when somebody migrates; `Finalised`; `LeaseLost`, `Unavailable`, `Backend`.
    #[must_use]
    pub fn rollback(&self, options: MigrationOptions) -> RecordStream<RollbackReport> {
        rollback(self.context.clone(), options).boxed()
    }

    /// Retires the old collections of a migration that is done: renames them to `_legacy_…`, and removes
    /// the secrets from them, which are not sealed there. They also are in backups, and for a while in
    /// the log of the server: new ones are safer. It can be repeated when it was cut off.
    ///
    /// # Errors
    /// `NotMigrated`; `LeaseHeld` when somebody migrates; `Unavailable`, `Backend`.
    pub async fn finalise(&self, options: MigrationOptions) -> Result<FinaliseReport> {
        finalise(&self.context, &options).await
    }

    /// Tries the documents in quarantine once more, as they are in the old collections now, or else as
    /// they were then: somebody may have mended them, or this version may know more shapes. There is a
    /// report after each page.
    ///
    /// # Errors
    /// `LeaseHeld` when somebody migrates; `LeaseLost`, `Unavailable`, `Backend`.
    #[must_use]
    pub fn retry_quarantined(&self, options: MigrationOptions) -> RecordStream<RetryReport> {
        retry(self.context.clone(), options).boxed()
    }

    /// Seals anew the originals in quarantine that are not under the primary key, and says how many.
    /// It belongs to each rotation of keys, beside
    /// [`reencrypt`](crate::MailboxRepository::reencrypt).
    ///
    /// # Errors
    /// `Secret` when one does not open; `Unavailable`, `Backend`.
    pub async fn reseal_quarantine(&self) -> Result<u64> {
        self.context.reseal_quarantine().await
    }

    /// Reads every old document once more, and compares what it becomes with what is there; then the
    /// metrics with the tracking rows. Writes nothing. There is a report after each page.
    ///
    /// # Errors
    /// `Unavailable`, `Backend`.
    #[must_use]
    pub fn verify(&self) -> RecordStream<VerificationReport> {
        verify(self.context.clone()).boxed()
    }

    /// How far the migration has come, and what became of the old documents.
    ///
    /// # Errors
    /// `Unavailable`, `Backend`.
    pub async fn status(&self) -> Result<MigrationReport> {
        self.context.report().await
    }
}

impl std::fmt::Debug for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migration").field("connection", &self.context.connection).finish_non_exhaustive()
    }
}
