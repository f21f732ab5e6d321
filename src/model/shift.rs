//! How totals change.

use std::ops::AddAssign;

use super::Contribution;

/// What changed rows add to the totals of their campaign, and what they take back: an e-mail that
/// bounces after all is no longer delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    added: Contribution,
    removed: Contribution,
}

impl Shift {
    /// From what a row contributed `before` to what it does `after`.
    pub(crate) fn between(before: &Contribution, after: &Contribution) -> Self {
        Self {
            added: after.zip(before, u64::saturating_sub),
            removed: before.zip(after, u64::saturating_sub),
        }
    }

    /// What new rows add.
    pub(crate) fn adding(added: Contribution) -> Self {
        Self { added, removed: Contribution::default() }
    }

    /// The totals after the change. Never below 0, also when they had drifted.
    pub(crate) fn apply_to(&self, totals: &Contribution) -> Contribution {
        totals.zip(&self.added, u64::saturating_add).zip(&self.removed, u64::saturating_sub)
    }
}

impl AddAssign for Shift {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
    }
}
