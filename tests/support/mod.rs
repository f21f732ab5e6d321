//! Code that the tests share.

pub(crate) mod database;
pub(crate) mod fail_command;
pub(crate) mod legacy;
mod removal;
pub(crate) mod server;
