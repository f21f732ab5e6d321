use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Error;
use crate::collection::Collection;

/// A stored document that cannot be read: which one, which field and why, never its value.
///
/// Another program wrote or damaged it. [`Error::Corrupt`] has the same fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// The collection of the document.
    pub collection: Collection,
    /// Its `_id`, or `unknown` where even that cannot be read.
    pub id: String,
    /// The path of the field.
    pub path: Cow<'static, str>,
    /// What is wrong with the field.
    pub problem: &'static str,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(self.clone()).fmt(f)
    }
}

impl From<Unreadable> for Error {
    fn from(Unreadable { collection, id, path, problem }: Unreadable) -> Self {
        Self::Corrupt { collection, id, path, problem }
    }
}

impl TryFrom<Error> for Unreadable {
    type Error = Error;

    /// What a [`Corrupt`](Error::Corrupt) says; any other error comes back.
    fn try_from(error: Error) -> Result<Self, Error> {
        match error {
            Error::Corrupt { collection, id, path, problem } => Ok(Self { collection, id, path, problem }),
            other => Err(other),
        }
    }
}
