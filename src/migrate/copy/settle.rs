//! Documents that cannot all be taken over: two with the same key, two primary mailboxes of a user.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::TryStreamExt;

use super::batch::{Batch, Candidate, read};
use super::target::{Target, users_with_primary};
use super::writes::Writes;
use crate::document::UPDATED_AT;
use crate::migrate::access::Access;
use crate::migrate::attempts::{ATTEMPTS, is_clash};
use crate::migrate::legacy::legacy_record::{LegacyRecord, Rank};
use crate::migrate::old::source::Source;
use crate::migrate::state::lease::Lease;
use crate::migrate::state::part::Part;
use crate::migrate::state::quarantined::{Quarantined, quarantine_id};
use crate::migrate::{Repair, Result};
use crate::model::UserId;

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

/// Writes a batch with a look at what is there, again while others come in between, and says what.
pub(crate) async fn settle_and_commit<'a, L: LegacyRecord>(
    access: &Access,
    lease: &Lease,
    part: &Part,
    next: &Part,
    batch: &'a Batch<L>,
) -> Result<Writes<'a>> {
    let mut attempts = 0;
    loop {
        let writes = settle(access, batch).await?;
        lease.require()?;
        attempts += 1;
        match writes.commit(access, part, next).await {
            Err(error) if is_clash(&error) && attempts < ATTEMPTS => {}
            done => return done.map(|()| writes),
        }
    }
}

/// What is to be written of a batch, with a look at what is there.
///
/// The rules look at old documents only, so the order in which they come does not matter.
async fn settle<'a, L: LegacyRecord>(access: &Access, batch: &'a Batch<L>) -> Result<Writes<'a>> {
    let ids = batch.taken.iter().map(|candidate| candidate.record.id());
    let present = Target::of(access, L::STEP).present(ids).await?;
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
    let holders = holders::<L>(access, keys).await?;

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
        writes.quarantined.push(quarantined.seal(L::STEP, access.vault()?, access.now())?);
    }
    winners.sort_by_key(|candidate| candidate.record.id());
    // What is taken over now may have been in quarantine before.
    let released = winners.iter().map(|winner| quarantine_id(L::STEP, &winner.original));
    writes.released = released.collect();
    insert_with_one_primary(access, winners, &mut writes).await?;
    Ok(writes)
}

/// The new documents that have one of these keys, by key.
async fn holders<L: LegacyRecord>(access: &Access, keys: Vec<Document>) -> Result<HashMap<Vec<u8>, Holder>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let find = async {
        let found = Target::of(access, L::STEP).documents().find(doc! { "$or": keys }).await?;
        found.try_collect::<Vec<RawDocumentBuf>>().await
    };
    let found = access.run(OPERATION, find).await?;
    let ids = found.iter().filter_map(|document| document.get_object_id("_id").ok());
    let mut originals = Source::of(access, L::STEP).by_id(ids).await?;
    let mut holders = HashMap::new();
    for document in found {
        let (Ok(id), Some(key)) = (document.get_object_id("_id"), L::key(&document)) else { continue };
        let version = document.get_datetime(UPDATED_AT.as_str()).ok();
        let origin = originals.remove(&id).and_then(|original| {
            let record = read::<L>(&original, access.vault().ok()?).ok()?;
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
    access: &Access,
    winners: Vec<&'a Candidate<L>>,
    writes: &mut Writes<'a>,
) -> Result<()> {
    let users: HashSet<UserId> =
        winners.iter().filter_map(|winner| Some(winner.record.primary_of()?.0)).collect();
    let mut taken = users_with_primary(access, &users, &writes.removed).await?;
    for winner in winners {
        match winner.record.primary_of() {
            Some((user, _)) if !taken.insert(user) => {
                writes.contested.push(user);
                writes.inserted.push(Cow::Owned(winner.record.encode_demoted(access.vault()?)?));
            }
            _ => writes.inserted.push(Cow::Borrowed(&winner.document)),
        }
    }
    Ok(())
}
