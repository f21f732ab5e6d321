use std::sync::Arc;

use super::{
    CampaignMetricsRepository, CampaignRepository, EmailTrackingRepository, MailboxRepository,
    MailboxSecretsRepository, StoreBuilder, UserRepository,
};

/// The repositories of one database.
///
/// [`MongoStore`](crate::MongoStore) and [`MemoryStore`](crate::MemoryStore) make one. A store of your own
/// is made by [`Store::builder`], or from another one by [`Store::to_builder`], which keeps what is not
/// replaced.
///
/// Cloning is cheap and shares the data.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Store {
    /// `users`
    pub users: Arc<dyn UserRepository>,
    /// `mailboxes`
    pub mailboxes: Arc<dyn MailboxRepository>,
    /// The secrets in `mailboxes`.
    pub mailbox_secrets: Arc<dyn MailboxSecretsRepository>,
    /// `campaigns`
    pub campaigns: Arc<dyn CampaignRepository>,
    /// `campaign_metrics`
    pub campaign_metrics: Arc<dyn CampaignMetricsRepository>,
    /// `email_tracking`
    pub email_tracking: Arc<dyn EmailTrackingRepository>,
}

impl Store {
    /// A store of your own.
    #[must_use]
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }

    /// A store like this one, but for what is replaced.
    #[must_use]
    pub fn to_builder(&self) -> StoreBuilder {
        StoreBuilder::from(self.clone())
    }
}
