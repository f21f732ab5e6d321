//! What can go wrong.

mod backend;
mod invalid;
mod kind;
#[cfg(feature = "mongo")]
mod migration;
mod provision;
mod secret_problem;
mod unreadable;

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error as ThisError;

pub use self::invalid::{Invalid, Problem};
pub use self::kind::ErrorKind;
#[cfg(feature = "mongo")]
pub use self::migration::MigrationError;
pub use self::provision::{DuplicateGroup, Offenders, ProvisionError};
pub use self::secret_problem::SecretProblem;
pub use self::unreadable::Unreadable;
use crate::collection::Collection;
use crate::secret::KeyError;

/// The result of a call to the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the store failed.
///
/// The variant says what happened; [`Error::is_retryable`] says whether the same call can succeed
/// later. An error names collections, fields, indexes and ids of documents. It never holds another
/// value of a document, a secret or an address, neither in its text nor in its sources.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// An input was refused before anything was written.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// The record to work on, or one that it refers to, does not exist. Within one user, neither does what is
    /// another's.
    #[error("{collection}: there is no {id}")]
    #[non_exhaustive]
    NotFound {
        /// The collection that was searched.
        collection: Collection,
        /// The id of the missing record.
        id: String,
    },

    /// Another record already has this value.
    #[error("{collection}: the unique index {index} already has this value")]
    #[non_exhaustive]
    Unique {
        /// The collection of both records.
        collection: Collection,
        /// The name of the violated index, one of those in [`schema`](crate::schema).
        index: Cow<'static, str>,
    },

    /// The record changed since the caller read it: read it again, and decide by what it is now.
    #[error("{collection}: {id} was changed by another caller; read it again")]
    #[non_exhaustive]
    Conflict {
        /// The collection of the record.
        collection: Collection,
        /// The id of the record.
        id: String,
    },

    /// The campaign's status does not allow this transition or change.
    #[error("campaigns: {action} is not allowed while the campaign is {status}")]
    #[non_exhaustive]
    IllegalStatus {
        /// What was asked for: a transition's name, `update` or `add_recipients`.
        action: &'static str,
        /// The status that the campaign has.
        status: &'static str,
    },

    /// A campaign cannot use the mailbox of another user. Only the repositories of
    /// [`Store::system`](crate::Store::system) say so; within one user, the mailbox of another is `NotFound`.
    #[error("mailboxes: {mailbox} belongs to another user")]
    #[non_exhaustive]
    ForeignMailbox {
        /// The id of the mailbox.
        mailbox: String,
    },

    /// The user was deactivated, and cannot create campaigns or be given work.
    #[error("users: {user} is not active")]
    #[non_exhaustive]
    InactiveUser {
        /// The id of the user.
        user: String,
    },

    /// The mailbox cannot send now, and campaigns cannot be given to it.
    #[error("mailboxes: {mailbox} cannot send: its status is {status}")]
    #[non_exhaustive]
    UnsendableMailbox {
        /// The id of the mailbox.
        mailbox: String,
        /// Its status, such as `error`; `switched off` if its owner does not allow its use.
        status: &'static str,
    },

    /// The operation is about more than one user, and was called on the repositories of one, as
    /// [`Store::of`](crate::Store::of) gives them. Nothing was read or written.
    #[error("{operation} is not possible within one user; call it on the repositories of `system()`")]
    #[non_exhaustive]
    SystemOnly {
        /// The operation, such as `users.create`.
        operation: &'static str,
    },

    /// The record cannot be removed while others need it.
    #[error("{collection}: {id} is still needed by {by}")]
    #[non_exhaustive]
    InUse {
        /// The collection of the record.
        collection: Collection,
        /// The id of the record.
        id: String,
        /// The collection of the records that need it.
        by: Collection,
    },

    /// The cursor is damaged, or was made by another list than this one.
    #[error("the page cursor does not belong to this list")]
    InvalidCursor,

    /// A stored document cannot be read.
    #[error("{collection}: document {id} cannot be read: {path}: {problem}")]
    #[non_exhaustive]
    Corrupt {
        /// The collection of the document.
        collection: Collection,
        /// Its `_id`, or `unknown` where even that cannot be read.
        id: String,
        /// The path of the field.
        path: Cow<'static, str>,
        /// What is wrong with the field. Never its value.
        problem: &'static str,
    },

    /// A secret of a mailbox cannot be opened or sealed.
    #[error("mailboxes: {field} of {mailbox}: {problem}")]
    #[non_exhaustive]
    Secret {
        /// The id of the mailbox.
        mailbox: String,
        /// The name of the field.
        field: &'static str,
        /// What is wrong.
        problem: SecretProblem,
    },

    /// The keys of the store's vault were refused: the database knows another key of the same id. Nothing was
    /// sealed.
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] KeyError),

    /// Too many callers wait already; nothing was done. Retry later. For a login it does not mean that
    /// the password was wrong.
    #[error("{operation}: too many callers are waiting; retry later")]
    #[non_exhaustive]
    Busy {
        /// The operation: `users.verify_login`, or `recorder.try_record` when its queue is full.
        operation: &'static str,
    },

    /// There were too many wrong logins with this login id or from this caller; nothing was done. It does not
    /// mean that the password was wrong, nor that the login id exists. A [`LoginThrottle`](crate::LoginThrottle)
    /// gives it.
    #[error("users.verify_login: too many attempts; retry in {} s", retry_after.as_secs_f64().ceil())]
    #[non_exhaustive]
    Throttled {
        /// How long to wait before the next attempt.
        retry_after: Duration,
    },

    /// The server refused the login, or the database user lacks a privilege that the store needs.
    #[error("the database at {target} refused access: {reason}")]
    #[non_exhaustive]
    Unauthorized {
        /// The servers that were tried, as `host:port`.
        target: String,
        /// The kind of refusal.
        reason: &'static str,
    },

    /// The server is standalone, or a member of a replica set that was never initiated. The store needs
    /// transactions, and a standalone server has none.
    #[error(
        "the server at {target} is standalone, and the store needs transactions: start it with \
         `mongod --replSet rs0` and run `rs.initiate()` once, which makes it a replica set of one member"
    )]
    #[non_exhaustive]
    Standalone {
        /// The servers that were tried, as `host:port`.
        target: String,
    },

    /// The server's certificate was refused: whoever answers may not be the server. Nothing was sent to it.
    #[error("the certificate of the database at {target} was refused: {reason}")]
    #[non_exhaustive]
    Certificate {
        /// The servers that were tried, as `host:port`.
        target: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },

    /// The server cannot be reached, or did not answer in time.
    ///
    /// It is unknown whether a write that failed this way took effect.
    #[error("the database at {target} is unavailable: {reason}")]
    #[non_exhaustive]
    Unavailable {
        /// The servers that were tried, as `host:port`.
        target: String,
        /// What failed.
        reason: Cow<'static, str>,
    },

    /// The [`EventRecorder`](crate::EventRecorder) was shut down, or the store was closed, before the call or
    /// before one of its later steps. This step did nothing.
    #[error("the store or its event recorder was shut down")]
    ShutDown,

    /// The database refused the operation for another reason. The text says what the code means, where
    /// that is known.
    #[error("{operation} failed in the database{}", backend::explained(*.code))]
    #[non_exhaustive]
    Backend {
        /// The operation, such as `users.create`.
        operation: Cow<'static, str>,
        /// The server's error code, where it gave one.
        code: Option<i32>,
    },
}

impl Error {
    /// Whether the same call can succeed later without anyone changing anything.
    ///
    /// ```
    /// use campaign_store::Error;
    /// assert!(Error::unavailable("db.example:27017", "timed out").is_retryable());
    /// assert!(!Error::InvalidCursor.is_retryable());
    /// ```
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Busy { .. } | Self::Throttled { .. })
    }

    /// The class of the error, by which a service chooses its answer.
    ///
    /// ```
    /// use campaign_store::{Collection, Error, ErrorKind};
    ///
    /// fn status(error: &Error) -> u16 {
    ///     match error.kind() {
    ///         ErrorKind::Invalid => 422,
    ///         ErrorKind::NotFound => 404,
    ///         ErrorKind::Conflict | ErrorKind::Unique => 409,
    ///         ErrorKind::Busy => 429,
    ///         ErrorKind::Unavailable => 503,
    ///         _ => 500,
    ///     }
    /// }
    /// assert_eq!(status(&Error::not_found(Collection::Users, "66f0")), 404);
    /// assert_eq!(status(&Error::unique(Collection::Users, "email_1")), 409);
    /// assert_eq!(status(&Error::unavailable("db.example:27017", "timed out")), 503);
    /// ```
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) | Self::ForeignMailbox { .. } | Self::InvalidCursor => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Unique { .. } => ErrorKind::Unique,
            Self::Conflict { .. }
            | Self::IllegalStatus { .. }
            | Self::InactiveUser { .. }
            | Self::UnsendableMailbox { .. }
            | Self::InUse { .. } => ErrorKind::Conflict,
            Self::Busy { .. } | Self::Throttled { .. } => ErrorKind::Busy,
            Self::Unauthorized { .. } => ErrorKind::Unauthorized,
            Self::Unavailable { .. } | Self::ShutDown => ErrorKind::Unavailable,
            Self::Corrupt { .. }
            | Self::Secret { .. }
            | Self::Keys(_)
            | Self::Standalone { .. }
            | Self::Certificate { .. }
            | Self::SystemOnly { .. }
            | Self::Backend { .. } => ErrorKind::Internal,
        }
    }

    /// The name of the violated unique index, if that is what happened.
    #[must_use]
    pub fn unique_index(&self) -> Option<&str> {
        match self {
            Self::Unique { index, .. } => Some(index),
            _ => None,
        }
    }

    /// The record does not exist.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn not_found(collection: Collection, id: impl ToString) -> Self {
        Self::NotFound { collection, id: id.to_string() }
    }

    /// The value of a unique index is taken.
    #[must_use]
    pub fn unique(collection: Collection, index: impl Into<Cow<'static, str>>) -> Self {
        Self::Unique { collection, index: index.into() }
    }

    /// The record changed since it was read.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn conflict(collection: Collection, id: impl ToString) -> Self {
        Self::Conflict { collection, id: id.to_string() }
    }

    /// The record is needed by others.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn in_use(collection: Collection, id: impl ToString, by: Collection) -> Self {
        Self::InUse { collection, id: id.to_string(), by }
    }

    /// A secret of a mailbox cannot be used.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn secret(mailbox: impl ToString, field: &'static str, problem: SecretProblem) -> Self {
        Self::Secret { mailbox: mailbox.to_string(), field, problem }
    }

    /// Too many wait for `operation` already.
    #[must_use]
    pub const fn busy(operation: &'static str) -> Self {
        Self::Busy { operation }
    }

    /// There were too many wrong logins. Another attempt can be made after this time.
    #[must_use]
    pub const fn throttled(retry_after: Duration) -> Self {
        Self::Throttled { retry_after }
    }

    /// The campaign's status does not allow `action`.
    #[must_use]
    pub fn illegal_status(action: &'static str, status: &'static str) -> Self {
        Self::IllegalStatus { action, status }
    }

    /// The user was deactivated.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn inactive_user(user: impl ToString) -> Self {
        Self::InactiveUser { user: user.to_string() }
    }

    /// The mailbox cannot send.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small")]
    pub fn unsendable_mailbox(mailbox: impl ToString, status: &'static str) -> Self {
        Self::UnsendableMailbox { mailbox: mailbox.to_string(), status }
    }

    /// The database cannot be reached. `target` must not hold a password.
    #[must_use]
    pub fn unavailable(target: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { target: target.into(), reason: reason.into() }
    }

    /// The database failed in `operation`.
    #[must_use]
    pub fn backend(operation: impl Into<Cow<'static, str>>, code: Option<i32>) -> Self {
        Self::Backend { operation: operation.into(), code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads_and_stay_small() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
        assert!(size_of::<Error>() <= 80, "{}", size_of::<Error>());
    }

    #[test]
    fn texts_are_pinned() {
        let texts = [
            Error::from(Invalid::new("subject", Problem::TooLong { max: 998 })),
            Error::not_found(Collection::Users, "66f0"),
            Error::unique(Collection::Users, "login_id_1"),
            Error::conflict(Collection::Campaigns, "66f0"),
            Error::IllegalStatus { action: "pause", status: "completed" },
            Error::inactive_user("66f0"),
            Error::unsendable_mailbox("66f0", "error"),
            Error::in_use(Collection::Users, "66f0", Collection::Mailboxes),
            Error::SystemOnly { operation: "users.create" },
            Error::InvalidCursor,
            Error::unavailable("localhost:1", "timed out"),
            Error::busy("users.verify_login"),
            Error::throttled(Duration::from_millis(6_001)),
            Error::ShutDown,
            Error::backend("users.create", Some(26)),
            Error::backend("users.create", Some(4321)),
            Error::backend("users.create", None),
        ]
        .map(|error| error.to_string());
        assert_eq!(
            texts,
            [
                "subject is longer than 998 bytes",
                "users: there is no 66f0",
                "users: the unique index login_id_1 already has this value",
                "campaigns: 66f0 was changed by another caller; read it again",
                "campaigns: pause is not allowed while the campaign is completed",
                "users: 66f0 is not active",
                "mailboxes: 66f0 cannot send: its status is error",
                "users: 66f0 is still needed by mailboxes",
                "users.create is not possible within one user; call it on the repositories of `system()`",
                "the page cursor does not belong to this list",
                "the database at localhost:1 is unavailable: timed out",
                "users.verify_login: too many callers are waiting; retry later",
                "users.verify_login: too many attempts; retry in 7 s",
                "the store or its event recorder was shut down",
                "users.create failed in the database with code 26: the collection does not exist",
                "users.create failed in the database with code 4321",
                "users.create failed in the database",
            ]
        );
    }
}
