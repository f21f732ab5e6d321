/// The class of an error, by which a service chooses its answer.
///
/// | Class | Variants of [`Error`](super::Error) | HTTP status | Retry |
/// |---|---|---|---|
/// | `Invalid` | `Invalid`, `InvalidCursor`, `ForeignMailbox` | 422, or 400 | no: the request is wrong |
/// | `Unauthorized` | `Unauthorized` | 500 | no: the operator must mend the login or the rights of this service |
/// | `NotFound` | `NotFound` | 404 | no |
/// | `Conflict` | `Conflict`, `IllegalStatus`, `InactiveUser`, `UnsendableMailbox`, `InUse` | 409 | `Conflict`: after reading the record again |
/// | `Unique` | `Unique` | 409 | no: another record has the value |
/// | `Busy` | `Busy`, `Throttled` | 429 | yes, after a pause (`Throttled` says how long); nothing was done |
/// | `Unavailable` | `Unavailable`, `ShutDown` | 503 | `Unavailable`: yes, as the method allows; `ShutDown`: elsewhere |
/// | `Internal` | `Corrupt`, `Secret`, `Keys`, `Backend`, `Standalone`, `Certificate` | 500 | no: an operator must look at it |
/// | | `SystemOnly` | 500 | no: the service called the wrong repositories |
///
/// `Unauthorized` is about this service and its database: the client of the service did nothing wrong and
/// can do nothing about it, so 401 and 403 would mislead it. [`Error::is_retryable`](super::Error::is_retryable)
/// says for one error whether the same call can succeed later. The classes stay; a new variant of `Error`
/// gets one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input was refused.
    Invalid,
    /// The database refused this service.
    Unauthorized,
    /// The record does not exist.
    NotFound,
    /// The record is in a state that does not allow the call.
    Conflict,
    /// Another record has a value that must be unique.
    Unique,
    /// Too many callers want the same; nothing was done.
    Busy,
    /// The database or this process cannot answer now.
    Unavailable,
    /// Stored data, the configuration, the server or the service is at fault.
    Internal,
}
