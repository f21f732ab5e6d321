use std::time::Duration;

use super::Stop;
use crate::error::{Invalid, Problem};

/// How to migrate.
#[derive(Debug, Clone)]
#[must_use]
pub struct MigrationOptions {
    pub(super) wait: Duration,
    pub(super) lease: Duration,
    pub(super) max_bad_share: f64,
    pub(super) stop: Stop,
}

impl MigrationOptions {
    /// The defaults of the methods below.
    pub fn new() -> Self {
        Self {
            wait: Duration::ZERO,
            lease: Duration::from_secs(30),
            max_bad_share: 0.5,
            stop: Stop::default(),
        }
    }

    /// How long to wait while somebody else migrates; not at all unless said otherwise. When he
    /// finishes within it, there is nothing left to do.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// For how long others hold back after this process has died: 30 seconds unless said otherwise,
    /// and at least one. The lease is renewed three times as often.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// The share of a collection's documents, from 0 to 1, up to which they may go to quarantine: a
    /// half unless said otherwise. Beyond it, and after the first 1,000 documents, the run stops.
    ///
    /// # Errors
    /// `OutOfRange` when it is no such share.
    pub fn max_bad_share(mut self, share: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Invalid::new("max_bad_share", Problem::OutOfRange { min: 0.0, max: 1.0 }));
        }
        self.max_bad_share = share;
        Ok(self)
    }

    /// By what the run can be ended: at a checkpoint, or while it waits.
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
