//! The MongoDB store.

mod campaign;
mod campaign_metrics;
mod connection;
mod email_tracking;
mod error;
mod events;
mod gates;
mod mailbox;
mod options;
mod provision;
mod receipts;
mod recount;
mod store;
mod stream;
mod table;
mod user;

pub use options::MongoOptions;
pub use provision::{
    CollectionPlan, CommitQuorum, IndexDifference, IndexPlan, IndexState, ProvisionOptions, ProvisionPlan,
    SchemaDrift, ValidatorMode, ValidatorPlan, ValidatorState,
};
pub use store::MongoStore;
