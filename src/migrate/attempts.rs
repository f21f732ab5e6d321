//! Retrying.

use std::future::Future;
use std::time::Duration;

use super::Result;
use super::state::lease::Lease;
use crate::error::{Error, MigrationError};

/// How often a call is retried that the server could not do.
pub(crate) const ATTEMPTS: u32 = 8;

/// Retries `work` while the server cannot do it, as long as the lease lasts.
pub(crate) async fn patiently<T, W, F>(lease: &Lease, mut work: W) -> Result<T>
where
    W: FnMut() -> F,
    F: Future<Output = Result<T>>,
{
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    let mut attempts = 0;
    loop {
        match work().await {
            Err(MigrationError::Store(error)) if error.is_retryable() && attempts < ATTEMPTS => {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempts)).await;
                lease.require()?;
                attempts += 1;
            }
            done => return done,
        }
    }
}

/// Whether other documents were in the way.
pub(crate) fn is_clash(error: &MigrationError) -> bool {
    matches!(error, MigrationError::Store(Error::Unique { .. } | Error::Conflict { .. }))
}
