//! Trying again.

use std::future::Future;
use std::time::Duration;

use super::lease::Lease;
use crate::error::{Error, Result};

/// How often something is tried again that the server could not do.
pub(crate) const ATTEMPTS: u32 = 8;

/// Does `work` again while the server cannot do it, as long as the lease lasts.
pub(crate) async fn patiently<T, W, F>(lease: &Lease, mut work: W) -> Result<T>
where
    W: FnMut() -> F,
    F: Future<Output = Result<T>>,
{
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    let mut attempts = 0;
    loop {
        match work().await {
            Err(error) if error.is_retryable() && attempts < ATTEMPTS => {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempts)).await;
                lease.require()?;
                attempts += 1;
            }
            done => return done,
        }
    }
}

/// Whether other documents were in the way.
pub(crate) fn is_clash(error: &Error) -> bool {
    matches!(error, Error::Unique { .. } | Error::Conflict { .. })
}
