//! What holds while members of a replica set fail. Every test has a replica set of its own: see
//! `support/cluster`.

#![cfg(feature = "mongo")]

mod lag;
mod provisioning;
mod scene;
mod support;
mod tools;
