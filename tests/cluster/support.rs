//! Of the code that the tests share, what these need.

#[path = "../support/cluster/mod.rs"]
pub(crate) mod cluster;
#[path = "../support/server/mod.rs"]
#[expect(dead_code, reason = "they need no server that others use")]
pub(crate) mod server;
