//! What there is in the new collections.

use std::collections::{HashMap, HashSet};

use bson::doc;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use futures_util::TryStreamExt;
use mongodb::Collection;

use crate::document::mailbox::field;
use crate::document::{ID, Query};
use crate::migrate::access::Access;
use crate::migrate::old::source::Source;
use crate::migrate::{MigrationStep, Result};
use crate::model::{MailboxId, UserId};

const OPERATION: &str = "migration.target";

/// The new collection of a step.
pub(crate) struct Target<'a> {
    access: &'a Access,
    step: MigrationStep,
}

impl<'a> Target<'a> {
    pub(crate) fn of(access: &'a Access, step: MigrationStep) -> Self {
        Self { access, step }
    }

    pub(crate) fn documents(&self) -> Collection<RawDocumentBuf> {
        self.access.collection(self.step.target().name())
    }

    /// The documents of these ids.
    pub(crate) async fn by_id(
        &self,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<HashMap<ObjectId, RawDocumentBuf>> {
        Source::new(self.access, self.step.target().name()).by_id(ids).await
    }

    /// Those of the ids that documents have.
    pub(crate) async fn present(&self, ids: impl Iterator<Item = ObjectId>) -> Result<HashSet<ObjectId>> {
        let ids = Query::all().one_of(ID, ids);
        let find = async {
            let found = self.documents().find(ids.to_filter()).projection(doc! { "_id": 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = self.access.run(OPERATION, find).await?;
        Ok(found.iter().filter_map(|document| document.get_object_id("_id").ok()).collect())
    }
}

/// Those of the mailboxes that are there.
pub(crate) async fn linked(access: &Access, mailboxes: HashSet<MailboxId>) -> Result<HashSet<MailboxId>> {
    if mailboxes.is_empty() {
        return Ok(mailboxes);
    }
    let ids = mailboxes.into_iter().map(MailboxId::as_object_id);
    let linked = Target::of(access, MigrationStep::Mailboxes).present(ids).await?;
    Ok(linked.into_iter().map(MailboxId::from).collect())
}

/// Those of the users who have a primary mailbox beside the `removed` ones.
pub(super) async fn users_with_primary(
    access: &Access,
    users: &HashSet<UserId>,
    removed: &[(ObjectId, bson::DateTime)],
) -> Result<HashSet<UserId>> {
    if users.is_empty() {
        return Ok(HashSet::new());
    }
    let user_id = field::user_id.as_str();
    let primary = Query::all()
        .one_of(field::user_id, users.iter().map(|user| user.as_object_id()))
        .is(field::is_primary, &true);
    let find = async {
        let mailboxes = Target::of(access, MigrationStep::Mailboxes).documents();
        let found = mailboxes.find(primary.to_filter()).projection(doc! { user_id: 1 }).await?;
        found.try_collect::<Vec<_>>().await
    };
    let found = access.run(OPERATION, find).await?;
    let stays = |document: &&RawDocumentBuf| {
        let id = document.get_object_id("_id").ok();
        !removed.iter().any(|(removed, _)| Some(*removed) == id)
    };
    let users = found.iter().filter(stays).filter_map(|document| document.get_object_id(user_id).ok());
    Ok(users.map(UserId::from).collect())
}
