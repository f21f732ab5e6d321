use thiserror::Error as ThisError;

use super::{Error, ErrorKind, ProvisionError, SecretProblem};

/// Why a call to a [`Migration`](crate::Migration) failed.
///
/// It names collections and ids of documents, never another value of a document.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[non_exhaustive]
pub enum MigrationError {
    /// Another process migrates this database.
    #[error("{owner} migrates this database; its lease lasts for {} s unless it is renewed", .remaining_ms.div_ceil(1_000))]
    #[non_exhaustive]
    LeaseHeld {
        /// Who holds the lease: a process and a name of its own.
        owner: String,
        /// How long the lease still lasts, in milliseconds.
        remaining_ms: u64,
    },

    /// The lease ran out while this process slept or could not reach the server. The pending write was
    /// not made, and another process may have taken over.
    #[error("the lease to migrate was lost")]
    LeaseLost,

    /// The old collections were retired, so the migration cannot be rolled back.
    #[error("the migration is finalised and cannot be rolled back")]
    Finalised,

    /// The call needs a migration that is done.
    #[error("the migration is not done")]
    NotMigrated,

    /// So many documents of an old collection were rejected that something else must be wrong.
    /// Nothing is lost; a later run resumes.
    #[error("{rejected} of {read} documents of {from} cannot be taken over")]
    #[non_exhaustive]
    TooManyRejected {
        /// The old collection.
        from: &'static str,
        /// Documents that were read.
        read: u64,
        /// Documents that would go to quarantine.
        rejected: u64,
    },

    /// The original of a document in quarantine cannot be sealed or opened.
    #[error("migration_quarantine: the original of {id} of {from}: {problem}")]
    #[non_exhaustive]
    Original {
        /// The old collection of the document.
        from: &'static str,
        /// Its `_id` there, or the type of one that is no `ObjectId`.
        id: String,
        /// What is wrong.
        problem: SecretProblem,
    },

    /// The runtime of this process shut down before the work was done. A later run resumes.
    #[error("the runtime shut down before the work was done")]
    Cancelled,

    /// The indexes of the new collections cannot be created.
    #[error(transparent)]
    Provision(ProvisionError),

    /// The database or a stored document is at fault, as in any other call.
    #[error(transparent)]
    Store(#[from] Error),
}

impl MigrationError {
    /// The class of the error, in the terms of [`Error::kind`].
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::LeaseHeld { .. } => ErrorKind::Busy,
            Self::LeaseLost | Self::Finalised | Self::NotMigrated => ErrorKind::Conflict,
            Self::TooManyRejected { .. } | Self::Original { .. } => ErrorKind::Internal,
            Self::Cancelled => ErrorKind::Unavailable,
            Self::Provision(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// Whether the same call can succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::LeaseHeld { .. } | Self::LeaseLost | Self::Cancelled => true,
            Self::Finalised | Self::NotMigrated | Self::TooManyRejected { .. } | Self::Original { .. } => {
                false
            }
            Self::Provision(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
        }
    }
}

impl From<ProvisionError> for MigrationError {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Store(error) => Self::Store(error),
            error => Self::Provision(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::Collection;

    #[test]
    fn errors_cross_threads_and_stay_small() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<MigrationError>();
        assert!(size_of::<MigrationError>() <= 88, "{}", size_of::<MigrationError>());
    }

    #[test]
    fn texts_are_pinned() {
        let texts = [
            MigrationError::LeaseHeld { owner: "process 7 (66f0)".to_owned(), remaining_ms: 2_001 },
            MigrationError::LeaseLost,
            MigrationError::Finalised,
            MigrationError::NotMigrated,
            MigrationError::TooManyRejected { from: "email_campaigns", read: 1_000, rejected: 600 },
            MigrationError::Original {
                from: "email_campaigns",
                id: "66f0".to_owned(),
                problem: SecretProblem::UnknownKey(2),
            },
            MigrationError::Cancelled,
            ProvisionError::PlanStale { collection: Collection::Users }.into(),
            ProvisionError::Store(Error::unavailable("localhost:1", "timed out")).into(),
        ];
        assert!(matches!(texts.last(), Some(MigrationError::Store(_))));
        assert_eq!(
            texts.map(|error| error.to_string()),
            [
                "process 7 (66f0) migrates this database; its lease lasts for 3 s unless it is renewed",
                "the lease to migrate was lost",
                "the migration is finalised and cannot be rolled back",
                "the migration is not done",
                "600 of 1000 documents of email_campaigns cannot be taken over",
                "migration_quarantine: the original of 66f0 of email_campaigns: key 2 is not in the keyring",
                "the runtime shut down before the work was done",
                "users: the plan is out of date; make a new one",
                "the database at localhost:1 is unavailable: timed out",
            ]
        );
    }
}
