//! What the secrets of mailboxes need of a store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Reencrypted, SealedCredentials, SealedField, Vault, seal};
use crate::clock::Clock;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::{Credentials, Mailbox, MailboxId};

/// A mailbox and its secrets as they are stored, if they can be read.
pub(crate) type SealedMailbox = (MailboxId, Result<SealedCredentials>);

#[async_trait]
pub(crate) trait SecretStorage: Send + Sync {
    /// The secrets of a mailbox.
    async fn sealed(&self, id: MailboxId) -> Result<Option<SealedCredentials>>;

    /// The secrets of the mailboxes after `after`, in the order of their ids.
    async fn sealed_after(&self, after: Option<MailboxId>, limit: usize) -> Result<Vec<SealedMailbox>>;

    /// Sets secrets of a mailbox that is still of this version.
    async fn change_version(
        &self,
        id: MailboxId,
        version: DateTime<Utc>,
        sealed: &[SealedField],
    ) -> Result<Mailbox>;

    /// Replaces values that are still the old ones, and says of how many mailboxes.
    async fn replace(&self, reencrypted: Vec<Reencrypted>) -> Result<u64>;
}

/// The secrets of a mailbox, opened.
pub(crate) async fn credentials(
    mailboxes: &impl SecretStorage,
    vault: Option<&Vault>,
    clock: &dyn Clock,
    id: MailboxId,
) -> Result<Option<Credentials>> {
    match mailboxes.sealed(id).await? {
        Some(sealed) => sealed.open(vault, clock.now()).await.map(Some),
        None => Ok(None),
    }
}

/// Replaces tokens, if they are still those of `used`. What else changes meanwhile is no obstacle.
pub(crate) async fn refresh_tokens(
    mailboxes: &impl SecretStorage,
    vault: Option<&Vault>,
    clock: &dyn Clock,
    id: MailboxId,
    used: &Credentials,
    new: &Credentials,
) -> Result<Mailbox> {
    loop {
        let current = mailboxes.sealed(id).await?;
        let current = current.ok_or_else(|| Error::not_found(Collection::Mailboxes, id))?;
        current.require_tokens(used, vault, clock.now()).await?;
        let sealed = seal(new, vault, id, current.owner)?;
        match mailboxes.change_version(id, current.updated_at, &sealed).await {
            Err(Error::Conflict { .. }) => {}
            done => return done,
        }
    }
}
