//! The plan: what the database has, and what provisioning would change.

use serde::Serialize;

use super::ProvisionOptions;
use super::difference::{IndexDifference, joined};
use super::validator_plan::ValidatorPlan;
use crate::collection::Collection;

/// What a database has, and what provisioning would change. The same plan serves for looking, applying
/// and monitoring.
///
/// It serialises for programs, and its text is for operators.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProvisionPlan {
    /// Every collection, those of the store's bookkeeping last.
    pub collections: Vec<CollectionPlan>,
    #[serde(skip)]
    pub(super) options: ProvisionOptions,
}

/// The plan of one collection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CollectionPlan {
    /// The collection.
    pub collection: Collection,
    /// The indexes that the schema declares, in its order, then the unknown ones.
    pub indexes: Vec<IndexPlan>,
    /// The validator; `None` for the store's bookkeeping, which needs none.
    pub validator: Option<ValidatorPlan>,
}

/// The plan of one index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexPlan {
    /// The name that the schema gives it, or the server's for an index that it does not know.
    pub index: String,
    /// Its state, and what provisioning does about it.
    #[serde(flatten)]
    pub state: IndexState,
}

/// The state of an index, and what provisioning does about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum IndexState {
    /// It is there as declared.
    Matches,
    /// It is there as declared, under another name, which is as good.
    #[non_exhaustive]
    Adopted {
        /// The name of the existing index.
        existing: String,
    },
    /// It is being built as declared, and guards nothing yet. Provisioning waits until it is built.
    #[non_exhaustive]
    Building {
        /// The name under which it is built.
        existing: String,
    },
    /// It is missing and will be created.
    #[non_exhaustive]
    Create {
        /// Its keys and options.
        definition: String,
    },
    /// Another index is in the way. The plan cannot be applied unless the options name that index, to
    /// drop it or to alter it.
    #[non_exhaustive]
    Differs {
        /// The name of the existing index.
        existing: String,
        /// How it differs from the declared one.
        differences: Vec<IndexDifference>,
    },
    /// It differs, and will be changed in place, because the options name it.
    #[non_exhaustive]
    Alter {
        /// The name of the existing index.
        existing: String,
        /// What will be changed.
        differences: Vec<IndexDifference>,
    },
    /// It will be dropped, because the options name it.
    #[non_exhaustive]
    Drop {
        /// Its keys and options.
        definition: String,
    },
    /// The schema does not know it. It is left alone.
    #[non_exhaustive]
    Unknown {
        /// Its keys and options.
        definition: String,
    },
}

impl IndexState {
    /// Whether applying the plan creates the index, or waits until others have created it.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Building { .. })
    }
}

/// A deviation of a database from the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SchemaDrift {
    /// The collection.
    pub collection: Collection,
    /// The name of the index, if it is about one; otherwise it is about the validator.
    pub index: Option<String>,
    /// What is wrong, such as `is missing`.
    pub problem: String,
}

impl ProvisionPlan {
    /// Whether the database is as the schema and the options want it: nothing is to be done.
    /// Indexes that the schema does not know do not count.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.drift().is_empty()
    }

    /// How the database deviates from the schema and the options.
    #[must_use]
    pub fn drift(&self) -> Vec<SchemaDrift> {
        self.collections.iter().flat_map(CollectionPlan::drift).collect()
    }
}

impl CollectionPlan {
    fn drift(&self) -> impl Iterator<Item = SchemaDrift> {
        let collection = self.collection;
        let indexes = self.indexes.iter().filter_map(move |index| {
            let problem = index.problem()?;
            Some(SchemaDrift { collection, index: Some(index.index.clone()), problem })
        });
        let validator = self.validator.iter().filter_map(ValidatorPlan::problem);
        indexes.chain(validator.map(move |problem| SchemaDrift { collection, index: None, problem }))
    }
}

impl IndexPlan {
    fn problem(&self) -> Option<String> {
        match &self.state {
            IndexState::Matches | IndexState::Adopted { .. } | IndexState::Unknown { .. } => None,
            IndexState::Building { .. } => Some("is still being built".to_owned()),
            IndexState::Create { .. } => Some("is missing".to_owned()),
            IndexState::Differs { existing, differences } | IndexState::Alter { existing, differences } => {
                let differences = joined(differences);
                Some(if *existing == self.index {
                    format!("differs: {differences}")
                } else {
                    format!("is missing, and {existing} is in the way: {differences}")
                })
            }
            IndexState::Drop { .. } => Some("is to be dropped".to_owned()),
        }
    }
}
