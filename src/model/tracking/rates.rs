//! The percentages of a campaign.

use serde::Serialize;

use super::Totals;

/// Percentages from 0 to 100, not rounded; 0 if the denominator is 0.
///
/// Opens, clicks and replies are divided by the delivered e-mails, since an e-mail that never arrived
/// cannot be opened. Bounces are divided by the sent e-mails. [`Rate`] has other bases.
///
/// ```
/// use campaign_store::{Totals, Rates};
///
/// let mut totals = Totals::default();
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
    pub fn of(totals: &Totals) -> Self {
        Self {
            open_rate: percentage(totals.opened, totals.delivered),
            click_rate: percentage(totals.clicked, totals.delivered),
            bounce_rate: percentage(totals.bounced, totals.sent),
            reply_rate: percentage(totals.replied, totals.delivered),
        }
    }
}

/// The base of a rate: its denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateBase {
    /// The delivered e-mails, as in the glossary of Twilio `SendGrid` ("unique opens / delivered") and
    /// the knowledge base of `HubSpot`.
    Delivered,
    /// The sent e-mails, as in many self-hosted tools.
    Sent,
    /// The opened e-mails. For clicks this is click-to-open, the click-through rate of `HubSpot`. It
    /// measures the message rather than its subject.
    Opened,
}

impl RateBase {
    const fn whole(self, totals: &Totals) -> u64 {
        match self {
            Self::Delivered => totals.delivered,
            Self::Sent => totals.sent,
            Self::Opened => totals.opened,
        }
    }
}

/// A rate with a base of your choice, and its confidence interval.
///
/// ```
/// use campaign_store::{Totals, Rate, RateBase};
///
/// let mut totals = Totals::default();
/// (totals.sent, totals.delivered, totals.opened, totals.clicked) = (100, 80, 20, 5);
/// assert_eq!(Rate::opens(&totals, RateBase::Sent).percent(), 20.0);
/// assert_eq!(Rate::click_to_open(&totals).percent(), 25.0);
/// let (low, high) = Rate::click_to_open(&totals).wilson_95();
/// assert!(11.0 < low && low < 12.0 && 46.0 < high && high < 47.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    part: u64,
    whole: u64,
}

impl Rate {
    /// The rate `part` / `whole`. A part larger than the whole counts as the whole, so no rate exceeds
    /// 100 %.
    #[must_use]
    pub const fn new(part: u64, whole: u64) -> Self {
        Self { part: if part < whole { part } else { whole }, whole }
    }

    /// opened / base
    #[must_use]
    pub const fn opens(totals: &Totals, base: RateBase) -> Self {
        Self::new(totals.opened, base.whole(totals))
    }

    /// clicked / base
    #[must_use]
    pub const fn clicks(totals: &Totals, base: RateBase) -> Self {
        Self::new(totals.clicked, base.whole(totals))
    }

    /// clicked / opened
    #[must_use]
    pub const fn click_to_open(totals: &Totals) -> Self {
        Self::clicks(totals, RateBase::Opened)
    }

    /// replied / base
    #[must_use]
    pub const fn replies(totals: &Totals, base: RateBase) -> Self {
        Self::new(totals.replied, base.whole(totals))
    }

    /// unsubscribed / base. A recipient can unsubscribe without an open or a delivery that is known.
    #[must_use]
    pub const fn unsubscribes(totals: &Totals, base: RateBase) -> Self {
        Self::new(totals.unsubscribed, base.whole(totals))
    }

    /// bounced / sent, the only base for bounces
    #[must_use]
    pub const fn bounces(totals: &Totals) -> Self {
        Self::new(totals.bounced, totals.sent)
    }

    /// The percentage from 0 to 100, not rounded; 0 if the base is 0.
    #[must_use]
    pub fn percent(self) -> f64 {
        percentage(self.part, self.whole)
    }

    /// The 95 % confidence interval, as percentages: the Wilson score interval, which stays within 0 to
    /// 100 and is valid for small campaigns. Without a sample it is 0 to 100.
    ///
    /// With n = base, p = part / n and z = 1.959964:
    /// (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n).
    /// From E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    /// Journal of the American Statistical Association 22 (1927), pages 209–212; recommended by
    /// Brown, Cai and `DasGupta`, "Interval estimation for a binomial proportion", Statistical
    /// Science 16 (2001), pages 101–133.
    #[must_use]
    pub fn wilson_95(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        if self.whole == 0 {
            return (0.0, 100.0);
        }
        let (share, number) = (self.percent() / 100.0, as_number(self.whole));
        let square = Z * Z / number;
        let middle = share + square / 2.0;
        let reach = Z * (share * (1.0 - share) / number + square / (4.0 * number)).sqrt();
        let percent = |value: f64| (value / (1.0 + square) * 100.0).clamp(0.0, 100.0);
        (percent(middle - reach), percent(middle + reach))
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 9e15 e-mails")]
const fn as_number(count: u64) -> f64 {
    count as f64
}

fn percentage(part: u64, whole: u64) -> f64 {
    // Multiplied first, so only the division rounds, up to 9e13 e-mails.
    if whole == 0 { 0.0 } else { (100.0 * as_number(part) / as_number(whole)).min(100.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_is_that_of_the_literature() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
        for (part, whole, low, high) in
            [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)]
        {
            let (found_low, found_high) = Rate::new(part, whole).wilson_95();
            assert!((found_low - low).abs() < 0.01 && (found_high - high).abs() < 0.01, "{part}/{whole}");
        }
        assert_eq!(Rate::new(0, 0).wilson_95(), (0.0, 100.0));
    }

    proptest! {
        #[test]
        fn rates_stay_between_0_and_100_and_within_their_interval(part in any::<u64>(), whole in any::<u64>()) {
            let rate = Rate::new(part, whole);
            let (low, high) = rate.wilson_95();
            prop_assert!((0.0..=100.0).contains(&rate.percent()));
            prop_assert!(0.0 <= low && low <= high && high <= 100.0);
            prop_assert!(whole == 0 || low - 1e-9 <= rate.percent() && rate.percent() <= high + 1e-9);
        }
    }
}
