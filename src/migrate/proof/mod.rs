//! The proof of a run: the dry run before it, its status, and the verification after it. Nothing here
//! writes.

pub(crate) mod compare;
pub(crate) mod dry_run;
pub(crate) mod report;
mod survey;
pub(crate) mod verify;

pub use dry_run::{DryRunReport, Forecast};
pub use report::{CopyReport, MetricsReport, MigrationReport};
pub use verify::{VerificationProblem, VerificationReport};
