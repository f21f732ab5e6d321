//! Writing a batch together with its checkpoint.

use std::borrow::Cow;

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::batch::Batch;
use crate::collection::Collection;
use crate::document::{Query, field};
use crate::error::{Error, Result};
use crate::migrate::MigrationStep;
use crate::migrate::context::Context;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::state::attempts::{ATTEMPTS, is_clash};
use crate::migrate::state::lease::Lease;
use crate::migrate::state::part::Part;
use crate::model::UserId;
use crate::mongo::error::{DriverResult, ours};
use crate::mongo::table::Table;

const OPERATION: &str = "migration.copy";
/// How many of the last documents of a batch are inserted before the others.
const LAST_FIRST: usize = 10;

/// What a batch changes.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    /// New documents that must make way, with the versions that they must still have.
    pub(crate) removed: Vec<(ObjectId, bson::DateTime)>,
    /// Documents for the quarantine: where and what.
    pub(crate) quarantined: Vec<(Document, Document)>,
    /// Documents that leave the quarantine.
    pub(crate) released: Vec<Document>,
    /// Users with more than one primary mailbox.
    pub(crate) contested: Vec<UserId>,
    pub(crate) inserted: Vec<Cow<'a, RawDocumentBuf>>,
}

impl Context {
    /// Writes a batch with a look at what is there, again while others come in between, and says what.
    pub(crate) async fn settle_and_commit<'a, L: LegacyRecord>(
        &self,
        lease: &Lease,
        part: &Part,
        next: &Part,
        batch: &'a Batch<L>,
    ) -> Result<Writes<'a>> {
        let mut attempts = 0;
        loop {
            let writes = self.settle(batch).await?;
            lease.require()?;
            attempts += 1;
            match self.commit(L::STEP, part, next, &writes).await {
                Err(error) if is_clash(&error) && attempts < ATTEMPTS => {}
                done => return done.map(|()| writes),
            }
        }
    }

    /// Writes all of it, or nothing of it.
    ///
    /// `LeaseLost` when somebody else goes on with the part; `Unique` and `Conflict` when other
    /// documents are in the way.
    pub(crate) async fn commit(
        &self,
        step: MigrationStep,
        part: &Part,
        next: &Part,
        writes: &Writes<'_>,
    ) -> Result<()> {
        let context = (self, part, next, writes);
        self.connection
            .transact(OPERATION, context, move |session, (context, part, next, writes)| {
                context.write(step, session, part, next, writes).boxed()
            })
            .await
    }

    async fn write(
        &self,
        step: MigrationStep,
        session: &mut ClientSession,
        part: &Part,
        next: &Part,
        writes: &Writes<'_>,
    ) -> DriverResult<()> {
        // A runner that lost its lease fails here, before writing.
        self.checkpoint(session, step, part, next).await?;
        self.put_aside(session, writes).await?;
        let target = self.target(step);
        for (id, version) in &writes.removed {
            let unchanged = doc! { "_id": id, field::UPDATED_AT.as_str(): version };
            let delete = target.delete_one(unchanged);
            let deleted = delete.session(&mut *session).await?;
            if deleted.deleted_count == 0 {
                return Err(ours(Error::conflict(step.target(), id)));
            }
        }
        if !writes.inserted.is_empty() {
            // The last ones first, so that the server's check of a unique index, which looks for the next
            // key (see `Copying::run`), finds one of this transaction. Some, because not each has a key in
            // an index of some documents only.
            let (others, last) = writes.inserted.split_at(writes.inserted.len().saturating_sub(LAST_FIRST));
            let documents = last.iter().rev().chain(others);
            let insert = target.insert_many(documents.map(AsRef::<RawDocumentBuf>::as_ref));
            insert.session(session).await?;
        }
        Ok(())
    }

    /// Everything that is written beside the new documents.
    async fn put_aside(&self, session: &mut ClientSession, writes: &Writes<'_>) -> DriverResult<()> {
        let table = |collection| Table::new(&self.connection.database, collection);
        let quarantined = writes.quarantined.iter().map(|(id, update)| (id.into(), update.clone()));
        table(Collection::MigrationQuarantine).upsert_each(Some(&mut *session), quarantined).await?;
        if !writes.released.is_empty() {
            let released = Query::all().one_of(field::ID, writes.released.iter().cloned());
            let quarantine = self.quarantine();
            let delete = quarantine.delete_many(released.to_filter());
            delete.session(&mut *session).await?;
        }
        let contested = writes.contested.iter();
        let contested =
            contested.map(|user| (user.as_object_id().into(), doc! { "$set": { "is_settled": false } }));
        table(Collection::MigrationClashes).upsert_each(Some(session), contested).await
    }

    /// Writes how far the part is, unless somebody else may write it by now.
    pub(crate) async fn checkpoint(
        &self,
        session: &mut ClientSession,
        step: MigrationStep,
        part: &Part,
        next: &Part,
    ) -> DriverResult<()> {
        let parts = self.parts();
        let replace = parts.replace_one(part.unchanged(), next.to_document(step));
        let replaced = replace.session(session).await?;
        if replaced.matched_count == 1 { Ok(()) } else { Err(ours(Error::LeaseLost)) }
    }
}
