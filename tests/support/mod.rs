//! What the tests share.

pub(crate) mod database;
pub(crate) mod legacy;
pub(crate) mod server;
