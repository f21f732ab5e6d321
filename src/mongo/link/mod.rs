//! Access to the database: the client, transactions, tables, errors.

mod calls;
mod certificates;
pub(crate) mod connection;
pub(crate) mod error;
mod options;
mod security;
mod server_info;
mod stream;
pub(crate) mod table;
mod topology;
mod warning;

pub use options::MongoOptions;
pub use security::Encryption;
pub use server_info::ServerInfo;
pub(super) use server_info::server_info;
pub use topology::Topology;
pub use warning::Warning;
