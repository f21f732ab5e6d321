//! Campaigns without their bodies, for lists.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::{Campaign, CampaignDuration, CampaignId, CampaignStatus, MailboxId, UserId};

/// A campaign without its body: a [`Campaign`] as lists and reports need it.
///
/// The body is not read from the database, so a list costs the same however large the bodies are.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CampaignSummary {
    /// The identity.
    #[serde(rename = "campaign_id")]
    pub id: CampaignId,
    /// The owner.
    pub user_id: UserId,
    /// The mailbox that sends it, one of the owner's.
    pub mailbox_id: MailboxId,
    /// The name to show.
    pub campaign_name: String,
    /// The subject of the e-mails.
    pub subject: String,
    /// The length of the campaign, in hours.
    pub duration: CampaignDuration,
    /// When it starts, in whole milliseconds.
    pub start_time: DateTime<Utc>,
    /// When it ends: the start plus the duration.
    pub end_time: DateTime<Utc>,
    /// The status.
    pub status: CampaignStatus,
    /// The number of recipients.
    pub total_recipients: u64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When the record last changed. It strictly increases, so it is also the record's version.
    pub updated_at: DateTime<Utc>,
    /// The user who created it.
    pub created_by: UserId,
}

discreet_debug!(CampaignSummary { id, user_id, mailbox_id, status, start_time, end_time, updated_at });

impl From<Campaign> for CampaignSummary {
    fn from(campaign: Campaign) -> Self {
        Self {
            id: campaign.id,
            user_id: campaign.user_id,
            mailbox_id: campaign.mailbox_id,
            campaign_name: campaign.campaign_name,
            subject: campaign.subject,
            duration: campaign.duration,
            start_time: campaign.start_time,
            end_time: campaign.end_time,
            status: campaign.status,
            total_recipients: campaign.total_recipients,
            created_at: campaign.created_at,
            updated_at: campaign.updated_at,
            created_by: campaign.created_by,
        }
    }
}
