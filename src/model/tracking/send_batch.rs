//! The effect of recording a batch of sends.

use std::collections::{BTreeMap, HashSet};

use super::{Contribution, FoundMetrics, TotalsDelta};
use crate::error::Result;
use crate::model::{CampaignId, EmailTracking, Scope, SendOutcome, TrackingId};

/// The outcomes of a batch, the rows to write, and their contribution to the metrics.
#[derive(Debug)]
pub(crate) struct SendBatch<'a> {
    pub(crate) outcomes: Vec<Result<SendOutcome>>,
    pub(crate) rows: Vec<&'a EmailTracking>,
    pub(crate) added: BTreeMap<CampaignId, TotalsDelta>,
}

impl<'a> SendBatch<'a> {
    /// The largest number of sends in a step. A step is a transaction, and long transactions block
    /// others.
    const MAX_SENDS: usize = 1_000;
    /// The largest size of the messages of a step, in bytes. A transaction takes memory of the server.
    const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Splits the rows of sends into steps. Each step is atomic.
    pub(crate) fn steps(sends: &'a [EmailTracking]) -> impl Iterator<Item = &'a [EmailTracking]> {
        let mut rest = sends;
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let fits = rest.iter().take(Self::MAX_SENDS).take_while(|send| {
                bytes += send.message.len();
                bytes <= Self::MAX_BYTES
            });
            let (step, later) = rest.split_at_checked(fits.count())?;
            rest = later;
            (!step.is_empty()).then_some(step)
        })
    }

    /// Decides the outcome of each send, given the ids that were recorded before, by anybody, and the metrics of
    /// the campaigns that exist within the scope. New sends of a campaign whose metrics cannot be read fail.
    pub(crate) fn new(
        sends: &'a [EmailTracking],
        mut recorded: HashSet<TrackingId>,
        metrics: &FoundMetrics,
        scope: Scope,
    ) -> Self {
        let mut batch =
            Self { outcomes: Vec::with_capacity(sends.len()), rows: Vec::new(), added: BTreeMap::new() };
        for send in sends {
            let exists = metrics.exists(send.campaign_id);
            // Nobody learns whether another's send was recorded.
            let is_foreign = !scope.includes(send.user_id) || !scope.is_all() && exists == Ok(false);
            // The time comes first, because ids are not always looked up.
            let outcome =
                if !send.is_sent_in_time() {
                    Ok(SendOutcome::ImplausibleTime)
                } else if is_foreign {
                    Ok(SendOutcome::UnknownCampaign)
                } else if recorded.contains(&send.id) {
                    Ok(SendOutcome::AlreadyRecorded)
                } else {
                    exists.map(|exists| {
                        if exists { batch.add(send, &mut recorded) } else { SendOutcome::UnknownCampaign }
                    })
                };
            batch.outcomes.push(outcome);
        }
        batch
    }

    fn add(&mut self, send: &'a EmailTracking, recorded: &mut HashSet<TrackingId>) -> SendOutcome {
        recorded.insert(send.id);
        *self.added.entry(send.campaign_id).or_default() += TotalsDelta::adding(Contribution::of(send));
        self.rows.push(send);
        SendOutcome::Recorded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewSend;
    use crate::model::email_tracking::tests::scene;

    fn sizes(message: usize, n: usize) -> Vec<usize> {
        let (mailbox, campaign) = scene(&"x".repeat(message));
        let start = campaign.start_time;
        let send = NewSend::new(&campaign, &mailbox, "bob@example.com", start).unwrap().build(start);
        SendBatch::steps(&vec![send; n]).map(<[EmailTracking]>::len).collect()
    }

    #[test]
    fn steps_are_bounded_by_number_and_size_and_leave_nothing_out() {
        assert_eq!(sizes(1, 0), [0; 0]);
        assert_eq!(sizes(1, 2_500), [1_000, 1_000, 500]);
        assert_eq!(sizes(1024 * 1024, 40), [16, 16, 8]);
    }
}
