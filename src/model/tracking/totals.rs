//! Sums of the contributions of tracking rows.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::Serialize;

use super::{Contribution, Signal};

/// Numbers of e-mails of one or more campaigns: the sum of the [contributions](Contribution) of their
/// tracking rows.
///
/// Totals count e-mails, not events: an e-mail that was opened five times adds one to `opened`. Sums
/// saturate at [`u64::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// E-mails sent.
    #[serde(rename = "total_sent")]
    pub sent: u64,
    /// E-mails delivered.
    #[serde(rename = "total_delivered")]
    pub delivered: u64,
    /// E-mails opened.
    #[serde(rename = "total_opened")]
    pub opened: u64,
    /// E-mails with a clicked link.
    #[serde(rename = "total_clicks")]
    pub clicked: u64,
    /// E-mails bounced.
    #[serde(rename = "total_bounced")]
    pub bounced: u64,
    /// E-mails replied to.
    #[serde(rename = "total_replied")]
    pub replied: u64,
    /// E-mails whose recipient unsubscribed or complained.
    #[serde(rename = "total_unsubscribed")]
    pub unsubscribed: u64,
}

impl Totals {
    /// The number of e-mails in this state.
    ///
    /// ```
    /// use campaign_store::{Signal, Totals};
    /// assert_eq!(Totals::default().of(Signal::Opened), 0);
    /// ```
    #[must_use]
    pub fn of(mut self, state: Signal) -> u64 {
        state.state().rule().total.map_or(0, |total| *total(&mut self))
    }

    /// Joins each number with the same number of `other`.
    pub(crate) fn zip(mut self, mut other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        self.sent = join(self.sent, other.sent);
        for total in Signal::ALL.iter().filter_map(|signal| signal.rule().total) {
            *total(&mut self) = join(*total(&mut self), *total(&mut other));
        }
        self
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl AddAssign<Contribution> for Totals {
    fn add_assign(&mut self, row: Contribution) {
        *self += Self::from(row);
    }
}

impl From<Contribution> for Totals {
    fn from(row: Contribution) -> Self {
        let mut totals = Self { sent: 1, ..Self::default() };
        for state in Signal::states().filter(|state| row.counts(*state)) {
            if let Some(total) = state.rule().total {
                *total(&mut totals) = 1;
            }
        }
        totals
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), Add::add)
    }
}
