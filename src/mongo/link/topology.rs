use bson::Document;
use serde::Serialize;

/// The deployment that a server is part of.
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
    /// Reads the server's description of itself. `None` for a standalone server, which has no transactions.
    pub(in crate::mongo) fn of(hello: &Document) -> Option<Self> {
        if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            return Some(Self::Sharded);
        }
        hello.contains_key("setName").then_some(Self::ReplicaSet)
    }
}
