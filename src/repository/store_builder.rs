use std::sync::Arc;

use super::{
    CampaignMetricsRepository, CampaignRepository, EmailTrackingRepository, MailboxRepository,
    MailboxSecretsRepository, Store, UserRepository,
};
use crate::error::{Invalid, Problem};

macro_rules! repositories {
    ($($name:ident: $repository:ident,)+) => {
        /// Builds a [`Store`] of repositories of your own, or replaces some repositories of another store.
        ///
        /// ```
        /// use campaign_store::{MemoryStore, Store};
        ///
        /// let memory = MemoryStore::new().repositories();
        /// let other = MemoryStore::new().repositories();
        /// // Like `memory`, but for the users.
        /// let store = memory.to_builder().users(other.users).build()?;
        /// assert!(Store::builder().build().is_err());
        /// # Ok::<(), campaign_store::Invalid>(())
        /// ```
        #[derive(Debug, Clone, Default)]
        #[must_use]
        pub struct StoreBuilder {
            $($name: Option<Arc<dyn $repository>>,)+
        }

        impl StoreBuilder {
            $(
                #[doc = concat!("Sets `", stringify!($name), "`.")]
                pub fn $name(mut self, repository: Arc<dyn $repository>) -> Self {
                    self.$name = Some(repository);
                    self
                }
            )+

            /// Builds the store.
            ///
            /// # Errors
            /// [`Problem::Missing`] with the name of the first repository that was not set.
            pub fn build(self) -> Result<Store, Invalid> {
                let missing = |name| Invalid::new(name, Problem::Missing);
                Ok(Store { $($name: self.$name.ok_or(missing(stringify!($name)))?,)+ })
            }
        }

        impl From<Store> for StoreBuilder {
            fn from(store: Store) -> Self {
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
