//! Where the migration stands, and who may move it on.

pub(crate) mod attempts;
pub(crate) mod counts;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod part;
pub(crate) mod progress;

pub use progress::{MigrationOutcome, MigrationPhase, MigrationProgress};
