//! The names of the collections.

use std::fmt;

/// A collection of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Collection {
    /// `users`
    Users,
    /// `mailboxes`
    Mailboxes,
    /// `campaigns`
    Campaigns,
    /// `campaign_metrics`
    CampaignMetrics,
    /// `email_tracking`
    EmailTracking,
}

impl Collection {
    /// Every collection, in the order of the schema.
    pub const ALL: [Self; 5] =
        [Self::Users, Self::Mailboxes, Self::Campaigns, Self::CampaignMetrics, Self::EmailTracking];

    /// The name of the collection in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Mailboxes => "mailboxes",
            Self::Campaigns => "campaigns",
            Self::CampaignMetrics => "campaign_metrics",
            Self::EmailTracking => "email_tracking",
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
