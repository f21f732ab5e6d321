//! Documents that cannot all be taken over: two with the same key, two primary mailboxes of a user.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::TryStreamExt;

use super::batch::{Batch, Candidate, read};
use super::commit::Writes;
use super::quarantine::{Quarantined, quarantine_id};
use crate::document::{Query, field};
use crate::error::Result;
use crate::migrate::context::Context;
use crate::migrate::legacy::legacy_record::{LegacyRecord, Rank};
use crate::migrate::{MigrationStep, Repair};
use crate::model::{MailboxId, UserId};

const OPERATION: &str = "migration.clashes";

/// A new document whose key another one wants.
struct Holder {
    id: ObjectId,
    version: Option<bson::DateTime>,
    /// What it was taken over from, if it is still as it was then.
    origin: Option<Origin>,
}

/// What a new document was taken over from.
struct Origin {
    rank: Rank,
    repair: Option<Repair>,
    original: RawDocumentBuf,
}

impl Context {
    /// What is to be written of a batch, with a look at what is there.
    ///
    /// The rules look at old documents only, so it does not matter who comes first.
    pub(crate) async fn settle<'a, L: LegacyRecord>(&self, batch: &'a Batch<L>) -> Result<Writes<'a>> {
        let present =
            self.present(L::STEP, batch.taken.iter().map(|candidate| candidate.record.id())).await?;
        let absent = batch.taken.iter().filter(|candidate| !present.contains(&candidate.record.id()));
        let mut by_key: BTreeMap<Vec<u8>, Vec<&'a Candidate<L>>> = BTreeMap::new();
        let mut keys = Vec::new();
        for candidate in absent {
            if let Some(key) = L::key(&candidate.document) {
                let same = by_key.entry(key.as_bytes().to_vec()).or_default();
                if same.is_empty() {
                    keys.extend(Document::try_from(&*key));
                }
                same.push(candidate);
            }
        }
        let holders = self.holders::<L>(keys).await?;

        let mut writes = Writes::default();
        let mut lost: Vec<Quarantined> = Vec::new();
        let mut winners: Vec<&'a Candidate<L>> = Vec::new();
        for (key, mut same) in by_key {
            same.sort_by_key(|candidate| candidate.record.rank());
            let Some(best) = same.first() else { continue };
            let mut survivor = best.record.id();
            match holders.get(&key) {
                None => winners.push(best),
                Some(holder) => match (&holder.origin, holder.version) {
                    (Some(origin), Some(version)) if best.record.rank() < origin.rank => {
                        writes.removed.push((holder.id, version));
                        let original = origin.original.clone();
                        lost.push(Quarantined::duplicate(L::KEY_FIELD, survivor, origin.repair, original));
                        winners.push(best);
                    }
                    _ => survivor = holder.id,
                },
            }
            for candidate in same.iter().filter(|candidate| candidate.record.id() != survivor) {
                let repair = candidate.record.repairs().first().copied();
                let original = candidate.original.clone();
                lost.push(Quarantined::duplicate(L::KEY_FIELD, survivor, repair, original));
            }
        }
        for quarantined in lost.iter().chain(&batch.rejected) {
            writes.quarantined.push(self.seal(L::STEP, quarantined)?);
        }
        winners.sort_by_key(|candidate| candidate.record.id());
        // Whoever is taken over now may have been put aside before.
        let released = winners.iter().map(|winner| quarantine_id(L::STEP, &winner.original));
        writes.released = released.collect();
        self.insert_with_one_primary(winners, &mut writes).await?;
        Ok(writes)
    }

    /// Those of the ids that new documents have.
    pub(crate) async fn present(
        &self,
        step: MigrationStep,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<HashSet<ObjectId>> {
        let ids = Query::all().one_of(field::ID, ids);
        let find = async {
            let found = self.target(step).find(ids.to_filter()).projection(doc! { "_id": 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = self.connection.run(OPERATION, find).await?;
        Ok(found.iter().filter_map(|document| document.get_object_id("_id").ok()).collect())
    }

    /// Those of the mailboxes that are there.
    pub(crate) async fn linked(&self, mailboxes: HashSet<MailboxId>) -> Result<HashSet<MailboxId>> {
        if mailboxes.is_empty() {
            return Ok(mailboxes);
        }
        let ids = mailboxes.into_iter().map(MailboxId::as_object_id);
        let linked = self.present(MigrationStep::Mailboxes, ids).await?;
        Ok(linked.into_iter().map(MailboxId::from).collect())
    }

    /// The new documents that have one of these keys, by key.
    async fn holders<L: LegacyRecord>(&self, keys: Vec<Document>) -> Result<HashMap<Vec<u8>, Holder>> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let find = async {
            let found = self.target(L::STEP).find(doc! { "$or": keys }).await?;
            found.try_collect::<Vec<RawDocumentBuf>>().await
        };
        let found = self.connection.run(OPERATION, find).await?;
        let ids = found.iter().filter_map(|document| document.get_object_id("_id").ok());
        let mut originals = self.source(L::STEP).by_id(ids).await?;
        let mut holders = HashMap::new();
        for document in found {
            let (Ok(id), Some(key)) = (document.get_object_id("_id"), L::key(&document)) else { continue };
            let version = document.get_datetime(field::UPDATED_AT.as_str()).ok();
            let origin = originals.remove(&id).and_then(|original| {
                let record = read::<L>(&original, &self.vault).ok()?;
                // What the application changed since is its own.
                let is_unchanged = version == Some(record.updated_at().into());
                let repair = record.repairs().first().copied();
                is_unchanged.then(|| Origin { rank: record.rank(), repair, original })
            });
            holders.insert(key.as_bytes().to_vec(), Holder { id, version, origin });
        }
        Ok(holders)
    }

    /// Of a user's primary mailboxes the first to come is inserted as such. Which one stays is found
    /// out when all are there.
    async fn insert_with_one_primary<'a, L: LegacyRecord>(
        &self,
        winners: Vec<&'a Candidate<L>>,
        writes: &mut Writes<'a>,
    ) -> Result<()> {
        let users: HashSet<UserId> =
            winners.iter().filter_map(|winner| Some(winner.record.primary_of()?.0)).collect();
        let mut taken = self.users_with_primary(&users, &writes.removed).await?;
        for winner in winners {
            match winner.record.primary_of() {
                Some((user, _)) if !taken.insert(user) => {
                    writes.contested.push(user);
                    writes.inserted.push(Cow::Owned(winner.record.encode_demoted(&self.vault)?));
                }
                _ => writes.inserted.push(Cow::Borrowed(&winner.document)),
            }
        }
        Ok(())
    }

    /// Those of the users who have a primary mailbox that stays.
    async fn users_with_primary(
        &self,
        users: &HashSet<UserId>,
        removed: &[(ObjectId, bson::DateTime)],
    ) -> Result<HashSet<UserId>> {
        if users.is_empty() {
            return Ok(HashSet::new());
        }
        let user_id = field::USER_ID.as_str();
        let primary = Query::all()
            .one_of(field::USER_ID, users.iter().map(|user| user.as_object_id()))
            .is(field::IS_PRIMARY, true);
        let find = async {
            let mailboxes = self.target(MigrationStep::Mailboxes);
            let found = mailboxes.find(primary.to_filter()).projection(doc! { user_id: 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = self.connection.run(OPERATION, find).await?;
        let stays = |document: &&RawDocumentBuf| {
            let id = document.get_object_id("_id").ok();
            !removed.iter().any(|(removed, _)| Some(*removed) == id)
        };
        let users = found.iter().filter(stays).filter_map(|document| document.get_object_id(user_id).ok());
        Ok(users.map(UserId::from).collect())
    }
}
