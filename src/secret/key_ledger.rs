use std::fmt::Debug;

use async_trait::async_trait;

use super::fingerprint::Fingerprint;
use super::keyring::KeyId;
use crate::error::Result;

/// The keys that a database knows. A vault asks it before it takes keys into use.
#[async_trait]
pub(crate) trait KeyLedger: Debug + Send + Sync {
    /// Refuses keys whose ids the database knows with other bytes. It only reads.
    async fn check(&self, keys: &[(KeyId, Fingerprint)]) -> Result<()>;
}
