//! What there is, compared with the schema. There is no other comparison.

use super::ProvisionOptions;
use super::difference::IndexDifference;
use super::existing::{self, Existing, ExistingIndex};
use super::plan::{CollectionPlan, IndexPlan, IndexState, ProvisionPlan};
use super::validator_plan::ValidatorPlan;
use crate::collection::Collection;
use crate::schema::{self, IndexSpec};

impl ProvisionPlan {
    pub(super) fn new(existing: &[(Collection, Existing)], options: &ProvisionOptions) -> Self {
        let plan = |(collection, existing): &(Collection, Existing)| CollectionPlan {
            collection: *collection,
            indexes: index_plans(*collection, existing, options),
            validator: ValidatorPlan::new(*collection, &existing.options, options.validators),
        };
        Self { collections: existing.iter().map(plan).collect(), options: options.clone() }
    }
}

fn index_plans(collection: Collection, existing: &Existing, options: &ProvisionOptions) -> Vec<IndexPlan> {
    let plan = |name: &str, state| IndexPlan { index: name.to_owned(), state };
    // What is as the schema says is never dropped, so that the same options can be used again.
    let is_right = |index: &ExistingIndex| {
        let same_name = schema::indexes_of(collection).find(|spec| spec.name == index.name());
        same_name.is_some_and(|spec| index.differences(spec).is_empty())
    };
    let (dropped, kept): (Vec<_>, Vec<_>) = existing
        .indexes
        .iter()
        .filter(|index| index.name() != "_id_")
        .partition(|index| options.drops(collection, index.name()) && !is_right(index));
    let mut plans = Vec::new();
    for spec in schema::indexes_of(collection) {
        let states = states_of(spec, &kept, options);
        plans.extend(states.into_iter().map(|state| plan(spec.name, state)));
    }
    let dropped = dropped.iter().map(|index| (index, IndexState::Drop { definition: index.definition() }));
    let is_planned = |name: &str| plans.iter().any(|plan| plan.existing() == Some(name));
    let unknown = kept.iter().filter(|index| !is_planned(index.name()));
    let unknown = unknown.map(|index| (index, IndexState::Unknown { definition: index.definition() }));
    let others: Vec<_> = dropped.chain(unknown).map(|(index, state)| plan(index.name(), state)).collect();
    plans.extend(others);
    plans
}

/// One state, or one for each index that is in the way.
fn states_of(spec: &IndexSpec, kept: &[&ExistingIndex], options: &ProvisionOptions) -> Vec<IndexState> {
    let rivals: Vec<_> = kept.iter().filter(|index| index.rivals(spec)).collect();
    if let Some(index) = rivals.iter().find(|index| index.differences(spec).is_empty()) {
        // What stands beside it does no harm.
        let existing = index.name().to_owned();
        return vec![match index.is_built {
            false => IndexState::Building { existing },
            true if existing == spec.name => IndexState::Matches,
            true => IndexState::Adopted { existing },
        }];
    }
    if rivals.is_empty() {
        return vec![IndexState::Create { definition: existing::definition(&existing::declaration(spec)) }];
    }
    let state = |index: &&ExistingIndex| {
        let (existing, differences) = (index.name().to_owned(), index.differences(spec));
        let alters = options.alters(spec.collection, &existing);
        if alters && differences.iter().all(IndexDifference::is_alterable) {
            IndexState::Alter { existing, differences }
        } else {
            IndexState::Differs { existing, differences }
        }
    };
    rivals.into_iter().map(state).collect()
}

impl IndexPlan {
    /// The name of the existing index that it is about.
    fn existing(&self) -> Option<&str> {
        match &self.state {
            IndexState::Create { .. } => None,
            IndexState::Adopted { existing }
            | IndexState::Building { existing }
            | IndexState::Differs { existing, .. }
            | IndexState::Alter { existing, .. } => Some(existing),
            IndexState::Matches | IndexState::Drop { .. } | IndexState::Unknown { .. } => Some(&self.index),
        }
    }
}
