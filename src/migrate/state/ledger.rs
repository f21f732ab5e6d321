//! What is done and what is to be done, where every runner finds it.

use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::ClientSession;

use super::counts::stored;
use super::entry::Entry;
use super::part::Part;
use super::stored::read;
use crate::collection::Collection;
use crate::error::MigrationError;
use crate::migrate::access::Access;
use crate::migrate::{MigrationStep, Result};
use crate::mongo::error::{DriverResult, code_of, ours};

const OPERATION: &str = "migration.ledger";
/// The entry of the migration as a whole.
const MIGRATION: &str = "migration";

/// The entries, one for each step and one for the migration as a whole, and the parts of each step.
pub(crate) struct Ledger<'a>(pub(crate) &'a Access);

impl Ledger<'_> {
    /// Creates the collections that are written to in transactions, where older servers do not create
    /// them.
    pub(crate) async fn prepare(&self) -> Result<()> {
        const NAMESPACE_EXISTS: i32 = 48;
        let steps = MigrationStep::ALL.map(MigrationStep::target);
        let collections = Collection::MIGRATION.into_iter().chain(steps);
        let create = async {
            for collection in collections {
                let database = &self.0.connection().database;
                match database.create_collection(collection.name()).await {
                    Err(error) if code_of(&error) == Some(NAMESPACE_EXISTS) => {}
                    done => done?,
                }
            }
            Ok(())
        };
        self.0.run("migration.prepare", create).await
    }

    /// Adds the entries that are missing, and takes all of them over: a runner with an older token can no
    /// longer write.
    pub(crate) async fn take_over(&self, token: i64) -> Result<()> {
        let started_at = bson::DateTime::from_chrono(self.0.now());
        let take = async {
            for entry in entries() {
                let absent = doc! { "$setOnInsert": { "source": 0_i64, "started_at": started_at } };
                self.entries().update_one(doc! { "_id": entry }, absent).upsert(true).await?;
            }
            let older = doc! { "token": { "$not": { "$gt": token } } };
            let mine = doc! { "$set": { "token": token } };
            self.entries().update_many(older.clone(), mine.clone()).await?;
            self.parts().update_many(older, mine).await?;
            Ok(())
        };
        self.0.run(OPERATION, take).await
    }

    /// The entry of a step; `None` stands for the migration as a whole.
    pub(crate) async fn entry(&self, step: Option<MigrationStep>) -> Result<Entry> {
        let find = async { self.entries().find_one(doc! { "_id": name(step) }).await };
        let found = self.0.run(OPERATION, find).await?;
        Ok(found.map(|entry| read(Collection::MigrationSteps, &entry)).transpose()?.unwrap_or_default())
    }

    /// Changes an entry, while its token is still this one.
    pub(crate) async fn note(&self, step: Option<MigrationStep>, token: i64, change: Document) -> Result<()> {
        let mine = doc! { "_id": name(step), "token": token };
        let update = async { self.entries().update_one(mine, change).await };
        let updated = self.0.run(OPERATION, update).await?;
        if updated.matched_count == 1 { Ok(()) } else { Err(MigrationError::LeaseLost) }
    }

    /// Marks everything as not done: the next run looks at it again.
    pub(crate) async fn reopen(&self, token: i64) -> Result<()> {
        let again = doc! { "$set": { "is_done": false, "is_planned": false, "is_repeated": true } };
        for step in [None].into_iter().chain(MigrationStep::ALL.map(Some)) {
            self.note(step, token, again.clone()).await?;
        }
        Ok(())
    }

    /// Replaces the parts of a step that is not planned, for an old collection of `total` documents.
    pub(crate) async fn plan(
        &self,
        step: MigrationStep,
        token: i64,
        total: u64,
        parts: &[Part],
    ) -> Result<()> {
        let context = (self, parts);
        self.0
            .transact(OPERATION, context, move |session, (ledger, parts)| {
                ledger.write_plan(step, session, token, total, parts).boxed()
            })
            .await
    }

    async fn write_plan(
        &self,
        step: MigrationStep,
        session: &mut ClientSession,
        token: i64,
        total: u64,
        parts: &[Part],
    ) -> DriverResult<()> {
        let unplanned = doc! { "_id": name(Some(step)), "token": token, "is_planned": { "$ne": true } };
        let planned = doc! { "$set": { "is_planned": true, "source": stored(total) } };
        let planned = self.entries().update_one(unplanned, planned).session(&mut *session).await?;
        if planned.matched_count == 0 {
            return Err(ours(MigrationError::LeaseLost));
        }
        let old = doc! { "step": step.source() };
        self.parts().delete_many(old).session(&mut *session).await?;
        let parts: Vec<_> = parts.iter().map(Part::encode).collect::<DriverResult<_>>()?;
        self.parts().insert_many(parts).session(session).await?;
        Ok(())
    }

    /// The parts of a step.
    pub(crate) async fn parts_of(&self, step: MigrationStep) -> Result<Vec<Part>> {
        let find = async {
            let parts = self.parts().find(doc! {}).sort(doc! { "_id": 1 }).await?;
            parts.try_collect::<Vec<_>>().await
        };
        // All are read, because one that names no step is damaged and belongs to any.
        let parts = self.0.run(OPERATION, find).await?;
        let mut parts = parts.iter().map(|part| Part::decode(part)).collect::<Result<Vec<_>, _>>()?;
        parts.retain(|part| part.step == step);
        Ok(parts)
    }

    /// A part as it is now.
    pub(crate) async fn part(&self, id: &str) -> Result<Option<Part>> {
        let find = async { self.parts().find_one(doc! { "_id": id }).await };
        let part = self.0.run(OPERATION, find).await?;
        Ok(part.map(|part| Part::decode(&part)).transpose()?)
    }

    /// Writes how far the part is, unless another runner may write it by now.
    pub(crate) async fn checkpoint(
        &self,
        session: &mut ClientSession,
        part: &Part,
        next: &Part,
    ) -> DriverResult<()> {
        let replace = self.parts().replace_one(part.unchanged(), next.encode()?).session(session).await?;
        if replace.matched_count == 1 { Ok(()) } else { Err(ours(MigrationError::LeaseLost)) }
    }

    fn entries(&self) -> mongodb::Collection<RawDocumentBuf> {
        self.0.collection(Collection::MigrationSteps.name())
    }

    fn parts(&self) -> mongodb::Collection<RawDocumentBuf> {
        self.0.collection(Collection::MigrationParts.name())
    }
}

fn entries() -> impl Iterator<Item = &'static str> {
    MigrationStep::ALL.into_iter().map(Some).chain([None]).map(name)
}

fn name(step: Option<MigrationStep>) -> &'static str {
    step.map_or(MIGRATION, MigrationStep::source)
}
