use std::sync::Arc;

use bson::Document;
use bson::raw::RawDocumentBuf;

use super::MigrationStep;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::migrate::copy::quarantine::Quarantined;
use crate::migrate::old::old_collection::Source;
use crate::mongo::connection::Connection;
use crate::secret::Vault;

/// What all of a migration works with.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) connection: Arc<Connection>,
    pub(super) vault: Vault,
}

impl Context {
    /// Makes the collections that are written to in transactions, which older servers do not make
    /// there.
    pub(super) async fn prepare(&self) -> Result<()> {
        const NAMESPACE_EXISTS: i32 = 48;
        let steps = MigrationStep::ALL.map(MigrationStep::target);
        for collection in Collection::MIGRATION.into_iter().chain(steps) {
            let create = self.connection.database.create_collection(collection.name());
            match self.connection.run("migration.prepare", async { create.await }).await {
                Err(Error::Backend { code: Some(NAMESPACE_EXISTS), .. }) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// The old collection.
    pub(super) fn source(&self, step: MigrationStep) -> Source {
        Source::new(&self.connection, step.source())
    }

    /// The new collection.
    pub(super) fn target(&self, step: MigrationStep) -> mongodb::Collection<RawDocumentBuf> {
        self.connection.database.collection(step.target().name())
    }

    /// How far each step is.
    pub(super) fn ledger(&self) -> mongodb::Collection<Document> {
        self.connection.database.collection(Collection::MigrationSteps.name())
    }

    /// How far each range of an old collection is.
    pub(super) fn parts(&self) -> mongodb::Collection<Document> {
        self.connection.database.collection(Collection::MigrationParts.name())
    }

    /// What is not taken over.
    pub(super) fn quarantine(&self) -> mongodb::Collection<Document> {
        self.connection.database.collection(Collection::MigrationQuarantine.name())
    }

    /// The users with several primary mailboxes.
    pub(super) fn clashes(&self) -> mongodb::Collection<Document> {
        self.connection.database.collection(Collection::MigrationClashes.name())
    }

    /// A document for the quarantine.
    pub(super) fn seal(
        &self,
        step: MigrationStep,
        quarantined: &Quarantined,
    ) -> Result<(Document, Document)> {
        let sealed = quarantined.seal(step, &self.vault, self.connection.now());
        sealed.map_err(|problem| Error::secret(step.source(), "original", problem))
    }
}
