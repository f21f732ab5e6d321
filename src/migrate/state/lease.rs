//! One runner at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_stream::try_stream;
use futures_util::stream::{Stream, TryStreamExt};
use tokio::task::JoinHandle;

use crate::collection::Collection;
use crate::error::MigrationError;
use crate::migrate::Result;
use crate::migrate::access::Access;
use crate::model::new_object_id;
use crate::mongo::lease::{Grant, Holder, Leases};

const OPERATION: &str = "migration.lease";
const ID: &str = "lease";

/// The right to migrate. While it is held it is renewed in the background; a runner that dies or sleeps
/// past it loses it to the next one.
pub(crate) struct Lease {
    access: Access,
    grant: Grant,
    until: Until,
    renewal: JoinHandle<()>,
}

/// By this process's clock, when no further write may start. `None` once the lease is lost.
type Until = Arc<Mutex<Option<Instant>>>;

impl Lease {
    /// Takes the lease if nobody holds it. It lasts for `ttl` at a time.
    pub(crate) async fn acquire(access: &Access, ttl: Duration) -> Result<Result<Self, Holder>> {
        let leases = leases(access);
        // One name for each attempt: after an answer that was lost it tells whether it succeeded.
        let owner = format!("process {} ({})", std::process::id(), new_object_id());
        let started = Instant::now();
        let taken = match access.run(OPERATION, leases.take(ID, &owner, ttl)).await {
            Err(MigrationError::Store(error)) if error.is_retryable() => {
                access.run(OPERATION, leases.taken_by(ID, &owner)).await?
            }
            taken => taken?,
        };
        let Some(grant) = taken else {
            return Ok(Err(holder(access).await?.unwrap_or_else(|| Holder {
                owner: "a process that has just left".to_owned(),
                remaining: Duration::ZERO,
            })));
        };
        let until = Arc::new(Mutex::new(Some(end(started, ttl))));
        let renewal = tokio::spawn(renew(leases, grant.clone(), ttl, until.clone()));
        Ok(Ok(Self { access: access.clone(), grant, until, renewal }))
    }

    /// What tells this holder from all earlier ones: the highest number.
    pub(crate) fn token(&self) -> i64 {
        self.grant.token()
    }

    /// Makes sure that the lease still holds, before a write.
    pub(crate) fn require(&self) -> Result<()> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            Ok(())
        } else {
            Err(MigrationError::LeaseLost)
        }
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
        self.access.run(OPERATION, leases(&self.access).release(&self.grant)).await
    }
}

impl Drop for Lease {
    /// It runs out by itself.
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// The error of a runner that does not wait for the holder.
pub(crate) fn held(holder: Holder) -> MigrationError {
    let remaining_ms = u64::try_from(holder.remaining.as_millis()).unwrap_or(u64::MAX);
    MigrationError::LeaseHeld { owner: holder.owner, remaining_ms }
}

/// Does `work` with the lease, if nobody holds it, and lets others have it at the end.
pub(crate) fn leased<T, S: Stream<Item = Result<T>>>(
    access: Access,
    ttl: Duration,
    work: impl FnOnce(Arc<Lease>) -> S,
) -> impl Stream<Item = Result<T>> {
    try_stream! {
        let lease = Arc::new(Lease::acquire(&access, ttl).await?.map_err(held)?);
        let mut work = std::pin::pin!(work(lease.clone()));
        while let Some(item) = lease.returned_after(work.try_next().await).await? {
            yield item;
        }
        lease.release().await?;
    }
}

/// Who holds the lease now, if anybody does.
pub(crate) async fn holder(access: &Access) -> Result<Option<Holder>> {
    access.run(OPERATION, leases(access).holder(ID)).await
}

async fn renew(leases: Leases, grant: Grant, ttl: Duration, until: Until) {
    loop {
        tokio::time::sleep(ttl / 3).await;
        let started = Instant::now();
        // When the server does not answer in time, the lease runs out by itself.
        if let Ok(renewed) = leases.renew(&grant, ttl).await {
            let mut until = until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = renewed.then(|| end(started, ttl));
            if until.is_none() {
                return;
            }
        }
    }
}

/// A little before the server would give it to another runner, for writes that are on their way.
fn end(started: Instant, ttl: Duration) -> Instant {
    started + ttl.mul_f64(5.0 / 6.0)
}

fn leases(access: &Access) -> Leases {
    Leases::new(&access.connection().database, Collection::MigrationLease)
}
