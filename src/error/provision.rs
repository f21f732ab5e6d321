//! Why provisioning failed, and the documents that are in its way.

use std::fmt;

use serde::Serialize;
use thiserror::Error as ThisError;

use super::{Error, ErrorKind};
use crate::collection::Collection;

/// Why indexes and validators were not planned or applied.
///
/// It names collections, indexes and ids of documents, never another value of a document.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[non_exhaustive]
pub enum ProvisionError {
    /// An existing index differs from the schema. Nothing was changed.
    #[error(
        "{collection}: the index {index} differs from the schema: {difference}. Let the plan drop or alter \
         it, or drop it by hand"
    )]
    #[non_exhaustive]
    IndexDiffers {
        /// The collection of the index.
        collection: Collection,
        /// The name of the existing index.
        index: String,
        /// How it differs.
        difference: String,
    },

    /// Documents have the same value in a unique index that is to be built. Nothing was created in
    /// any collection.
    #[error("{collection}: {index} cannot be unique because of {}", listed(.groups))]
    #[non_exhaustive]
    Duplicates {
        /// The collection of the index.
        collection: Collection,
        /// The name of the index, one of those in [`schema`](crate::schema).
        index: &'static str,
        /// The documents, those that share a value together; at most 20 groups.
        groups: Vec<DuplicateGroup>,
    },

    /// A validator is to be enforced that existing documents break. Nothing was changed.
    #[error("{0}")]
    Offenders(Offenders),

    /// The database changed since the plan was made: make a new plan.
    #[error("{collection}: the plan is out of date; make a new one")]
    #[non_exhaustive]
    PlanStale {
        /// The collection that changed.
        collection: Collection,
    },

    /// The database failed, as in any other call.
    #[error(transparent)]
    Store(#[from] Error),
}

impl ProvisionError {
    /// The class of the error, in the terms of [`Error::kind`].
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::IndexDiffers { .. } | Self::Offenders(_) | Self::PlanStale { .. } => ErrorKind::Conflict,
            Self::Duplicates { .. } => ErrorKind::Unique,
            Self::Store(error) => error.kind(),
        }
    }

    /// Whether the same call can succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

fn listed(groups: &[DuplicateGroup]) -> String {
    groups.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads_and_stay_small() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<ProvisionError>();
        assert!(size_of::<ProvisionError>() <= 80, "{}", size_of::<ProvisionError>());
    }

    #[test]
    fn texts_are_pinned() {
        let collection = Collection::Users;
        let group = |documents, ids: [&str; 2]| DuplicateGroup { documents, ids: ids.map(str::to_owned) };
        let texts = [
            ProvisionError::IndexDiffers {
                collection,
                index: "login_id_1".to_owned(),
                difference: "unique is absent, not true".to_owned(),
            },
            ProvisionError::Duplicates {
                collection,
                index: "login_id_1",
                groups: vec![group(2, ["66f0", "66f1"]), group(5, ["66f2", "66f9"])],
            },
            ProvisionError::Offenders(Offenders {
                collection,
                documents: 7,
                ids: vec!["66f0".to_owned(), "66f1".to_owned()],
            }),
            ProvisionError::PlanStale { collection },
            Error::unavailable("localhost:1", "timed out").into(),
        ]
        .map(|error| error.to_string());
        assert_eq!(
            texts,
            [
                "users: the index login_id_1 differs from the schema: unique is absent, not true. Let the plan \
                 drop or alter it, or drop it by hand",
                "users: login_id_1 cannot be unique because of 66f0 and 66f1; 66f2 and 66f9 and 3 more",
                "users: the validator would refuse 7 documents, such as 66f0, 66f1",
                "users: the plan is out of date; make a new one",
                "the database at localhost:1 is unavailable: timed out",
            ]
        );
    }
}
