//! Copying the old documents and computing the metrics.

pub(crate) mod batch;
mod copying;
mod metrics;
mod plan;
mod primaries;
pub(crate) mod run;
pub(crate) mod settle;
pub(crate) mod target;
mod writes;
