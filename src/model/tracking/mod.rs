//! The events of sent e-mails, and their totals and rates.

mod bounce_kind;
mod contribution;
mod event_batch;
mod event_outcome;
mod found_metrics;
mod rates;
mod receipt;
mod recount;
mod send_batch;
mod series;
mod signal;
mod totals;
mod totals_delta;
mod tracking_event;

pub use bounce_kind::BounceKind;
pub use contribution::Contribution;
#[cfg(feature = "mongo")]
pub(crate) use event_batch::ChangedRow;
pub(crate) use event_batch::{EventBatch, results_of};
pub use event_outcome::EventOutcome;
pub(crate) use found_metrics::FoundMetrics;
pub use rates::{Rate, RateBase, Rates};
pub(crate) use receipt::Receipt;
pub use recount::{Drift, RecountProgress};
pub(crate) use send_batch::SendBatch;
pub use series::{SeriesPoint, SeriesStep};
pub use signal::Signal;
#[cfg(feature = "mongo")]
pub(crate) use signal::{Mark, Rule};
pub use totals::Totals;
pub(crate) use totals_delta::TotalsDelta;
pub use tracking_event::TrackingEvent;
