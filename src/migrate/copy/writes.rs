//! Writing a batch together with its checkpoint.

use std::borrow::Cow;

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::target::Target;
use crate::document::UPDATED_AT;
use crate::error::Error;
use crate::migrate::Result;
use crate::migrate::access::Access;
use crate::migrate::state::clashes::Clashes;
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::state::quarantine::Quarantine;
use crate::model::UserId;
use crate::mongo::error::{DriverResult, ours};

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

impl Writes<'_> {
    /// Writes all of it and the checkpoint, or nothing.
    ///
    /// # Errors
    /// `LeaseLost` when another runner has taken the part over; `Unique` and `Conflict` when other
    /// documents are in the way.
    pub(super) async fn commit(&self, access: &Access, part: &Part, next: &Part) -> Result<()> {
        let context = (access, self, part, next);
        access
            .transact(OPERATION, context, move |session, (access, writes, part, next)| {
                writes.write(access, session, part, next).boxed()
            })
            .await
    }

    async fn write(
        &self,
        access: &Access,
        session: &mut ClientSession,
        part: &Part,
        next: &Part,
    ) -> DriverResult<()> {
        // A runner that lost its lease fails here, before writing.
        Ledger(access).checkpoint(session, part, next).await?;
        Quarantine(access).put(session, &self.quarantined).await?;
        Quarantine(access).release(session, &self.released).await?;
        Clashes(access).contest(session, &self.contested).await?;
        let target = Target::of(access, part.step).documents();
        for (id, version) in &self.removed {
            let unchanged = doc! { "_id": id, UPDATED_AT.as_str(): version };
            let deleted = target.delete_one(unchanged).session(&mut *session).await?;
            if deleted.deleted_count == 0 {
                return Err(ours(Error::conflict(part.step.target(), id)));
            }
        }
        if !self.inserted.is_empty() {
            // The last ones first, so that the server's check of a unique index, which looks for the next
            // key (see `Copying::run`), finds one of this transaction. Some, because not each has a key in
            // an index of some documents only.
            let (others, last) = self.inserted.split_at(self.inserted.len().saturating_sub(LAST_FIRST));
            let documents = last.iter().rev().chain(others);
            let insert = target.insert_many(documents.map(AsRef::<RawDocumentBuf>::as_ref));
            insert.session(session).await?;
        }
        Ok(())
    }
}
