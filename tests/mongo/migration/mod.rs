//! Migrating messy old databases.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of the tests fail by a panic, and old programs had clocks and ids of their own"
)]

mod damage;
mod dry_run;
mod ending;
mod fencing;
mod interruptions;
mod quarantine;
mod shapes;
mod truth;
mod world;
