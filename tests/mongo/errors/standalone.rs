//! A server without transactions.

use std::process::Child;

use crate::support::server::{binary, python};

/// A server without transactions, until the handle is dropped: standalone, or a member of a replica set
/// that was never initiated.
pub(super) struct Standalone {
    pub(super) uri: String,
    _processes: Vec<Child>,
}

impl Standalone {
    /// Starts a `mongod` of this machine, or of the Python package.
    #[expect(clippy::expect_used, reason = "no test can go on without a server")]
    pub(super) fn start(is_member: bool) -> Self {
        let mongod = binary::installed().map_or_else(python::mongod, Ok);
        let mongod = mongod.expect("set MONGOD_BIN to the path of a mongod");
        let more: &[_] = if is_member { &[binary::MEMBER] } else { &[] };
        let (address, processes) = binary::run_once(&mongod, more).expect("a server");
        Self { uri: format!("mongodb://{address}/?directConnection=true"), _processes: processes }
    }
}
