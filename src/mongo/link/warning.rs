use std::fmt;

use super::connection::Connection;
use super::security::Encryption;
use super::server_info::is_logged_in;
use crate::error::Result;
use crate::mongo::tracking::recount_marks;

/// A problem of the database that does not prevent the store from working.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// On servers without transactions, version 0.1 left marks on campaigns whose metrics may lag behind
    /// their rows. A recount corrects the metrics and removes the marks.
    #[non_exhaustive]
    MarkedCampaigns {
        /// How many campaigns are marked.
        campaigns: usize,
    },
    /// The server is on another machine, and whoever is on the way can read and change everything: the
    /// connections have no TLS, or the server's certificate is not checked.
    Unencrypted,
    /// The server is on another machine, and asks for no login: anybody who reaches it can do what the store
    /// can.
    NoLogin,
}

impl Warning {
    pub(in crate::mongo) async fn find(db: &Connection) -> Result<Vec<Self>> {
        let mut warnings = Vec::new();
        let campaigns = recount_marks::campaigns(db).await?.len();
        if campaigns > 0 {
            warnings.push(Self::MarkedCampaigns { campaigns });
        }
        if db.security.is_remote {
            if matches!(db.security.encryption, Encryption::None | Encryption::Unchecked) {
                warnings.push(Self::Unencrypted);
            }
            if !is_logged_in(db).await? {
                warnings.push(Self::NoLogin);
            }
        }
        Ok(warnings)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MarkedCampaigns { campaigns } => write!(
                f,
                "recount_marks: version 0.1 marked {campaigns} campaigns whose metrics may be wrong; \
                 `recount` corrects them and removes the marks"
            ),
            Self::Unencrypted => f.write_str(
                "the server is on another machine, and the connection has no TLS, or its certificate is not \
                 checked: use tls=true, and tlsCAFile for a private certificate",
            ),
            Self::NoLogin => f.write_str(
                "the server is on another machine, and lets everybody in without a login: switch its \
                 authorization on, and give the store a user of its own",
            ),
        }
    }
}
