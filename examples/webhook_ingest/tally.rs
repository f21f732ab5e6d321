//! The effects of a provider's calls.

use std::fmt;

use campaign_store::EventOutcome;

#[derive(Debug)]
pub(crate) struct Tally {
    provider: &'static str,
    calls: usize,
    skipped: usize,
    pub(crate) first: usize,
    pub(crate) repeats: usize,
    pub(crate) duplicates: usize,
    pub(crate) noted: usize,
    pub(crate) unknown: usize,
    pub(crate) implausible: usize,
}

impl Tally {
    pub(crate) const HEADER: &str = "  provider    calls  skipped  events   first  repeat  duplicate  soft bounce  unknown e-mail  wrong time";

    pub(crate) fn new(provider: &'static str) -> Self {
        Self {
            provider,
            calls: 0,
            skipped: 0,
            first: 0,
            repeats: 0,
            duplicates: 0,
            noted: 0,
            unknown: 0,
            implausible: 0,
        }
    }

    /// Counts a call.
    pub(crate) fn count(&mut self, skipped: usize, outcomes: &[EventOutcome]) {
        self.calls += 1;
        self.skipped += skipped;
        for outcome in outcomes {
            match outcome {
                EventOutcome::First => self.first += 1,
                EventOutcome::Repeat => self.repeats += 1,
                EventOutcome::Duplicate => self.duplicates += 1,
                EventOutcome::Noted => self.noted += 1,
                EventOutcome::ImplausibleTime => self.implausible += 1,
                _ => self.unknown += 1,
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, calls, skipped, first, repeats, duplicates, noted, unknown, implausible } = self;
        let events = first + repeats + duplicates + noted + unknown + implausible;
        write!(
            f,
            "  {provider:<10} {calls:>6} {skipped:>8} {events:>7} {first:>7} {repeats:>7} {duplicates:>10} {noted:>12} \
             {unknown:>15} {implausible:>11}"
        )
    }
}
