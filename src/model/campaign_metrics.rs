//! The metrics of campaigns.

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Campaign, CampaignId, Contribution, EmailTracking, MailboxId, MetricId, Rates, Scope, Totals, UserId,
};
use crate::clock::first_whole_millis;
use crate::error::{Error, Invalid, Problem, Result};

/// The metrics of a campaign: the sum of the [contributions](super::Contribution) of its tracking rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CampaignMetrics {
    /// The identity.
    #[serde(rename = "metric_id")]
    pub id: MetricId,
    /// The campaign. Each campaign has one record of metrics.
    pub campaign_id: CampaignId,
    /// The campaign's owner.
    pub user_id: UserId,
    /// The campaign's mailbox.
    pub mailbox_id: MailboxId,
    /// The numbers of e-mails.
    #[serde(flatten)]
    pub totals: Totals,
    /// The percentages, from 0 to 100.
    #[serde(flatten)]
    pub rates: Rates,
    /// When the record last changed. It strictly increases, so it is also the record's version.
    pub last_updated: DateTime<Utc>,
    /// When the record was created.
    pub created_at: DateTime<Utc>,
}

impl CampaignMetrics {
    /// The metrics of a new campaign.
    pub(crate) fn new(id: MetricId, campaign: &Campaign) -> Self {
        Self {
            id,
            campaign_id: campaign.id,
            user_id: campaign.user_id,
            mailbox_id: campaign.mailbox_id,
            totals: Totals::default(),
            rates: Rates::default(),
            last_updated: campaign.created_at,
            created_at: campaign.created_at,
        }
    }
}

impl CampaignMetrics {
    /// Whether the metrics equal the totals that were counted from the rows.
    pub(crate) fn agree_with(&self, counted: &Totals) -> bool {
        self.totals == *counted && self.rates == Rates::of(counted)
    }
}

/// The sum of the metrics of many campaigns, or of the e-mails of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct MetricsSum {
    /// The sum of the totals. [`Rates::of`] computes its percentages.
    #[serde(flatten)]
    pub totals: Totals,
    /// Of many campaigns: the number of metrics records that the sum leaves out, because another program gave them
    /// totals that cannot be read. A recount of their campaigns corrects them.
    ///
    /// Of a mailbox: the number of e-mails that cannot be read. They count as sent and as nothing else.
    pub unreadable: u64,
}

impl MetricsSum {
    pub(crate) fn add(&mut self, totals: Result<Totals>) -> Result<()> {
        match totals {
            Ok(totals) => self.totals += totals,
            Err(Error::Corrupt { .. }) => self.unreadable += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Adds a row; one that cannot be read was still sent.
    pub(crate) fn add_row(&mut self, row: Result<&EmailTracking, &Error>) -> Result<()> {
        match row {
            Ok(row) => self.totals += Contribution::of(row),
            Err(Error::Corrupt { .. }) => {
                self.totals.sent += 1;
                self.unreadable += 1;
            }
            Err(error) => return Err(error.clone()),
        }
        Ok(())
    }
}

/// The metrics to read.
///
/// ```
/// use campaign_store::{MetricsFilter, UserId};
/// use chrono::{DateTime, TimeDelta};
///
/// let start = DateTime::UNIX_EPOCH;
/// let first_week = MetricsFilter::user(UserId::new()).created(start..start + TimeDelta::days(7));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct MetricsFilter {
    pub(crate) user_id: Option<UserId>,
    pub(crate) mailbox_id: Option<MailboxId>,
    pub(crate) campaigns: Option<Vec<CampaignId>>,
    pub(crate) created: Option<Range<DateTime<Utc>>>,
}

impl MetricsFilter {
    /// The largest number of campaigns that a filter of a list can name.
    pub const MAX_LISTED: usize = 10_000;

    /// The metrics of all campaigns that the repositories see: those of one user, or of
    /// [all](crate::Store::system).
    pub fn all() -> Self {
        Self { user_id: None, mailbox_id: None, campaigns: None, created: None }
    }

    /// The metrics of a user's campaigns.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..Self::all() }
    }

    /// The metrics of the campaigns that are sent from a mailbox.
    pub fn mailbox(mailbox_id: MailboxId) -> Self {
        Self { mailbox_id: Some(mailbox_id), ..Self::all() }
    }

    /// The metrics of these campaigns. A [`list`](crate::CampaignMetricsRepository::list) takes at most
    /// [`MAX_LISTED`](Self::MAX_LISTED) of them; sums and series take any number.
    pub fn campaigns(campaigns: impl IntoIterator<Item = CampaignId>) -> Self {
        Self { campaigns: Some(campaigns.into_iter().collect()), ..Self::all() }
    }

    /// Only the metrics of campaigns that were created in this period, which excludes its end.
    pub fn created(mut self, range: Range<DateTime<Utc>>) -> Self {
        self.created = Some(first_whole_millis(range.start)..first_whole_millis(range.end));
        self
    }

    /// The same within a scope. A filter of another user finds nothing there.
    pub(crate) fn within(&self, scope: Scope) -> Self {
        Self { user_id: self.user_id.or(scope.user()), ..self.clone() }
    }

    /// Refuses a filter that names too many campaigns for a list: each of its pages would search for all.
    pub(crate) fn check_listed(&self) -> Result<(), Invalid> {
        match &self.campaigns {
            Some(campaigns) if campaigns.len() > Self::MAX_LISTED => {
                Err(Invalid::new("campaigns", Problem::TooMany { max: Self::MAX_LISTED }))
            }
            _ => Ok(()),
        }
    }
}
