//! What a run would do, has done, and whether that is right. Writes nothing.

pub(crate) mod compare;
pub(crate) mod dry_run;
pub(crate) mod status;
mod survey;
pub(crate) mod verify;

pub use dry_run::{DryRunReport, Forecast};
pub use status::{CopyReport, MetricsReport, MigrationReport};
pub use verify::{VerificationProblem, VerificationReport};
