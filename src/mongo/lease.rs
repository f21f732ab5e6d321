//! Leases: documents that one owner at a time holds, until a moment by the server's clock.

use std::time::Duration;

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, doc};
use mongodb::Database;
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use super::link::error::{DriverResult, is_duplicate, ours};
use crate::collection::Collection;
use crate::error::Error;

/// The leases of a collection, one document each: `owner`, `token`, `acquired_at` and `expires_at`.
///
/// The server's clock says when a lease has run out, so the clocks of the owners do not matter. Each
/// owner gets a higher token than the one before: a write that compares tokens refuses a late owner. The
/// document of a lease stays for ever, since it carries the token on.
#[derive(Clone)]
pub(crate) struct Leases {
    collection: Collection,
    raw: mongodb::Collection<RawDocumentBuf>,
}

/// What an owner holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grant {
    id: Bson,
    owner: String,
    token: i64,
}

/// Who holds a lease, and for how much longer unless it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) owner: String,
    pub(crate) remaining: Duration,
}

impl Grant {
    /// What tells this owner from all earlier ones: the highest number.
    pub(crate) fn token(&self) -> i64 {
        self.token
    }

    fn filter(&self) -> bson::Document {
        doc! { "_id": &self.id, "owner": &self.owner, "token": self.token }
    }
}

impl Leases {
    pub(crate) fn new(database: &Database, collection: Collection) -> Self {
        Self { collection, raw: database.collection(collection.name()) }
    }

    /// Takes a lease for `ttl`, if it is free: new, released, or run out.
    pub(crate) async fn take(
        &self,
        id: impl Into<Bson>,
        owner: &str,
        ttl: Duration,
    ) -> DriverResult<Option<Grant>> {
        let id = id.into();
        let seed = doc! { "$setOnInsert": { "token": 0_i64, "expires_at": bson::DateTime::from_millis(0) } };
        match self.raw.update_one(doc! { "_id": &id }, seed).upsert(true).await {
            Err(error) if !is_duplicate(&error) => return Err(error),
            _ => {}
        }
        // The server allows no `$expr` in the filter of an upsert, so these are two steps.
        let expired = doc! { "_id": &id, "$expr": { "$lt": ["$expires_at", "$$NOW"] } };
        let mine = doc! { "$set": {
            "owner": owner,
            "token": { "$add": ["$token", 1_i64] },
            "acquired_at": "$$NOW",
            "expires_at": { "$add": ["$$NOW", millis(ttl)] },
        } };
        let take = self.raw.find_one_and_update(expired, vec![mine]).return_document(ReturnDocument::After);
        take.await?
            .map(|lease| Ok(Grant { id, owner: owner.to_owned(), token: self.read(&lease)?.token }))
            .transpose()
    }

    /// What this owner holds: after an answer that was lost, it tells whether taking succeeded. The name
    /// must be one that only this attempt has.
    pub(crate) async fn taken_by(&self, id: impl Into<Bson>, owner: &str) -> DriverResult<Option<Grant>> {
        let id = id.into();
        let found = self.raw.find_one(doc! { "_id": &id, "owner": owner }).await?;
        found
            .map(|lease| Ok(Grant { id, owner: owner.to_owned(), token: self.read(&lease)?.token }))
            .transpose()
    }

    /// Extends a lease to `ttl` from now. `false` when another owner has taken it over.
    pub(crate) async fn renew(&self, grant: &Grant, ttl: Duration) -> DriverResult<bool> {
        let longer = doc! { "$set": { "expires_at": { "$add": ["$$NOW", millis(ttl)] } } };
        Ok(self.raw.update_one(grant.filter(), vec![longer]).await?.matched_count == 1)
    }

    /// Lets others take a lease at once, unless another owner has it already.
    pub(crate) async fn release(&self, grant: &Grant) -> DriverResult<()> {
        let past = doc! { "$set": { "expires_at": bson::DateTime::from_millis(0) } };
        self.raw.update_one(grant.filter(), past).await?;
        Ok(())
    }

    /// Who holds a lease now, if anybody does.
    pub(crate) async fn holder(&self, id: impl Into<Bson>) -> DriverResult<Option<Holder>> {
        let now = doc! { "$addFields": { "remaining": { "$subtract": ["$expires_at", "$$NOW"] } } };
        let stages = [doc! { "$match": { "_id": id.into() } }, now];
        let mut found = self.raw.aggregate(stages).await?;
        if !found.advance().await? {
            return Ok(None);
        }
        let lease = self.read(found.current())?;
        let remaining = lease.remaining.and_then(|millis| u64::try_from(millis).ok());
        Ok(lease
            .owner
            .zip(remaining)
            .map(|(owner, millis)| Holder { owner, remaining: Duration::from_millis(millis) }))
    }

    fn read(&self, lease: &RawDocument) -> DriverResult<Lease> {
        bson::deserialize_from_slice(lease.as_bytes()).map_err(|_| {
            ours(Error::Corrupt {
                collection: self.collection,
                id: shown(lease),
                path: "(document)".into(),
                problem: "is not a lease",
            })
        })
    }
}

/// The document of a lease. One that was never taken has no owner.
#[derive(Deserialize)]
struct Lease {
    #[serde(default)]
    owner: Option<String>,
    token: i64,
    /// Milliseconds, where the server was asked to compute them.
    #[serde(default)]
    remaining: Option<i64>,
}

/// The `_id`, which is an id or a name of this crate's own.
fn shown(lease: &RawDocument) -> String {
    match lease.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        Ok(Some(RawBsonRef::String(id))) => id.to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
