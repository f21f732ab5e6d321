//! The names of the collections.

use std::fmt;

use serde::{Serialize, Serializer};

/// A collection of the database.
///
/// ```
/// use campaign_store::Collection;
///
/// assert_eq!(Collection::Users.name(), "users");
/// assert!(!Collection::ALL.contains(&Collection::EventReceipts));
/// ```
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
    /// `event_receipts`: the provider event ids of recorded events, and the keys of added recipients.
    EventReceipts,
    /// `clerk_users`: the latest state of each user of Clerk, as its events reported it.
    ClerkUsers,
    /// `recount_marks`: campaigns that version 0.1 marked for a recount. Nothing writes to it any more.
    RecountMarks,
    /// `recount_notes`: what keeps recounts exact while others write, for campaigns whose metrics were wrong.
    RecountNotes,
    /// `key_fingerprints`: what tells apart the keys that ever sealed a secret in this database.
    KeyFingerprints,
    /// `migration_lease`: the runner that holds the lease of the migration.
    MigrationLease,
    /// `migration_steps`: the progress of a migration.
    MigrationSteps,
    /// `migration_parts`: the progress of each range of an old collection.
    MigrationParts,
    /// `migration_clashes`: users with several primary mailboxes in the old database.
    MigrationClashes,
    /// `migration_quarantine`: old documents that could not be copied.
    MigrationQuarantine,
}

impl Collection {
    /// The collections of records, in the order of the schema.
    pub const ALL: [Self; 5] =
        [Self::Users, Self::Mailboxes, Self::Campaigns, Self::CampaignMetrics, Self::EmailTracking];

    /// The collections of the store's own bookkeeping. No repository lists them.
    pub const BOOKKEEPING: [Self; 5] = [
        Self::EventReceipts,
        Self::ClerkUsers,
        Self::RecountMarks,
        Self::RecountNotes,
        Self::KeyFingerprints,
    ];

    /// The collections of a migration's own bookkeeping.
    pub const MIGRATION: [Self; 5] = [
        Self::MigrationLease,
        Self::MigrationSteps,
        Self::MigrationParts,
        Self::MigrationClashes,
        Self::MigrationQuarantine,
    ];

    /// The name of the collection in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Mailboxes => "mailboxes",
            Self::Campaigns => "campaigns",
            Self::CampaignMetrics => "campaign_metrics",
            Self::EmailTracking => "email_tracking",
            Self::EventReceipts => "event_receipts",
            Self::ClerkUsers => "clerk_users",
            Self::RecountMarks => "recount_marks",
            Self::RecountNotes => "recount_notes",
            Self::KeyFingerprints => "key_fingerprints",
            Self::MigrationLease => "migration_lease",
            Self::MigrationSteps => "migration_steps",
            Self::MigrationParts => "migration_parts",
            Self::MigrationClashes => "migration_clashes",
            Self::MigrationQuarantine => "migration_quarantine",
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Collection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
