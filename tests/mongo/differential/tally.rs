//! How often each operation had each outcome.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use super::answer::Answer;
use super::operation::Operation;

#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(&'static str, String), u64>);

impl Tally {
    pub(super) fn count(&mut self, operation: &Operation, answer: &Answer) {
        for kind in answer.kinds() {
            *self.0.entry((operation.name, kind.clone())).or_default() += 1;
        }
    }

    /// The outcomes that operations should have had and did not.
    pub(super) fn unseen(&self) -> Vec<String> {
        let outcomes = Operation::all()
            .flat_map(|operation| operation.outcomes.iter().map(|kind| (operation.name, (*kind).to_owned())));
        let unseen = outcomes.filter(|outcome| !self.0.contains_key(outcome));
        unseen.map(|(operation, kind)| format!("{operation}: {kind}")).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (outcome, n) in other.0 {
            *self.0.entry(outcome).or_default() += n;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((operation, kind), n) in &self.0 {
            operations.entry(operation).or_default().push(format!("{kind} {n}"));
        }
        operations.iter().try_for_each(|(operation, kinds)| writeln!(f, "{operation}: {}", kinds.join(", ")))
    }
}
