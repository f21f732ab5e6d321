//! The collections and their indexes, as data that both stores read.

pub mod index;

pub use index::{INDEXES, IndexSpec};

pub(crate) use index::indexes_of;
