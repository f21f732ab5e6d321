//! E-mails without their bodies, for lists.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::{CampaignId, EmailAddress, EmailTracking, MailboxId, TrackingId, UserId};

/// A sent e-mail without its body: an [`EmailTracking`] as lists and reports need it.
///
/// The body is not read from the database, so a list costs the same however large the bodies are.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmailSummary {
    /// The identity.
    #[serde(rename = "tracking_id")]
    pub id: TrackingId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The campaign's owner.
    pub user_id: UserId,
    /// The mailbox that sent it.
    pub mailbox_id: MailboxId,
    /// The address of the sender.
    pub sender_email: EmailAddress,
    /// The address of the recipient.
    pub recipient_email: EmailAddress,
    /// The recipient's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_name: Option<String>,
    /// The subject that was sent.
    pub subject: String,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was first opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<DateTime<Utc>>,
    /// The number of opens.
    pub opens: u64,
    /// When a link in it was first clicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicked_at: Option<DateTime<Utc>>,
    /// The number of clicks on links in it.
    pub clicks: u64,
    /// When it was first replied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replied_at: Option<DateTime<Utc>>,
    /// The number of replies.
    pub replies: u64,
    /// Whether it bounced.
    pub bounced: bool,
    /// The reason for the bounce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce_reason: Option<String>,
    /// Whether the recipient unsubscribed through it.
    pub unsubscribed: bool,
    /// When the recipient first unsubscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribed_at: Option<DateTime<Utc>>,
    /// When the record was created.
    pub created_at: DateTime<Utc>,
}

discreet_debug!(EmailSummary { id, campaign_id, sent_at, opens, clicks, replies, bounced, unsubscribed });

impl From<EmailTracking> for EmailSummary {
    fn from(row: EmailTracking) -> Self {
        Self {
            id: row.id,
            campaign_id: row.campaign_id,
            user_id: row.user_id,
            mailbox_id: row.mailbox_id,
            sender_email: row.sender_email,
            recipient_email: row.recipient_email,
            recipient_name: row.recipient_name,
            subject: row.subject,
            sent_at: row.sent_at,
            delivered_at: row.delivered_at,
            opened_at: row.opened_at,
            opens: row.opens,
            clicked_at: row.clicked_at,
            clicks: row.clicks,
            replied_at: row.replied_at,
            replies: row.replies,
            bounced: row.bounced,
            bounce_reason: row.bounce_reason,
            unsubscribed: row.unsubscribed,
            unsubscribed_at: row.unsubscribed_at,
            created_at: row.created_at,
        }
    }
}
