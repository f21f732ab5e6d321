use std::fmt::Debug;

use async_trait::async_trait;

use super::RecordStream;
use crate::error::Result;
use crate::model::{Credentials, Mailbox, MailboxId};
use crate::secret::{ReencryptPlan, ReencryptReport};

/// The secrets of the linked mailboxes: passwords and OAuth tokens. See the
/// [contract](crate::repository#contract) of all repositories.
///
/// It is apart from [`MailboxRepository`](super::MailboxRepository), so that a service can hand that on
/// without handing on the secrets.
#[async_trait]
pub trait MailboxSecretsRepository: Debug + Send + Sync {
    /// The secrets of a mailbox, opened.
    ///
    /// # Errors
    /// `Secret` when one of them cannot be read.
    async fn credentials(&self, id: MailboxId) -> Result<Option<Credentials>>;

    /// Replaces the secrets that are given, and leaves the others.
    ///
    /// # Errors
    /// `NotFound`; `Secret` when there are no keys to seal them.
    async fn replace_credentials(&self, id: MailboxId, new: Credentials) -> Result<Mailbox>;

    /// Replaces tokens that were refreshed: those that are given, if the tokens are still those of
    /// `used`. Other changes of the mailbox, and re-encryption, are no obstacle.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when somebody else replaced the tokens: read the
    /// [`credentials`](Self::credentials) again. `Secret`.
    async fn refresh_tokens(&self, id: MailboxId, used: &Credentials, new: Credentials) -> Result<Mailbox>;

    /// Reloads the vault's keys, and re-encrypts with the primary key what other keys sealed, and what is
    /// not sealed where the vault allows that. It reports after each batch; the last report
    /// [is done](ReencryptReport::is_done). A secret that is replaced meanwhile stays replaced.
    /// `updated_at` stays: the secrets are the same. Dropping the stream stops between two batches.
    ///
    /// # Errors
    /// Those of the database, and `Secret` without keys, within the stream. A secret that does not
    /// open is reported and is no error.
    async fn reencrypt(&self, plan: ReencryptPlan) -> Result<RecordStream<ReencryptReport>>;
}
