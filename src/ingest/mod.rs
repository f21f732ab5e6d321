//! The ingestion of events: many callers, few commits.
//!
//! [`EventRecorder`] is the callers' handle. Behind it, [`collector`] gathers their events into batches,
//! and [`committer`] records a batch and answers each of its callers.

mod collector;
mod committer;
mod entry;
mod options;
mod recorder;
mod stats;

pub use options::RecorderOptions;
pub use recorder::EventRecorder;
pub use stats::RecorderStats;
