//! The operations of a store that the secrets of mailboxes need.

use std::collections::HashSet;

use async_trait::async_trait;
use bson::Document;
use chrono::{DateTime, Utc};

use super::{Reencrypted, SealedCredentials, SealedField, SealedOriginal, Vault, seal};
use crate::back_off::BackOff;
use crate::clock::Clock;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::{Credentials, Mailbox, MailboxId};

/// A mailbox and its stored secrets, or the error of reading them.
pub(crate) type SealedMailbox = (MailboxId, Result<SealedCredentials>);

#[async_trait]
pub(crate) trait SecretStorage: Send + Sync {
    /// The stored secrets of a mailbox.
    async fn sealed(&self, id: MailboxId) -> Result<Option<SealedCredentials>>;

    /// The stored secrets of at most `limit` mailboxes after `after`, in the order of their ids.
    async fn sealed_after(&self, after: Option<MailboxId>, limit: usize) -> Result<Vec<SealedMailbox>>;

    /// Sets secrets of a mailbox that still has this version.
    async fn change_version(
        &self,
        id: MailboxId,
        version: DateTime<Utc>,
        sealed: &[SealedField],
    ) -> Result<Mailbox>;

    /// Replaces values that have not changed since, and returns the mailboxes.
    async fn replace(&self, reencrypted: Vec<Reencrypted>) -> Result<HashSet<MailboxId>>;

    /// Some quarantined originals after `after`, in the order of their ids; none at the end.
    async fn originals_after(&self, after: Option<&Document>) -> Result<Vec<SealedOriginal>> {
        let _ = after;
        Ok(Vec::new())
    }

    /// Replaces an original that has not changed since, and returns whether it did.
    async fn replace_original(&self, original: SealedOriginal, new: Vec<u8>) -> Result<bool> {
        let _ = (original, new);
        Ok(false)
    }
}

/// The opened secrets of a mailbox.
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

/// Replaces tokens, if they are still those of `used`. Other changes at the same time do not interfere.
pub(crate) async fn refresh_tokens(
    mailboxes: &impl SecretStorage,
    vault: Option<&Vault>,
    clock: &dyn Clock,
    id: MailboxId,
    used: &Credentials,
    new: &Credentials,
) -> Result<Mailbox> {
    let mut back_off = BackOff::of_conflicts();
    loop {
        let current = mailboxes.sealed(id).await?;
        let current = current.ok_or_else(|| Error::not_found(Collection::Mailboxes, id))?;
        current.require_tokens(used, vault, clock.now()).await?;
        let sealed = seal(new, vault, id, current.owner)?;
        match mailboxes.change_version(id, current.updated_at, &sealed).await {
            // Something else of the mailbox changed. The store ends this at the deadline of the call.
            Err(Error::Conflict { .. }) => tokio::time::sleep(back_off.pause()).await,
            done => return done,
        }
    }
}
