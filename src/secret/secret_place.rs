use crate::model::{MailboxId, SecretField, UserId};

/// The place of a secret. A sealed value is bound to its mailbox, owner and field, and does not open in any
/// other place. [`Vault::seal`](super::Vault::seal) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretPlace {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The mailbox's owner.
    pub owner: UserId,
    /// The field.
    pub field: SecretField,
}

impl SecretPlace {
    /// The place of a field of a mailbox.
    #[must_use]
    pub const fn new(mailbox: MailboxId, owner: UserId, field: SecretField) -> Self {
        Self { mailbox, owner, field }
    }
}
