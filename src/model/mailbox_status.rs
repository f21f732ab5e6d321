//! The status of a mailbox.

use super::text_enum::text_enum;

text_enum! {
    /// Whether a mailbox can send.
    MailboxStatus, "status" {
        /// It can send.
        Active = "active",
        /// It must not be used.
        Inactive = "inactive",
        /// Its last use failed, and its owner must fix it.
        Error = "error",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro has no place for a default")]
impl Default for MailboxStatus {
    fn default() -> Self {
        Self::Active
    }
}
