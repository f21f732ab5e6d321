//! Copying the old documents and computing the metrics.

pub(crate) mod batch;
mod clash;
mod commit;
mod copying;
mod metrics;
pub(crate) mod primaries;
pub(crate) mod quarantine;
pub(crate) mod run;
