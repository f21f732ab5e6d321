//! The way in for events: many callers, few commits.
//!
//! [`EventRecorder`] is the handle of the callers. Behind it [`collector`] gathers what they hand
//! in into batches, and [`committer`] records a batch and answers each of its callers.

mod collector;
mod committer;
mod entry;
mod options;
mod recorder;
mod stats;

pub use options::RecorderOptions;
pub use recorder::EventRecorder;
pub use stats::RecorderStats;
