use std::time::Duration;

use super::Stop;
use crate::error::{Invalid, Problem};

/// How a migration runs.
#[derive(Debug, Clone)]
#[must_use]
pub struct MigrationOptions {
    pub(super) wait: Duration,
    pub(super) lease: Duration,
    pub(super) max_bad_share: f64,
    pub(super) stop: Stop,
}

impl MigrationOptions {
    /// The defaults that each method documents.
    pub fn new() -> Self {
        Self {
            wait: Duration::ZERO,
            lease: Duration::from_secs(30),
            max_bad_share: 0.5,
            stop: Stop::default(),
        }
    }

    /// How long to wait while another process migrates. Default: not at all. If that process finishes in
    /// time, this run has nothing left to do.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How long the lease of this process lasts after the process died. Default: 30 seconds; at least
    /// one. A living process renews it three times in that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// The share of a collection's documents, from 0 to 1, that may go to quarantine. Default: 0.5. A run
    /// that exceeds it after the first 1,000 documents fails with `TooManyRejected`.
    ///
    /// # Errors
    /// `OutOfRange` when the share is not between 0 and 1.
    pub fn max_bad_share(mut self, share: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Invalid::new("max_bad_share", Problem::OutOfRange { min: 0.0, max: 1.0 }));
        }
        self.max_bad_share = share;
        Ok(self)
    }

    /// A handle that stops the run at its next checkpoint, or while it waits.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
}

impl Default for MigrationOptions {
    fn default() -> Self {
        Self::new()
    }
}
