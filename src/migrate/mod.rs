//! Moving a legacy database over.

mod access;
mod after;
mod attempts;
mod blocking;
mod copy;
mod legacy;
mod migration;
mod old;
mod options;
mod progress;
mod proof;
mod state;
mod step;
mod stop;

pub use after::{FinaliseReport, RetryReport, RollbackReport};
pub use legacy::{Rejection, Repair};
pub use migration::Migration;
pub use options::MigrationOptions;
pub use progress::{MigrationOutcome, MigrationPhase, MigrationProgress};
pub use proof::{
    CopyReport, DryRunReport, Forecast, MetricsReport, MigrationReport, VerificationProblem,
    VerificationReport,
};
pub use step::MigrationStep;
pub use stop::Stop;

use futures_util::stream::BoxStream;

use crate::error::MigrationError;

type Result<T, E = MigrationError> = std::result::Result<T, E>;

/// The reports of a migration as it proceeds. It ends with the first error.
pub type MigrationStream<T> = BoxStream<'static, Result<T>>;
