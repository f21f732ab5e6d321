//! The collections, their indexes and their validators, as data that the stores read.

pub mod index;
#[cfg(feature = "mongo")]
mod validator;

use std::time::Duration;

pub use index::{INDEXES, IndexSpec, Only};

/// How long a provider event id is remembered at least, by default.
pub const RECEIPT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) use index::indexes_of;
#[cfg(feature = "mongo")]
pub(crate) use validator::validator_of;
