use std::sync::Arc;

use super::{
    CampaignMetricsRepository, CampaignRepository, EmailTrackingRepository, MailboxRepository,
    MailboxSecretsRepository, RepositoriesBuilder, UserRepository,
};

/// The repositories of one database, within one user or over all users: a [`Store`](super::Store) gives them.
///
/// [`Repositories::builder`] groups repositories of your own, and [`Repositories::to_builder`] replaces some of
/// existing ones.
///
/// A clone is cheap and shares the data.
///
/// ```
/// use campaign_store::{MemoryStore, NewUser};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// assert_eq!(store.clone().users.get(ada.id).await?, Some(ada));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Repositories {
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

impl Repositories {
    /// Groups repositories of your own.
    pub fn builder() -> RepositoriesBuilder {
        RepositoriesBuilder::default()
    }

    /// The same repositories, of which some can be replaced.
    pub fn to_builder(&self) -> RepositoriesBuilder {
        RepositoriesBuilder::from(self.clone())
    }
}
