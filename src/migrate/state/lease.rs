//! One runner at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_stream::try_stream;
use bson::{Bson, Document, doc};
use futures_util::stream::{Stream, TryStreamExt};
use mongodb::options::ReturnDocument;
use tokio::task::JoinHandle;

use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::new_object_id;
use crate::mongo::connection::Connection;
use crate::mongo::error::DriverResult;

const OPERATION: &str = "migration.lease";
const ID: &str = "lease";

/// The right to migrate, for a time by the server's clock. While it is held it is renewed; who dies
/// with it, or sleeps past it, loses it to the next one, who gets a higher token.
pub(crate) struct Lease {
    connection: Arc<Connection>,
    owner: String,
    token: i64,
    until: Until,
    renewal: JoinHandle<()>,
}

/// By this process's clock, when no further write may start. `None` once the lease is lost.
type Until = Arc<Mutex<Option<Instant>>>;

/// Who has the lease, and for how much longer unless it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) owner: String,
    pub(crate) remaining: Duration,
}

impl Lease {
    /// Takes the lease if nobody has it. It lasts for `ttl` at a time.
    pub(crate) async fn acquire(connection: &Arc<Connection>, ttl: Duration) -> Result<Result<Self, Holder>> {
        let leases = leases(connection);
        // One name for each attempt: after an answer that was lost it tells whether it succeeded.
        let owner = format!("process {} ({})", std::process::id(), new_object_id());
        let started = Instant::now();
        let taken = match connection.run(OPERATION, take(&leases, &owner, ttl)).await {
            Err(error) if error.is_retryable() => connection.run(OPERATION, find(&leases)).await?,
            taken => taken?,
        };
        let token = taken
            .filter(|lease| lease.get_str("owner").is_ok_and(|name| name == owner))
            .and_then(|lease| token(&lease));
        let Some(token) = token else {
            return Ok(Err(holder(connection).await?.unwrap_or_else(Holder::nobody)));
        };
        let until = Arc::new(Mutex::new(Some(end(started, ttl))));
        let renewal = tokio::spawn(renew(connection.clone(), owner.clone(), token, ttl, until.clone()));
        Ok(Ok(Self { connection: connection.clone(), owner, token, until, renewal }))
    }

    /// What tells this holder from all earlier ones: the highest number.
    pub(crate) fn token(&self) -> i64 {
        self.token
    }

    /// Makes sure that the lease still holds, before a write.
    pub(crate) fn require(&self) -> Result<()> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// Lets others have it at once when `result` is an error, after which nothing more is done.
    pub(crate) async fn returned_after<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            // If that fails too, it runs out by itself.
            let _ = self.release().await;
        }
        result
    }

    /// Lets others have it at once.
    pub(crate) async fn release(&self) -> Result<()> {
        self.renewal.abort();
        let mine = doc! { "_id": ID, "owner": &self.owner, "token": self.token };
        let past = doc! { "$set": { "expires_at": bson::DateTime::from_millis(0) } };
        let release = async { leases(&self.connection).update_one(mine, past).await };
        self.connection.run(OPERATION, release).await?;
        Ok(())
    }
}

impl Drop for Lease {
    /// It runs out by itself.
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Holder {
    pub(crate) fn into_error(self) -> Error {
        let remaining_ms = u64::try_from(self.remaining.as_millis()).unwrap_or(u64::MAX);
        Error::LeaseHeld { owner: self.owner, remaining_ms }
    }

    fn nobody() -> Self {
        Self { owner: "somebody who has just left".to_owned(), remaining: Duration::ZERO }
    }
}

/// Does `work` with the lease, if nobody has it, and lets others have it at the end.
pub(crate) fn leased<T, S: Stream<Item = Result<T>>>(
    connection: Arc<Connection>,
    ttl: Duration,
    work: impl FnOnce(Arc<Lease>) -> S,
) -> impl Stream<Item = Result<T>> {
    try_stream! {
        let lease = Arc::new(Lease::acquire(&connection, ttl).await?.map_err(Holder::into_error)?);
        let mut work = std::pin::pin!(work(lease.clone()));
        while let Some(item) = lease.returned_after(work.try_next().await).await? {
            yield item;
        }
        lease.release().await?;
    }
}

/// Who has the lease now, if anybody.
pub(crate) async fn holder(connection: &Connection) -> Result<Option<Holder>> {
    let now = doc! { "$addFields": { "remaining": { "$subtract": ["$expires_at", "$$NOW"] } } };
    let read = async {
        let mut found = leases(connection).aggregate([doc! { "$match": { "_id": ID } }, now]).await?;
        if found.advance().await? { Ok(Some(Document::try_from(found.current())?)) } else { Ok(None) }
    };
    let lease = connection.run(OPERATION, read).await?;
    Ok(lease.and_then(|lease| {
        let remaining = lease.get_i64("remaining").ok().and_then(|millis| u64::try_from(millis).ok())?;
        let owner = lease.get_str("owner").ok()?.to_owned();
        Some(Holder { owner, remaining: Duration::from_millis(remaining) })
    }))
}

/// The document stays for ever: it carries the token on.
async fn take(
    leases: &mongodb::Collection<Document>,
    owner: &str,
    ttl: Duration,
) -> DriverResult<Option<Document>> {
    let seed = doc! { "$setOnInsert": { "token": 0_i64, "expires_at": bson::DateTime::from_millis(0) } };
    match leases.update_one(doc! { "_id": ID }, seed).upsert(true).await {
        Err(error) if !crate::mongo::error::is_duplicate(&error) => return Err(error),
        _ => {}
    }
    // The server allows no `$expr` in the filter of an upsert, so these are two steps.
    let expired = doc! { "_id": ID, "$expr": { "$lt": ["$expires_at", "$$NOW"] } };
    let mine = doc! { "$set": {
        "owner": owner,
        "token": { "$add": ["$token", 1_i64] },
        "acquired_at": "$$NOW",
        "expires_at": { "$add": ["$$NOW", millis(ttl)] },
    } };
    leases.find_one_and_update(expired, vec![mine]).return_document(ReturnDocument::After).await
}

async fn find(leases: &mongodb::Collection<Document>) -> DriverResult<Option<Document>> {
    leases.find_one(doc! { "_id": ID }).await
}

async fn renew(connection: Arc<Connection>, owner: String, token: i64, ttl: Duration, until: Until) {
    let leases = leases(&connection);
    let mine = doc! { "_id": ID, "owner": owner, "token": token };
    let longer = doc! { "$set": { "expires_at": { "$add": ["$$NOW", millis(ttl)] } } };
    loop {
        tokio::time::sleep(ttl / 3).await;
        let started = Instant::now();
        // When the server does not answer, the lease ends by itself unless it does in time.
        if let Ok(renewed) = leases.update_one(mine.clone(), vec![longer.clone()]).await {
            let mut until = until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = (renewed.matched_count == 1).then(|| end(started, ttl));
            if until.is_none() {
                return;
            }
        }
    }
}

/// A little before the server would give it to somebody else, for writes that are on their way.
fn end(started: Instant, ttl: Duration) -> Instant {
    started + ttl.mul_f64(5.0 / 6.0)
}

fn leases(connection: &Connection) -> mongodb::Collection<Document> {
    connection.database.collection(Collection::MigrationLease.name())
}

fn token(lease: &Document) -> Option<i64> {
    lease.get("token").and_then(Bson::as_i64)
}

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
