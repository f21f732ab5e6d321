//! Metrics that are not what their tracking rows add up to.

use std::fmt;

use campaign_store::{CampaignId, Collection, Drift, Error, Repositories};
use futures_util::StreamExt;
use serde::Serialize;

use crate::failure::Failure;
use crate::session::Session;

/// How many campaigns are listed.
const LISTED: usize = 20;

#[derive(Serialize, Default)]
pub(super) struct MetricsDrift {
    /// Campaigns whose metrics are wrong or missing.
    drifting: u64,
    first: Vec<CampaignId>,
    /// Ids in tracking rows that are no campaign's. A migration leaves such rows as they are.
    unknown_campaigns: u64,
    /// Tracking rows whose campaign is missing or spelled as no id. They are left alone, too.
    unattributed_rows: u64,
    /// The `_id`s of some of them.
    first_unattributed: Vec<String>,
    /// Metrics that cannot be read. A recount writes them again.
    unreadable_metrics: u64,
    /// Why, for one of them.
    first_unreadable_metrics: Option<String>,
    /// Tracking rows that cannot be read. They count as sent and as nothing else.
    unreadable_rows: u64,
    /// Why, for some of them.
    first_unreadable: Vec<String>,
}

impl MetricsDrift {
    pub(super) async fn find(session: &Session, store: &Repositories) -> Result<Self, Failure> {
        let mut drifts = store.campaign_metrics.drift().await?;
        let mut found = Self::default();
        while let Some(drift) = drifts.next().await {
            session.interrupt.check()?;
            match drift {
                Ok(Drift { campaign_id, stored: None, .. })
                    if store.campaigns.get(campaign_id).await?.is_none() =>
                {
                    found.unknown_campaigns += 1;
                }
                Ok(Drift { campaign_id, .. }) => found.add(campaign_id),
                Err(Error::Corrupt { collection: Collection::EmailTracking, path, id, .. })
                    if path == "campaign_id" =>
                {
                    found.unattributed_rows += 1;
                    if found.first_unattributed.len() < LISTED {
                        found.first_unattributed.push(id);
                    }
                }
                Err(error @ Error::Corrupt { collection: Collection::EmailTracking, .. }) => {
                    found.add_unreadable(&error);
                }
                Err(error @ Error::Corrupt { collection: Collection::CampaignMetrics, .. }) => {
                    found.unreadable_metrics += 1;
                    found.first_unreadable_metrics.get_or_insert(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    fn add(&mut self, id: CampaignId) {
        self.drifting += 1;
        if self.first.len() < LISTED {
            self.first.push(id);
        }
    }

    fn add_unreadable(&mut self, error: &Error) {
        self.unreadable_rows += 1;
        if self.first_unreadable.len() < LISTED {
            self.first_unreadable.push(error.to_string());
        }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.drifting > 0 {
            let first: Vec<_> = self.first.iter().map(ToString::to_string).collect();
            let first = first.join(", ");
            problems.push(format!(
                "the metrics of {} campaigns are wrong: recount; such as {first}",
                self.drifting
            ));
        }
        if let Some(first) = &self.first_unreadable_metrics {
            let metrics = self.unreadable_metrics;
            problems
                .push(format!("the metrics of {metrics} campaigns cannot be read: recount; such as {first}"));
        }
        if let Some(first) = self.first_unreadable.first() {
            let rows = self.unreadable_rows;
            problems.push(format!(
                "{rows} tracking rows cannot be read, so they count as sent only; such as {first}"
            ));
        }
        problems
    }
}

impl fmt::Display for MetricsDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drifting, unknown_campaigns, unattributed_rows, .. } = self;
        write!(f, "{drifting} campaigns drift; rows name {unknown_campaigns} unknown campaigns")?;
        if let Some(first) = self.first_unattributed.first() {
            write!(f, "; {unattributed_rows} rows name no campaign, such as {first}")?;
        }
        Ok(())
    }
}
