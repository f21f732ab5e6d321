//! Documents that are in the way of provisioning.

use std::fmt;

use serde::Serialize;

use crate::collection::Collection;

/// Documents with the same value in a unique index that is to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateGroup {
    /// How many there are.
    pub documents: u64,
    /// The smallest and the largest `_id` among them.
    pub ids: [String; 2],
}

/// Documents that the validator of their collection would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Offenders {
    /// The collection.
    pub collection: Collection,
    /// How many there are.
    pub documents: u64,
    /// The `_id` of some, at most 20.
    pub ids: Vec<String>,
}

impl fmt::Display for DuplicateGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, last] = &self.ids;
        match self.documents {
            2 => write!(f, "{first} and {last}"),
            documents => write!(f, "{first} and {last} and {} more", documents.saturating_sub(2)),
        }
    }
}

impl fmt::Display for Offenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, documents, ids } = self;
        write!(
            f,
            "{collection}: the validator would refuse {documents} documents, such as {}",
            ids.join(", ")
        )
    }
}
