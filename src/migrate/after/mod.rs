//! What follows a run: retry the quarantine, roll back, finalise.

pub(crate) mod finalise;
pub(crate) mod retry;
pub(crate) mod rollback;

pub use finalise::FinaliseReport;
pub use retry::RetryReport;
pub use rollback::RollbackReport;
