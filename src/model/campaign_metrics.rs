//! The metrics of campaigns.

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Campaign, CampaignId, MailboxId, MetricId, Rates, Totals, UserId};

/// How a campaign does: the sum of what its tracking rows contribute.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CampaignMetrics {
    /// The identity.
    #[serde(rename = "metric_id")]
    pub id: MetricId,
    /// The campaign. Each has one record.
    pub campaign_id: CampaignId,
    /// The campaign's owner.
    pub user_id: UserId,
    /// The campaign's mailbox.
    pub mailbox_id: MailboxId,
    /// The numbers of e-mails.
    #[serde(flatten)]
    pub totals: Totals,
    /// The percentages.
    #[serde(flatten)]
    pub rates: Rates,
    /// When the record last changed. Strictly increases, so it is also the record's version.
    pub last_updated: DateTime<Utc>,
    /// When the record was created.
    pub created_at: DateTime<Utc>,
}

impl CampaignMetrics {
    /// The record of a new campaign.
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
    /// Whether they are what the rows add up to.
    pub(crate) fn agree_with(&self, counted: &Totals) -> bool {
        self.totals == *counted && self.rates == Rates::of(counted)
    }
}

/// Which metrics to read.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct MetricsFilter {
    pub(crate) user_id: Option<UserId>,
    pub(crate) mailbox_id: Option<MailboxId>,
    pub(crate) campaigns: Option<Vec<CampaignId>>,
    pub(crate) created: Option<Range<DateTime<Utc>>>,
}

impl MetricsFilter {
    /// Those of all campaigns.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of a user's campaigns.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..Self::default() }
    }

    /// Those of the campaigns that are sent from a mailbox.
    pub fn mailbox(mailbox_id: MailboxId) -> Self {
        Self { mailbox_id: Some(mailbox_id), ..Self::default() }
    }

    /// Those of these campaigns.
    pub fn campaigns(campaigns: impl IntoIterator<Item = CampaignId>) -> Self {
        Self { campaigns: Some(campaigns.into_iter().collect()), ..Self::default() }
    }

    /// Only those of campaigns that were created in this range of time.
    pub fn created(mut self, range: Range<DateTime<Utc>>) -> Self {
        self.created = Some(range);
        self
    }
}
