//! The in-memory store: tables of stored documents under one lock, with the indexes of the schema.

mod campaign;
mod campaign_metrics;
mod clerk;
mod email_tracking;
mod index;
mod mailbox;
mod receipts;
mod state;
mod store;
mod table;
mod user;

pub use store::MemoryStore;
