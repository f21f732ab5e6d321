//! Moving a legacy database over.

mod batch;
mod clash;
mod commit;
mod context;
mod copy;
mod counts;
mod lease;
mod ledger;
mod legacy;
mod legacy_record;
mod metrics;
mod migration;
mod options;
mod page;
mod part;
mod primaries;
mod progress;
mod quarantine;
mod reason;
mod report;
mod run;
mod step;
mod stop;

pub use migration::Migration;
pub use options::MigrationOptions;
pub use progress::{MigrationOutcome, MigrationPhase, MigrationProgress};
pub use reason::{Rejection, Repair};
pub use report::{CopyReport, MetricsReport, MigrationReport};
pub use step::MigrationStep;
pub use stop::Stop;
