//! Moving a legacy database over.

mod legacy;
mod reason;

pub use reason::{Rejection, Repair};
