use bson::{Document, doc};
use serde::Serialize;

use super::connection::Connection;
use crate::error::Result;

/// What a store is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The version of the server, such as `8.0.4`.
    pub version: String,
    /// What the server is part of.
    pub topology: Topology,
}

/// What a server is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Topology {
    /// A replica set, possibly of one member.
    ReplicaSet,
    /// A sharded cluster.
    Sharded,
}

impl Topology {
    /// What the server says about itself. `None` for a standalone server, which has no transactions.
    pub(super) fn of(hello: &Document) -> Option<Self> {
        if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            return Some(Self::Sharded);
        }
        hello.contains_key("setName").then_some(Self::ReplicaSet)
    }
}

pub(super) async fn server_info(connection: &Connection) -> Result<ServerInfo> {
    let build_info = async { connection.database.run_command(doc! { "buildInfo": 1 }).await };
    let build_info = connection.run("server_info", build_info).await?;
    Ok(ServerInfo {
        version: build_info.get_str("version").unwrap_or("unknown").to_owned(),
        topology: connection.topology,
    })
}
