use crate::model::{MailboxId, SecretField, UserId};

/// Where a secret belongs. A sealed value is bound to all of this, and opens nowhere else.
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
    /// The field of a mailbox.
    #[must_use]
    pub const fn new(mailbox: MailboxId, owner: UserId, field: SecretField) -> Self {
        Self { mailbox, owner, field }
    }
}
