//! The body of an e-mail.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;

use super::text;
use crate::error::Invalid;

/// The body of an e-mail. Clones share one text, so thousands of e-mails of a campaign hold its body once.
///
/// It derefs to `str`. Its `Debug` shows the size only.
///
/// ```
/// use campaign_store::Message;
///
/// let message = Message::new("Flowers are out.")?;
/// assert!(message == "Flowers are out." && message.contains("out"));
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message(Arc<str>);

impl Message {
    /// Any text of at most 1 MiB that is not blank. Line breaks and spaces are kept.
    ///
    /// # Errors
    /// [`Invalid`] when it is blank, too long, or contains a NUL.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Invalid> {
        text::message(text.as_ref())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that is valid, or that another program stored.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for Message {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Message {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Message {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Message {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl From<Message> for String {
    fn from(message: Message) -> Self {
        message.0.as_ref().to_owned()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.0.len())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Message {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
