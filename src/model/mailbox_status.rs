//! The state of a mailbox.

use super::text_enum::text_enum;

text_enum! {
    /// Whether a mailbox can send.
    MailboxStatus, "status" {
        /// It works.
        Active = "active",
        /// It is not to be used.
        Inactive = "inactive",
        /// Its last use failed; somebody must look at it.
        Error = "error",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro has no place for a default")]
impl Default for MailboxStatus {
    fn default() -> Self {
        Self::Active
    }
}
