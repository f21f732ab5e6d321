//! The collections and their indexes, as data that both stores read.

pub mod index;

use std::time::Duration;

pub use index::{INDEXES, IndexSpec};

/// How long a provider event id is remembered at least, unless the store is told otherwise.
pub const RECEIPT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) use index::indexes_of;
