//! Campaigns that no worker seems to work on.

use std::fmt;

use campaign_store::{
    Campaign, CampaignFilter, CampaignId, CampaignStatus, Clock, Error, Repositories, SystemClock,
};
use chrono::TimeDelta;
use futures_util::StreamExt;
use serde::Serialize;

use crate::failure::Failure;
use crate::session::Session;

/// How many campaigns of a status are looked at.
const LOOKED_AT: usize = 10_000;
/// How many stuck ones are listed.
const LISTED: usize = 20;
/// How long a campaign may wait for a worker.
const PATIENCE: TimeDelta = TimeDelta::hours(1);

/// The campaigns that should have started or ended and have not.
#[derive(Serialize)]
pub(super) struct StuckCampaigns {
    /// Active ones past their end.
    active: Stuck,
    /// Scheduled ones long past their start.
    scheduled: Stuck,
}

/// Those of one status.
#[derive(Serialize, Default)]
struct Stuck {
    looked_at: usize,
    /// Whether there are no more than were looked at.
    is_complete: bool,
    count: u64,
    first: Vec<CampaignId>,
    /// Campaigns that cannot be read.
    corrupt: u64,
}

impl StuckCampaigns {
    pub(super) async fn find(session: &Session, store: &Repositories) -> Result<Self, Failure> {
        let now = SystemClock.now();
        let is_over = |campaign: &Campaign| campaign.end_time <= now;
        let is_late = |campaign: &Campaign| campaign.start_time <= now - PATIENCE;
        Ok(Self {
            active: Stuck::find(session, store, CampaignStatus::Active, is_over).await?,
            scheduled: Stuck::find(session, store, CampaignStatus::Scheduled, is_late).await?,
        })
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = self.active.problems("active campaigns are past their end");
        problems
            .extend(self.scheduled.problems("scheduled campaigns are more than an hour past their start"));
        problems
    }
}

impl Stuck {
    async fn find(
        session: &Session,
        store: &Repositories,
        status: CampaignStatus,
        is_stuck: impl Fn(&Campaign) -> bool,
    ) -> Result<Self, Failure> {
        let filter = CampaignFilter::all().status(status);
        let mut campaigns = store.campaigns.stream(&filter).await?.take(LOOKED_AT);
        let mut found = Self::default();
        while let Some(campaign) = campaigns.next().await {
            session.interrupt.check()?;
            found.looked_at += 1;
            match campaign {
                Ok(campaign) if is_stuck(&campaign) => found.add(campaign.id),
                Ok(_) => {}
                Err(Error::Corrupt { .. }) => found.corrupt += 1,
                Err(error) => return Err(error.into()),
            }
        }
        found.is_complete = found.looked_at < LOOKED_AT;
        Ok(found)
    }

    fn add(&mut self, id: CampaignId) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(id);
        }
    }

    fn problems(&self, what: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if self.count > 0 {
            let first: Vec<_> = self.first.iter().map(ToString::to_string).collect();
            problems.push(format!("{} {what}, such as {}", self.count, first.join(", ")));
        }
        if self.corrupt > 0 {
            problems.push(format!("{} campaigns cannot be read", self.corrupt));
        }
        problems
    }
}

impl fmt::Display for StuckCampaigns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stuck = self.active.count + self.scheduled.count;
        write!(
            f,
            "{stuck} stuck, of {} active and {} scheduled ones",
            self.active.looked_at, self.scheduled.looked_at
        )
    }
}
