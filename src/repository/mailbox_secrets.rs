use std::fmt::Debug;

use async_trait::async_trait;

use super::RecordStream;
use crate::error::Result;
use crate::model::{Credentials, Mailbox, MailboxId};
use crate::secret::{ReencryptPlan, ReencryptReport};

/// The secrets of the linked mailboxes: passwords and OAuth tokens. The
/// [contract](crate::repository#contract) holds for every method.
///
/// It is separate from [`MailboxRepository`](super::MailboxRepository), so a service can pass on that
/// one without access to the secrets.
///
/// ```
/// use campaign_store::{AccessToken, Credentials, Error, RefreshToken};
/// # use campaign_store::{MemoryStore, NewMailbox, NewUser, Provider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// # let store = MemoryStore::new().system();
/// # let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
/// let new = NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?
///     .tokens(AccessToken::new("ya29.a0AfH6")?, RefreshToken::new("1//0gLx")?);
/// let mailbox = store.mailboxes.link(new).await?;
///
/// let used = store.mailbox_secrets.credentials(mailbox.id).await?.expect("the mailbox exists");
/// let fresh = Credentials::new().access_token(AccessToken::new("ya29.b1BgI7")?);
/// store.mailbox_secrets.refresh_tokens(mailbox.id, &used, fresh.clone()).await?;
///
/// // A worker that refreshed the same tokens comes too late, and reads the new ones.
/// let late = store.mailbox_secrets.refresh_tokens(mailbox.id, &used, fresh).await;
/// assert!(matches!(late, Err(Error::Conflict { .. })));
/// # Ok(())
/// # }
/// ```
///
/// # A repeat after `Unavailable`
///
/// A call that ended in a time-out may have taken effect. The same call again gives:
///
/// | Method | The repeat |
/// |---|---|
/// | `credentials` | what is stored now |
/// | `replace_credentials` | the same secrets, sealed once more |
/// | `refresh_tokens` | `Conflict`, if the first call took effect: read the credentials, and compare |
/// | `reencrypt` | it finds nothing to do in what was re-encrypted |
#[async_trait]
pub trait MailboxSecretsRepository: Debug + Send + Sync {
    /// The opened secrets of a mailbox; `None` if the mailbox does not exist.
    ///
    /// # Errors
    /// `Secret` when one of them does not open.
    async fn credentials(&self, id: MailboxId) -> Result<Option<Credentials>>;

    /// Replaces the secrets that are set in `new`, and keeps the others.
    ///
    /// # Errors
    /// `NotFound`; `Secret` when the store has no keys to seal them.
    async fn replace_credentials(&self, id: MailboxId, new: Credentials) -> Result<Mailbox>;

    /// Replaces refreshed tokens: stores the secrets that are set in `new`, if the tokens are still those
    /// of `used`. Other changes of the mailbox and re-encryption do not interfere.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when another caller replaced the tokens: read the
    /// [`credentials`](Self::credentials) again; `Secret` when a token does not open or cannot be sealed.
    async fn refresh_tokens(&self, id: MailboxId, used: &Credentials, new: Credentials) -> Result<Mailbox>;

    /// Reloads the vault's keys, and re-encrypts secrets of other keys with the primary key. It also seals
    /// secrets that are not sealed, where the vault [allows](crate::VaultOptions::allow_plaintext) them.
    ///
    /// The stream returns a report after each batch; the last report [is done](ReencryptReport::is_done).
    /// Dropping the stream stops the run between two batches. A secret that is replaced at the same time
    /// is not overwritten. `updated_at` does not change, because the secrets are the same.
    ///
    /// # Errors
    /// Those of the database, and `Secret` if the store has no keys, within the stream. A secret that
    /// does not open is reported, and is not an error.
    async fn reencrypt(&self, plan: ReencryptPlan) -> Result<RecordStream<ReencryptReport>>;
}
