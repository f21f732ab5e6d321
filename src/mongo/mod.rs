//! The MongoDB store.

mod campaign;
mod campaign_metrics;
pub(crate) mod connection;
mod email_tracking;
pub(crate) mod error;
mod events;
mod gates;
pub(crate) mod lease;
mod mailbox;
mod options;
pub(crate) mod provision;
mod receipts;
pub(crate) mod recount;
mod recount_marks;
mod server_info;
mod store;
mod stream;
pub(crate) mod table;
mod topology;
mod user;
mod warning;

pub use options::MongoOptions;
pub use provision::{
    CollectionPlan, CommitQuorum, IndexDifference, IndexPlan, IndexState, ProvisionOptions, ProvisionPlan,
    SchemaDrift, ValidatorMode, ValidatorPlan, ValidatorState,
};
pub use server_info::ServerInfo;
pub use store::MongoStore;
pub use topology::Topology;
pub use warning::Warning;
