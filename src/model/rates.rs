//! How well a campaign does.

use serde::Serialize;

use super::Contribution;

/// Percentages from 0 to 100, not rounded; 0 where the denominator is 0.
///
/// Opens, clicks and replies are taken of the delivered e-mails and bounces of the sent ones:
/// an e-mail that never arrived cannot be opened, and only a sent one can bounce.
///
/// ```
/// use campaign_store::{Contribution, Rates};
///
/// let mut totals = Contribution::default();
/// (totals.sent, totals.bounced, totals.delivered, totals.opened) = (100, 20, 80, 20);
/// let rates = Rates::of(&totals);
/// assert_eq!((rates.bounce_rate, rates.open_rate, rates.click_rate), (20.0, 25.0, 0.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Rates {
    /// opened / delivered × 100
    pub open_rate: f64,
    /// clicked / delivered × 100
    pub click_rate: f64,
    /// bounced / sent × 100
    pub bounce_rate: f64,
    /// replied / delivered × 100
    pub reply_rate: f64,
}

impl Rates {
    /// The rates of these totals.
    #[must_use]
    pub fn of(totals: &Contribution) -> Self {
        Self {
            open_rate: percentage(totals.opened, totals.delivered),
            click_rate: percentage(totals.clicked, totals.delivered),
            bounce_rate: percentage(totals.bounced, totals.sent),
            reply_rate: percentage(totals.replied, totals.delivered),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 9e15 e-mails")]
fn percentage(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}
