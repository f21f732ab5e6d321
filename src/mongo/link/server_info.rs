use bson::doc;
use serde::Serialize;

use super::connection::Connection;
use super::topology::Topology;
use crate::error::Result;

/// The server that a store is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The version of the server, such as `8.0.4`.
    pub version: String,
    /// The deployment that the server is part of.
    pub topology: Topology,
}

pub(in crate::mongo) async fn server_info(connection: &Connection) -> Result<ServerInfo> {
    let build_info = async { connection.database.run_command(doc! { "buildInfo": 1 }).await };
    let build_info = connection.run("server_info", build_info).await?;
    Ok(ServerInfo {
        version: build_info.get_str("version").unwrap_or("unknown").to_owned(),
        topology: connection.topology,
    })
}
