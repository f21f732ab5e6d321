use std::sync::Arc;

use super::{
    CampaignMetricsRepository, CampaignRepository, EmailTrackingRepository, MailboxRepository,
    MailboxSecretsRepository, Repositories, UserRepository,
};
use crate::error::{Invalid, Problem};

macro_rules! repositories {
    ($($name:ident: $repository:ident,)+) => {
        /// Groups repositories of your own, or replaces some of existing [`Repositories`].
        ///
        /// ```
        /// use campaign_store::{MemoryStore, Repositories};
        ///
        /// let memory = MemoryStore::new().system();
        /// let other = MemoryStore::new().system();
        /// // Like `memory`, but for the users.
        /// let store = memory.to_builder().users(other.users).build()?;
        /// assert!(Repositories::builder().build().is_err());
        /// # Ok::<(), campaign_store::Invalid>(())
        /// ```
        #[derive(Debug, Clone, Default)]
        #[must_use]
        pub struct RepositoriesBuilder {
            $($name: Option<Arc<dyn $repository>>,)+
        }

        impl RepositoriesBuilder {
            $(
                #[doc = concat!("Sets `", stringify!($name), "`.")]
                pub fn $name(mut self, repository: Arc<dyn $repository>) -> Self {
                    self.$name = Some(repository);
                    self
                }
            )+

            /// Builds the group.
            ///
            /// # Errors
            /// [`Problem::Missing`] with the name of the first repository that was not set.
            pub fn build(self) -> Result<Repositories, Invalid> {
                let missing = |name| Invalid::new(name, Problem::Missing);
                Ok(Repositories { $($name: self.$name.ok_or(missing(stringify!($name)))?,)+ })
            }
        }

        impl From<Repositories> for RepositoriesBuilder {
            fn from(store: Repositories) -> Self {
                Self { $($name: Some(store.$name),)+ }
            }
        }
    };
}

repositories! {
    users: UserRepository,
    mailboxes: MailboxRepository,
    mailbox_secrets: MailboxSecretsRepository,
    campaigns: CampaignRepository,
    campaign_metrics: CampaignMetricsRepository,
    email_tracking: EmailTrackingRepository,
}
