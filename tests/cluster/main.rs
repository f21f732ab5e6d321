//! What holds while members of a replica set fail. Every test has a replica set of its own: see
//! `support/cluster`.

#![cfg(feature = "mongo")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers are part of the tests")]
#![expect(clippy::async_yields_async, reason = "a process that is held up is a task of its own")]

mod deadlines;
mod lag;
mod provisioning;
mod scene;
mod support;
mod tools;
