//! The one place that reads the driver's errors. They can contain values of documents, so only a code and the
//! name of an index get past this module.

use bson::Document;
use mongodb::error::{
    CommandError, Error as DriverError, ErrorKind, IndexedWriteError, TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteError, WriteFailure,
};

use super::certificates;
use crate::collection::Collection;
use crate::error::Error;
use crate::schema;

/// The result of a call to the driver; it carries an error of this crate as a custom error.
pub(crate) type DriverResult<T> = mongodb::error::Result<T>;

const DUPLICATE_KEY: i32 = 11_000;
/// Labels that the driver does not name.
const RETRYABLE_WRITE_ERROR: &str = "RetryableWriteError";
const SYSTEM_OVERLOADED_ERROR: &str = "SystemOverloadedError";

/// Wraps an error of this crate, to pass it through the driver.
pub(crate) fn ours<E: Send + Sync + 'static>(error: E) -> DriverError {
    DriverError::custom(error)
}

/// As [`theirs`], where errors of the type `E` can come back too.
pub(super) fn theirs_as<E>(operation: &'static str, target: &str, error: &DriverError) -> E
where
    E: From<Error> + Clone + Send + Sync + 'static,
{
    error.get_custom::<E>().cloned().unwrap_or_else(|| theirs(operation, target, error).into())
}

/// Translates an error of the driver into an error of this crate.
pub(in crate::mongo) fn theirs(operation: &'static str, target: &str, error: &DriverError) -> Error {
    if let Some(ours) = error.get_custom::<Error>() {
        return ours.clone();
    }
    let (code, message) = code_and_message(error);
    if code == Some(DUPLICATE_KEY) {
        return unique(operation, message);
    }
    if let Some(reason) = refusal(error, code) {
        return Error::Unauthorized { target: target.to_owned(), reason };
    }
    if let Some(reason) = certificate_refusal(error) {
        return Error::Certificate { target: target.to_owned(), reason };
    }
    if let Some(reason) = outage(error, code) {
        return Error::unavailable(target, reason);
    }
    Error::backend(operation, code)
}

/// Whether the connection failed, or no server was found: not an answer of a server.
pub(super) fn is_of_the_connection(error: &DriverError) -> bool {
    matches!(
        *error.kind,
        ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Shutdown
    )
}

/// The reply to a raw command is not an error even if a majority did not get its writes in time.
pub(crate) fn refuse_write_concern_error(reply: &Document) -> DriverResult<()> {
    match reply.get_document("writeConcernError") {
        Ok(error) => {
            let error = bson::deserialize_from_document(error.clone())?;
            Err(ErrorKind::Write(WriteFailure::WriteConcernError(error)).into())
        }
        Err(_) => Ok(()),
    }
}

/// Whether a write failed because a unique index already has the value.
pub(crate) fn is_duplicate(error: &DriverError) -> bool {
    code_of(error) == Some(DUPLICATE_KEY)
}

/// The positions of the documents of an insert that this index refused, if nothing else went wrong.
pub(crate) fn duplicates_of(error: &DriverError, index: &str) -> Option<Vec<usize>> {
    let ErrorKind::InsertMany(errors) = &*error.kind else { return None };
    let refused = errors.write_errors.as_deref().filter(|_| errors.write_concern_error.is_none())?;
    let place = |error: &IndexedWriteError| {
        let (_, name) = parse_duplicate(&error.message)?;
        (error.code == DUPLICATE_KEY && name == index).then_some(error.index)
    };
    refused.iter().map(place).collect::<Option<Vec<_>>>().filter(|places| !places.is_empty())
}

/// The server's error code, if it gave one.
pub(crate) fn code_of(error: &DriverError) -> Option<i32> {
    code_and_message(error).0
}

/// The server's error code and text, whatever the shape of the error.
fn code_and_message(error: &DriverError) -> (Option<i32>, &str) {
    match &*error.kind {
        ErrorKind::Command(CommandError { code, message, .. })
        | ErrorKind::Write(WriteFailure::WriteError(WriteError { code, message, .. })) => {
            (Some(*code), message)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => (Some(error.code), ""),
        ErrorKind::InsertMany(errors) => match errors.write_errors.as_deref() {
            Some([first, ..]) => (Some(first.code), &first.message),
            _ => (errors.write_concern_error.as_ref().map(|error| error.code), ""),
        },
        ErrorKind::BulkWrite(errors) => match errors.write_errors.values().next() {
            Some(first) => (Some(first.code), &first.message),
            None => (None, ""),
        },
        _ => (None, ""),
    }
}

fn unique(operation: &'static str, message: &str) -> Error {
    match parse_duplicate(message) {
        Some((collection, index)) => Error::unique(collection, index.to_owned()),
        None => Error::backend(operation, Some(DUPLICATE_KEY)),
    }
}

/// The collection and the index in
/// `… collection: NAMESPACE index: NAME[ collation: …] dup key: { FIELD: …, FIELD: … }`.
fn parse_duplicate(message: &str) -> Option<(Collection, &str)> {
    let (_, rest) = message.split_once("collection: ")?;
    let (namespace, rest) = rest.split_once(" index: ")?;
    let (index, key) = rest.split_once(" dup key: { ")?;
    let (_, name) = namespace.split_once('.')?;
    let bookkeeping = Collection::BOOKKEEPING.into_iter().chain(Collection::MIGRATION);
    let mut collections = Collection::ALL.into_iter().chain(bookkeeping);
    let collection = collections.find(|collection| collection.name() == name)?;
    let index = index.split_once(" collation: ").map_or(index, |(name, _)| name);
    Some((collection, schema_name(collection, index, key)))
}

/// The schema's name of a unique index, which can exist under another name.
fn schema_name<'a>(collection: Collection, index: &'a str, key: &str) -> &'a str {
    if schema::indexes_of(collection).any(|spec| spec.name == index) {
        return index;
    }
    let has_keys = |keys: &[&str]| match keys.split_first() {
        Some((first, others)) => {
            let value = key.strip_prefix(first).and_then(|rest| rest.strip_prefix(": "));
            value.is_some_and(|rest| others.iter().all(|field| rest.contains(&format!(", {field}: "))))
        }
        None => false,
    };
    let unique = schema::indexes_of(collection).find(|spec| spec.unique && has_keys(spec.keys));
    unique.map_or(index, |spec| spec.name)
}

fn refusal(error: &DriverError, code: Option<i32>) -> Option<&'static str> {
    match (&*error.kind, code) {
        (ErrorKind::Authentication { .. }, _) | (_, Some(18)) => Some("the login failed"),
        (_, Some(13)) => Some("the user lacks a right"),
        _ => None,
    }
}

fn certificate_refusal(error: &DriverError) -> Option<&'static str> {
    match &*error.kind {
        ErrorKind::ServerSelection { message, .. } => certificates::refusal(message),
        ErrorKind::Io(error) => certificates::refusal(&error.to_string()),
        _ => None,
    }
}

fn outage(error: &DriverError, code: Option<i32>) -> Option<&'static str> {
    match &*error.kind {
        ErrorKind::ServerSelection { .. } => return Some("no suitable server was found in time"),
        ErrorKind::Io(_) => return Some("the connection failed"),
        ErrorKind::ConnectionPoolCleared { .. } => return Some("another connection to the server failed"),
        ErrorKind::DnsResolve { .. } => return Some("the host name cannot be resolved"),
        ErrorKind::Shutdown => return Some("the client was shut down"),
        _ => {}
    }
    if error.contains_label(SYSTEM_OVERLOADED_ERROR) {
        return Some("the server is overloaded");
    }
    // The codes of the drivers' specifications of retryable reads and writes, and others of a server that
    // is shutting down, not yet ready, or too busy.
    match code {
        Some(6 | 7 | 89 | 9001) => Some("the server lost a connection"),
        Some(91 | 134 | 189 | 10_058 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436) => {
            Some("the server changes its role")
        }
        Some(43 | 175 | 237) => Some("the server ended the search"),
        Some(50 | 64 | 202 | 262 | 290) => Some("the server ran out of time"),
        Some(24 | 112 | 246 | 251) => Some("other writes were in the way"),
        Some(239) => Some(
            "the read took longer than minSnapshotHistoryWindowInSeconds, a parameter of the server that says \
             how long it keeps a snapshot; if it fails again, raise it",
        ),
        Some(462) => Some("the server is overloaded"),
        _ if error.contains_label(RETRYABLE_WRITE_ERROR) => Some("the server could not complete the write"),
        _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
            Some("the transaction could not be done in time")
        }
        _ if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
            Some("the transaction could not be confirmed in time")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    /// The codes of the drivers' specifications, and those that a failover gave.
    #[test]
    fn what_can_pass_is_retryable() {
        let error = |code: i32| {
            let command = doc! { "code": code, "codeName": "canary", "errmsg": "canary" };
            let command = bson::deserialize_from_document::<CommandError>(command).unwrap();
            theirs("users.get", "localhost", &ErrorKind::Command(command).into())
        };
        for code in [
            6, 7, 24, 43, 50, 64, 89, 91, 112, 134, 175, 189, 202, 237, 239, 246, 251, 262, 290, 462, 9_001,
            10_058, 10_107, 11_600, 11_602, 13_435, 13_436,
        ] {
            assert!(error(code).is_retryable(), "{code}");
            assert!(!format!("{:?}", error(code)).contains("canary"));
        }
        for code in [2, 26, 121, 10_334, 14_031] {
            assert!(!error(code).is_retryable(), "{code}");
        }
    }

    #[test]
    fn the_index_is_found_and_the_value_is_not_kept() {
        let duplicate = |collection: &str, index: &str, key: &str| {
            format!(
                "E11000 duplicate key error collection: my.{collection} index: {index} dup key: {{ {key} }}"
            )
        };
        for (collection, index, key, expected) in [
            (Collection::Users, "login_id_1", r#"login_id: "index: x dup key: { ""#, "login_id_1"),
            (Collection::Users, "mine collation: { locale: \"en\" }", "login_id: \"ada\"", "login_id_1"),
            (
                Collection::Mailboxes,
                "mine",
                r#"user_id: 1, email: ", is_primary: true""#,
                "user_id_1_email_1",
            ),
            (Collection::Mailboxes, "mine", "user_id: 1, is_primary: true", "one_primary_per_user"),
            (Collection::Mailboxes, "mine", "user_id: 1", "mine"),
            (Collection::EventReceipts, "_id_", "_id: \"ada\"", "_id_"),
        ] {
            let message = duplicate(collection.name(), index, key);
            assert_eq!(parse_duplicate(&message), Some((collection, expected)));
            let error = unique("users.create", &message);
            assert_eq!(error, Error::unique(collection, expected));
            assert!(!format!("{error} {error:?}").contains("ada"));
        }
        for message in ["something else", &duplicate("others", "login_id_1", "login_id: 1")] {
            assert_eq!(unique("users.create", message), Error::backend("users.create", Some(DUPLICATE_KEY)));
        }
    }
}
