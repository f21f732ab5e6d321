//! How many e-mails reached each stage.

use std::fmt;

use campaign_store::{Rate, Totals};

/// A step of the funnel, or a way out of it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) count: u64,
    /// The name of the total that the rate refers to, and the rate; the first stage has none.
    pub(crate) rate: Option<(&'static str, Rate)>,
}

#[derive(Debug)]
pub(crate) struct Funnel {
    pub(crate) steps: [Stage; 5],
    pub(crate) losses: [Stage; 2],
}

impl Funnel {
    pub(crate) fn of(totals: &Totals) -> Self {
        let of_sent = |name, count| {
            let rate = Some(("sent", Rate::new(count, totals.sent)));
            Stage { name, count, rate }
        };
        let of_delivered = |name, count| {
            let rate = Some(("delivered", Rate::new(count, totals.delivered)));
            Stage { name, count, rate }
        };
        Self {
            steps: [
                Stage { name: "sent", count: totals.sent, rate: None },
                of_sent("delivered", totals.delivered),
                of_delivered("opened", totals.opened),
                of_delivered("clicked", totals.clicked),
                of_delivered("replied", totals.replied),
            ],
            losses: [of_sent("bounced", totals.bounced), of_delivered("unsubscribed", totals.unsubscribed)],
        }
    }

    pub(crate) fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.steps.iter().chain(&self.losses)
    }

    #[cfg(test)]
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.stages().find(|stage| stage.name == name).map(|stage| stage.count)
    }
}

impl fmt::Display for Funnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<13}{:>8}  {:>8}  {:<13} 95 % interval", "", "e-mails", "rate", "of")?;
        for Stage { name, count, rate } in self.stages() {
            write!(f, "  {name:<13}{count:>8}")?;
            if let Some((base, rate)) = rate {
                let (low, high) = rate.wilson_95();
                write!(f, "  {:>6.1} %  {base:<13} {low:>4.1} to {high:.1} %", rate.percent())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
