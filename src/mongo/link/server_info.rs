use bson::doc;
use serde::Serialize;

use super::connection::Connection;
use super::security::Encryption;
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
    /// How the connections are encrypted.
    pub encryption: Encryption,
    /// Whether the store logged in. Without a login, anybody who reaches the server can do what the store can,
    /// unless the server restricts it otherwise.
    pub is_logged_in: bool,
}

/// Whether the connections of the store are logged in.
pub(super) async fn is_logged_in(connection: &Connection) -> Result<bool> {
    let status = async { connection.database.run_command(doc! { "connectionStatus": 1 }).await };
    let status = connection.run("server_info", status).await?;
    let users = status.get_document("authInfo").and_then(|info| info.get_array("authenticatedUsers"));
    Ok(users.is_ok_and(|users| !users.is_empty()))
}

pub(in crate::mongo) async fn server_info(connection: &Connection) -> Result<ServerInfo> {
    let build_info = async { connection.database.run_command(doc! { "buildInfo": 1 }).await };
    let build_info = connection.run("server_info", build_info).await?;
    Ok(ServerInfo {
        version: build_info.get_str("version").unwrap_or("unknown").to_owned(),
        topology: connection.topology,
        encryption: connection.security.encryption,
        is_logged_in: is_logged_in(connection).await?,
    })
}
