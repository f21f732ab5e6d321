//! What recording a batch of sends does.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::{CampaignId, Contribution, EmailTracking, NewSend, SendOutcome, TrackingId};

/// The rows to write, what they add to the metrics, and what to answer.
#[derive(Debug)]
pub(crate) struct SendBatch {
    pub(crate) outcomes: Vec<SendOutcome>,
    pub(crate) rows: Vec<EmailTracking>,
    pub(crate) added: BTreeMap<CampaignId, Contribution>,
}

impl SendBatch {
    /// How many sends are recorded in one step.
    pub(crate) const MAX_SENDS: usize = 1_000;

    /// Sorts `sends` by what is known: the ids that were recorded before, and the campaigns that
    /// exist.
    pub(crate) fn new(
        sends: &[NewSend],
        mut recorded: HashSet<TrackingId>,
        campaigns: &HashSet<CampaignId>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut batch =
            Self { outcomes: Vec::with_capacity(sends.len()), rows: Vec::new(), added: BTreeMap::new() };
        for send in sends {
            let outcome = if recorded.contains(&send.id) {
                SendOutcome::AlreadyRecorded
            } else if campaigns.contains(&send.campaign_id) {
                recorded.insert(send.id);
                batch.add(send.clone().build(now));
                SendOutcome::Recorded
            } else {
                SendOutcome::UnknownCampaign
            };
            batch.outcomes.push(outcome);
        }
        batch
    }

    fn add(&mut self, row: EmailTracking) {
        *self.added.entry(row.campaign_id).or_default() += Contribution::of(&row);
        self.rows.push(row);
    }
}
