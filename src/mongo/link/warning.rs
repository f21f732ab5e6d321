use std::fmt;

use super::connection::Connection;
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
}

impl Warning {
    pub(in crate::mongo) async fn find(db: &Connection) -> Result<Vec<Self>> {
        let campaigns = recount_marks::campaigns(db).await?.len();
        Ok(if campaigns == 0 { Vec::new() } else { vec![Self::MarkedCampaigns { campaigns }] })
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
        }
    }
}
