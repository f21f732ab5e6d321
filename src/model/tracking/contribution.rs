//! The contribution of a tracking row to the totals of its campaign.

use super::Signal;
use crate::model::EmailTracking;

/// The contribution of one tracking row to the [totals](super::Totals) of its campaign: one sent e-mail,
/// and one for each state that the row counts as.
///
/// ```
/// use campaign_store::{Contribution, EmailTracking, Totals};
///
/// fn totals_of(rows: &[EmailTracking]) -> Totals {
///     rows.iter().map(|row| Totals::from(Contribution::of(row))).sum()
/// }
/// assert_eq!(totals_of(&[]), Totals::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Contribution {
    /// One bit for each state.
    states: u8,
}

impl Contribution {
    /// The contribution of a row.
    ///
    /// A bounced e-mail counts as bounced, and not as delivered, opened, clicked or replied to. A clicked
    /// e-mail also counts as opened, and an opened or replied one as delivered. An unsubscribed recipient
    /// always counts. [`Signal`] has the table.
    #[must_use]
    pub fn of(row: &EmailTracking) -> Self {
        let mut states = 0;
        for signal in Signal::ALL.iter().filter(|signal| signal.rule().is_marked_in(row)) {
            states |= signal.chain().map(bit).fold(0, |all, bit| all | bit);
        }
        if states & bit(Signal::Bounced) != 0 {
            states &= !Signal::ALL
                .iter()
                .filter(|signal| signal.rule().is_voided)
                .fold(0, |all, signal| all | bit(*signal));
        }
        Self { states }
    }

    /// Whether the row counts as this state.
    #[must_use]
    pub fn counts(self, state: Signal) -> bool {
        self.states & bit(state.state()) != 0
    }
}

const fn bit(signal: Signal) -> u8 {
    1 << signal as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_has_a_bit() {
        assert!(Signal::ALL.len() <= 8);
    }
}
