//! The plain driver, writing unchanged documents in the way of the migration.

use futures_util::TryStreamExt;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use mongodb::{ClientSession, Collection, Database};

use crate::Result;
use crate::documents::id;

/// As many as in the migration.
pub(crate) const WRITERS: u32 = 4;
/// Documents per transaction, as many as in the migration.
const TRANSACTION: u32 = 1_000;
/// How many of them are inserted before the others, as the migration does.
const LAST_FIRST: usize = 10;

/// Copies a part of the migrated mailboxes.
pub(crate) struct Writer {
    number: u32,
    next: u32,
    end: u32,
    migrated: Collection<RawDocumentBuf>,
    inserted: Collection<RawDocumentBuf>,
    notes: Collection<Document>,
    session: ClientSession,
}

impl Writer {
    pub(crate) async fn new(database: &Database, number: u32, mailboxes: u32) -> Result<Self> {
        let part = mailboxes.div_ceil(WRITERS);
        let notes = database.collection("notes");
        notes.insert_one(doc! { "_id": number }).await?;
        Ok(Self {
            number,
            next: number * part,
            end: mailboxes.min((number + 1) * part),
            migrated: database.collection("mailboxes"),
            inserted: database.collection("inserted"),
            notes,
            session: database.client().start_session().await?,
        })
    }

    pub(crate) async fn write_all(mut self) -> Result<()> {
        while self.next < self.end {
            self.write_batch().await?;
        }
        Ok(())
    }

    /// Writes the next documents in a transaction with a note of the progress.
    pub(crate) async fn write_batch(&mut self) -> Result<()> {
        let (first, end) = (self.next, self.end.min(self.next + TRANSACTION));
        let range = doc! { "_id": { "$gte": id(2, first), "$lt": id(2, end) } };
        let batch = self.migrated.find(range).batch_size(TRANSACTION).await?;
        let mut batch: Vec<_> = batch.try_collect().await?;
        let others = batch.len().saturating_sub(LAST_FIRST);
        let last = batch.split_off(others);
        let batch = last.iter().rev().chain(&batch);
        let noted = doc! { "$set": { "next": end } };
        self.session.start_transaction().await?;
        self.notes.update_one(doc! { "_id": self.number }, noted).session(&mut self.session).await?;
        self.inserted.insert_many(batch).session(&mut self.session).await?;
        self.session.commit_transaction().await?;
        self.next = end;
        Ok(())
    }
}
