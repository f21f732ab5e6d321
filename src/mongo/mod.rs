//! The MongoDB store.

mod campaign;
mod campaign_metrics;
mod claims;
mod clerk;
mod email_tracking;
pub(crate) mod keys;
pub(crate) mod lease;
pub(crate) mod link;
mod mailbox;
mod originals;
pub(crate) mod provision;
mod store;
pub(crate) mod tracking;
mod user;

pub use link::{Encryption, MongoOptions, ServerInfo, Topology, Warning};
pub(crate) use link::{connection, error, table};
pub use provision::{
    CollectionPlan, CommitQuorum, IndexDifference, IndexPlan, IndexState, LoginCollision, LoginReport,
    ProvisionOptions, ProvisionPlan, SchemaDrift, ValidatorMode, ValidatorPlan, ValidatorState,
};
pub use store::MongoStore;
