//! Changes of totals.

use std::ops::AddAssign;

use super::{Contribution, Totals};

/// The numbers that changed rows add to the totals of their campaign and remove from them: an e-mail
/// that bounces late is no longer delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TotalsDelta {
    added: Totals,
    removed: Totals,
}

impl TotalsDelta {
    /// The change from the contribution of a row `before` to its contribution `after`.
    pub(crate) fn between(before: Contribution, after: Contribution) -> Self {
        if before == after { Self::default() } else { Self::from_to(before.into(), after.into()) }
    }

    /// The change from totals `before` to totals `after`.
    pub(crate) fn from_to(before: Totals, after: Totals) -> Self {
        Self {
            added: after.zip(before, u64::saturating_sub),
            removed: before.zip(after, u64::saturating_sub),
        }
    }

    /// The change by a new row.
    pub(crate) fn adding(row: Contribution) -> Self {
        Self { added: row.into(), removed: Totals::default() }
    }

    /// What is cut off when the change is applied to totals that have drifted so far that it does not fit.
    #[cfg(feature = "mongo")]
    pub(crate) fn cut_by(self, totals: Totals) -> Totals {
        self.removed.zip(totals.zip(self.added, u64::saturating_add), u64::saturating_sub)
    }

    /// The totals after the change. They are never below 0, even if they had drifted.
    pub(crate) fn apply_to(self, totals: Totals) -> Totals {
        totals.zip(self.added, u64::saturating_add).zip(self.removed, u64::saturating_sub)
    }
}

impl AddAssign for TotalsDelta {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
    }
}
