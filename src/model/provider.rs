//! Mailbox providers.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;
use crate::error::Invalid;

/// The provider of a mailbox.
///
/// ```
/// use campaign_store::Provider;
///
/// assert_eq!("Gmail".parse::<Provider>()?, Provider::Gmail);
/// assert_eq!("fastmail".parse::<Provider>()?.as_str(), "fastmail");
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// Microsoft Outlook and Office 365: `outlook`.
    Outlook,
    /// Google Gmail and Workspace: `gmail`.
    Gmail,
    /// Any other provider, by its name in lower case.
    Other(OtherProvider),
}

/// The name of a provider without a variant of its own. [`Provider::new`] creates it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OtherProvider(String);

impl Provider {
    /// The largest number of bytes of a name.
    pub const MAX_LEN: usize = 64;

    /// The provider with this name, which is trimmed and converted to lower case.
    ///
    /// # Errors
    /// [`Invalid`] when the name is empty, longer than [`Provider::MAX_LEN`], or contains a
    /// control character.
    pub fn new(name: impl AsRef<str>) -> Result<Self, Invalid> {
        let name = text::line("provider", name.as_ref(), Self::MAX_LEN)?.to_lowercase();
        text::line("provider", &name, Self::MAX_LEN)?;
        Ok(Self::from_stored(&name))
    }

    pub(crate) fn from_stored(name: &str) -> Self {
        match name {
            "outlook" => Self::Outlook,
            "gmail" => Self::Gmail,
            other => Self::Other(OtherProvider(other.to_owned())),
        }
    }

    /// The name, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Outlook => "outlook",
            Self::Gmail => "gmail",
            Self::Other(OtherProvider(name)) => name,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
