use std::fmt;

use futures_util::stream::{self, StreamExt};

use super::access::Access;
use super::after::finalise::finalise;
use super::after::retry::retry;
use super::after::rollback::rollback;
use super::copy::run::run;
use super::proof::dry_run::Reader;
use super::proof::report::report;
use super::proof::verify::verify;
use super::{
    DryRunReport, FinaliseReport, MigrationOptions, MigrationProgress, MigrationReport, MigrationStream,
    Result, RetryReport, RollbackReport, VerificationReport,
};
use crate::mongo::MongoStore;

/// The migration of the old collections of a database: `warm_up_emails_table` to `mailboxes`,
/// `email_campaigns` to `campaigns`, and `campaign_metrics` computed from `email_tracking`, which stays as
/// it is.
///
/// The old collections are only read. Documents that cannot be taken over go to quarantine, sealed, with a
/// reason. Every step can be repeated and resumes where it stopped, even after the process was killed. Of
/// several processes one migrates at a time.
///
/// ```no_run
/// use campaign_store::{Migration, MigrationError, MigrationOptions, MongoStore};
/// use futures_util::TryStreamExt;
///
/// # async fn migrate(store: MongoStore) -> Result<(), MigrationError> {
/// let migration = Migration::new(&store)?;
/// let mut progress = migration.run(MigrationOptions::new());
/// while let Some(progress) = progress.try_next().await? {
///     println!("{:?}: {}", progress.phase, progress.done);
/// }
/// assert!(migration.status().await?.is_done);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Migration {
    access: Access,
}

impl Migration {
    /// The migration of the database of this store.
    ///
    /// # Errors
    /// `Invalid` without a vault: the secrets of the old documents must be sealed.
    pub fn new(store: &MongoStore) -> Result<Self> {
        Ok(Self { access: Access::with_keys(store)? })
    }

    /// Migrates what is left. The stream reports progress, and ends with `Finished`. Dropping it ends the
    /// run, which can be resumed later.
    ///
    /// # Errors
    /// `LeaseHeld` when another process migrates; `LeaseLost`; `TooManyRejected`; those of
    /// [`provision`](MongoStore::provision). A later run resumes.
    #[must_use]
    pub fn run(&self, options: MigrationOptions) -> MigrationStream<MigrationProgress> {
        run(self.access.clone(), options).boxed()
    }

    /// Reads every old document and reports what a run would make of it. Writes nothing. The dry run sees
    /// the old collections and the linked mailboxes only, not what else the application has created since.
    /// There is a report after each page.
    ///
    /// # Errors
    /// Those of the connection.
    #[must_use]
    pub fn dry_run(&self) -> MigrationStream<DryRunReport> {
        match Reader::new(&self.access) {
            Ok(reader) => reader.dry_run().boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    /// Removes the migrated documents that are unchanged, and all records of the migration. Documents that
    /// the application has changed stay, and so do mailboxes that a remaining campaign names. The indexes
    /// stay. There is a report after each page.
    ///
    /// # Errors
    /// `LeaseHeld` when another process migrates; `Finalised`; `LeaseLost`; those of the connection.
    #[must_use]
    pub fn rollback(&self, options: MigrationOptions) -> MigrationStream<RollbackReport> {
        rollback(self.access.clone(), options).boxed()
    }

    /// Retires the old collections of a migration that is done: renames them to `_legacy_…`, and removes the
    /// secrets from them, which are not sealed there. The secrets are still in backups, and for a while in
    /// the server's oplog, so it is safer to replace them. A call that was cut off can be repeated.
    ///
    /// # Errors
    /// `NotMigrated`; `LeaseHeld` when another process migrates; those of the connection.
    pub async fn finalise(&self, options: MigrationOptions) -> Result<FinaliseReport> {
        finalise(&self.access, &options).await
    }

    /// Retries the documents in quarantine: as they are in the old collections now, or as they were
    /// quarantined where they are gone. They may have been mended, or this version may read more shapes.
    /// There is a report after each page.
    ///
    /// # Errors
    /// `LeaseHeld` when another process migrates; `LeaseLost`; `Original`; those of the connection.
    #[must_use]
    pub fn retry_quarantined(&self, options: MigrationOptions) -> MigrationStream<RetryReport> {
        retry(self.access.clone(), options).boxed()
    }

    /// Reads every old document again and compares what it becomes with the stored document, then the
    /// metrics with the tracking rows. Writes nothing. There is a report after each page.
    ///
    /// # Errors
    /// Those of the connection.
    #[must_use]
    pub fn verify(&self) -> MigrationStream<VerificationReport> {
        verify(self.access.clone()).boxed()
    }

    /// How far the migration has come, and what became of the old documents.
    ///
    /// # Errors
    /// `Corrupt` when a record of the migration is damaged; those of the connection.
    pub async fn status(&self) -> Result<MigrationReport> {
        report(&self.access).await
    }

    /// The same for a store without keys.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn status_of(store: &MongoStore) -> Result<MigrationReport> {
        report(&Access::of(store)).await
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("connection", self.access.connection()).finish_non_exhaustive()
    }
}
