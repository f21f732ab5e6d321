//! The calls of a store that are in flight.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};

/// The calls in flight of all handles of a store, and the connections that they may use.
///
/// A plain write to a document that a transaction holds waits in the server, with its connection. If such
/// writes could take all connections, the transaction would wait for one behind them, and everything would
/// stand still until the server ends the transaction. So half of the connections are left to reads and
/// transactions, which never wait in the server for a document.
#[derive(Debug)]
pub(super) struct Calls {
    /// A permit for each call. It is closed with the store.
    all: Semaphore,
    /// A permit for each connection that writes outside of transactions may use.
    plain_writes: Semaphore,
}

/// The driver's default.
pub(super) const POOL_SIZE: u32 = 10;
/// More than a process can have.
const MOST_CALLS: u32 = 1 << 20;

impl Calls {
    /// For a pool of so many connections.
    pub(super) fn new(pool_size: u32) -> Self {
        let plain_writes = (pool_size / 2).max(1);
        Self { all: Semaphore::new(MOST_CALLS as usize), plain_writes: Semaphore::new(plain_writes as usize) }
    }

    /// Begins a call, unless the store was closed.
    pub(super) async fn begin(&self) -> Result<SemaphorePermit<'_>> {
        self.all.acquire().await.map_err(|_| Error::ShutDown)
    }

    /// Waits for a connection for a write outside of a transaction.
    pub(super) async fn begin_plain_write(&self) -> Result<SemaphorePermit<'_>> {
        self.plain_writes.acquire().await.map_err(|_| Error::ShutDown)
    }

    /// Waits until the calls in flight have ended. Those that begin meanwhile wait, too.
    pub(super) async fn drained(&self) {
        drop(self.all.acquire_many(MOST_CALLS).await);
    }

    /// Refuses calls from now on, and those that wait.
    pub(super) fn close(&self) {
        self.all.close();
        self.plain_writes.close();
    }
}
