//! What a tracking row adds to the totals of its campaign.

use super::Signal;
use crate::model::EmailTracking;

/// What one tracking row adds to the [totals](super::Totals) of its campaign: one e-mail sent, and one
/// for each state that it counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Contribution {
    /// A bit for each state.
    states: u8,
}

impl Contribution {
    /// What a row adds.
    ///
    /// A row is one e-mail sent. A bounced one counts as bounced and not as delivered, opened, clicked
    /// or replied. A click is an open, and every engagement a delivery. An unsubscribed recipient counts
    /// in any case. The table is [`Signal`]'s.
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

    /// Whether it counts as this.
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
