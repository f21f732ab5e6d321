//! Moving messy old databases over.

mod dry_run;
mod ending;
mod fencing;
mod interruptions;
mod quarantine;
mod shapes;
mod truth;
mod world;
