use std::sync::Arc;

use futures_util::stream::StreamExt;

use super::context::Context;
use super::run::run;
use super::{MigrationOptions, MigrationProgress, MigrationReport};
use crate::error::{Invalid, Problem, Result};
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
