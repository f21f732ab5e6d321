//! Moving a legacy database over.

mod after;
mod context;
mod copy;
mod legacy;
mod migration;
mod old;
mod options;
mod proof;
mod state;
mod step;
mod stop;

pub use after::{FinaliseReport, RetryReport, RollbackReport};
pub use legacy::{Rejection, Repair};
pub use migration::Migration;
pub use options::MigrationOptions;
pub use proof::{
    CopyReport, DryRunReport, Forecast, MetricsReport, MigrationReport, VerificationProblem,
    VerificationReport,
};
pub use state::{MigrationOutcome, MigrationPhase, MigrationProgress};
pub use step::MigrationStep;
pub use stop::Stop;
