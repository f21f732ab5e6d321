//! Work that would keep the runtime from its other tasks.

use super::Result;
use crate::error::MigrationError;

/// Does `work` on a thread of its own. A panic of `work` is one of the caller.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // Only the end of the runtime cancels such work.
        Err(_) => MigrationError::Cancelled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_stays_a_panic() {
        let panicked = tokio::spawn(blocking(|| panic!("as it was")));
        let panic = panicked.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"as it was"));
    }
}
