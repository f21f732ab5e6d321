//! What is done and what is to be done, where every runner finds it.

use bson::{Document, doc};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::ClientSession;

use super::counts::{count, stored};
use super::part::Part;
use crate::error::{Error, Result};
use crate::migrate::MigrationStep;
use crate::migrate::context::Context;
use crate::migrate::old::range::Range;
use crate::mongo::error::{DriverResult, ours};

const OPERATION: &str = "migration.ledger";
/// The entry of the migration as a whole.
const MIGRATION: &str = "migration";

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the document")]
pub(crate) struct Entry {
    /// How many documents the old collection had, when that was last looked at.
    pub(crate) source: u64,
    /// Whether it is cut into parts.
    pub(crate) is_planned: bool,
    pub(crate) is_done: bool,
    /// Whether the old collections were retired.
    pub(crate) is_finalised: bool,
    /// Whether it was done before: then most documents are there.
    pub(crate) is_repeated: bool,
    /// How long was worked on it.
    pub(crate) millis: u64,
    /// How many rows belong to no campaign.
    pub(crate) unattributed: u64,
}

impl Entry {
    fn from_document(document: &Document) -> Self {
        let flag = |name| document.get_bool(name).unwrap_or(false);
        Self {
            source: count(document, "source"),
            is_planned: flag("is_planned"),
            is_done: flag("is_done"),
            is_finalised: flag("is_finalised"),
            is_repeated: flag("is_repeated"),
            millis: count(document, "millis"),
            unattributed: count(document, "unattributed"),
        }
    }
}

impl Context {
    /// Makes the entries that are missing, and takes all of them over: from now on nobody with an
    /// older token can write.
    pub(crate) async fn take_over(&self, token: i64) -> Result<()> {
        let take = async {
            for entry in entries() {
                let absent = doc! { "$setOnInsert": { "source": 0_i64, "started_at": bson::DateTime::from_chrono(self.connection.now()) } };
                self.ledger().update_one(doc! { "_id": entry }, absent).upsert(true).await?;
            }
            let older = doc! { "token": { "$not": { "$gt": token } } };
            let mine = doc! { "$set": { "token": token } };
            self.ledger().update_many(older.clone(), mine.clone()).await?;
            self.parts().update_many(older, mine).await?;
            Ok(())
        };
        self.connection.run(OPERATION, take).await
    }

    /// The entry of a step; `None` stands for the migration as a whole.
    pub(crate) async fn entry(&self, step: Option<MigrationStep>) -> Result<Entry> {
        let find = async { self.ledger().find_one(doc! { "_id": name(step) }).await };
        let found = self.connection.run(OPERATION, find).await?;
        Ok(found.map(|entry| Entry::from_document(&entry)).unwrap_or_default())
    }

    /// Changes an entry, while its token is still this one.
    pub(crate) async fn note(&self, step: Option<MigrationStep>, token: i64, change: Document) -> Result<()> {
        let mine = doc! { "_id": name(step), "token": token };
        let update = async { self.ledger().update_one(mine, change).await };
        let updated = self.connection.run(OPERATION, update).await?;
        if updated.matched_count == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// Nothing is done any more: the next run looks at everything again.
    pub(crate) async fn reopen(&self, token: i64) -> Result<()> {
        let again = doc! { "$set": { "is_done": false, "is_planned": false, "is_repeated": true } };
        for step in [None].into_iter().chain(MigrationStep::ALL.map(Some)) {
            self.note(step, token, again.clone()).await?;
        }
        // Who comes now may be primary before others.
        let unsettled = doc! { "$set": { "is_settled": false } };
        let unsettle = async { self.clashes().update_many(doc! {}, unsettled).await };
        self.connection.run(OPERATION, unsettle).await?;
        Ok(())
    }

    /// Cuts the old collection into parts, which stay as they are.
    pub(crate) async fn plan(&self, step: MigrationStep, token: i64) -> Result<()> {
        let source = self.source(step);
        let total = source.count().await?;
        let ranges = source.cut(total).await?.into_iter().enumerate();
        let mut parts: Vec<_> =
            ranges.map(|(number, range)| Part::new(step, &format!("{number:04}"), range)).collect();
        if step == MigrationStep::Mailboxes {
            parts.push(Part::new(step, PRIMARIES, Range::default()));
        }
        let mut retries = Part::new(step, RETRIES, Range::default());
        retries.is_done = true;
        parts.push(retries);
        for part in &mut parts {
            part.token = token;
        }
        let parts: Vec<_> = parts.iter().map(|part| part.to_document(step)).collect();
        let context = (self, parts);
        self.connection
            .transact(OPERATION, context, move |session, (context, parts)| {
                context.write_plan(step, session, token, total, parts).boxed()
            })
            .await
    }

    async fn write_plan(
        &self,
        step: MigrationStep,
        session: &mut ClientSession,
        token: i64,
        total: u64,
        parts: &[Document],
    ) -> DriverResult<()> {
        let unplanned = doc! { "_id": name(Some(step)), "token": token, "is_planned": { "$ne": true } };
        let planned = doc! { "$set": { "is_planned": true, "source": stored(total) } };
        let old = doc! { "step": step.source() };
        let planned = self.ledger().update_one(unplanned, planned).session(&mut *session).await?;
        if planned.matched_count == 0 {
            return Err(ours(Error::LeaseLost));
        }
        self.parts().delete_many(old).session(&mut *session).await?;
        self.parts().insert_many(parts).session(session).await?;
        Ok(())
    }

    /// The parts of a step.
    pub(crate) async fn parts_of(&self, step: MigrationStep) -> Result<Vec<Part>> {
        let find = async {
            let parts = self.parts().find(doc! { "step": step.source() }).sort(doc! { "_id": 1 }).await?;
            parts.try_collect::<Vec<_>>().await
        };
        let parts = self.connection.run(OPERATION, find).await?;
        Ok(parts.into_iter().filter_map(Part::from_document).collect())
    }

    /// A part as it is now.
    pub(crate) async fn part(&self, id: &str) -> Result<Option<Part>> {
        let find = async { self.parts().find_one(doc! { "_id": id }).await };
        Ok(self.connection.run(OPERATION, find).await?.and_then(Part::from_document))
    }
}

/// The part in which it is settled which mailboxes are primary.
pub(crate) const PRIMARIES: &str = "primaries";
/// The part in which documents are counted that left the quarantine.
pub(crate) const RETRIES: &str = "retries";

impl Part {
    /// Whether the part is a range of documents.
    pub(crate) fn is_range(&self) -> bool {
        !self.id.ends_with(PRIMARIES) && !self.id.ends_with(RETRIES)
    }
}

fn entries() -> impl Iterator<Item = &'static str> {
    MigrationStep::ALL.into_iter().map(Some).chain([None]).map(name)
}

fn name(step: Option<MigrationStep>) -> &'static str {
    step.map_or(MIGRATION, MigrationStep::source)
}
