//! The identities of the records. Each kind of record has its own type.

use std::fmt;
use std::str::FromStr;

use bson::oid::ObjectId;
use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{NoContext, Timestamp, Uuid};

use super::debug::discreet_debug;
use super::text;
use crate::error::{Invalid, Problem};

/// Implements the text form of an id: `Display`, `FromStr`, and serde.
macro_rules! text_form {
    ($name:ident, $field:literal, $parse:expr) => {
        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                $parse(text::without_line_end(text)).map(Self).ok_or(Invalid::new($field, Problem::NotAnId))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

macro_rules! object_id {
    ($name:ident, $field:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Its text form is 24 hexadecimal digits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(ObjectId);

        impl $name {
            /// Creates a new id. The ids that one process creates are in ascending order.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "an id is never a default value")]
            pub fn new() -> Self {
                Self(new_object_id())
            }

            /// The id as the database stores it.
            #[must_use]
            pub const fn as_object_id(self) -> ObjectId {
                self.0
            }
        }

        impl From<ObjectId> for $name {
            fn from(id: ObjectId) -> Self {
                Self(id)
            }
        }

        text_form!($name, $field, |text| ObjectId::parse_str(text).ok());
    };
}

macro_rules! uuid_id {
    ($name:ident, $field:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Its text form is a hyphenated UUID in lower case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a new id for the time `at`: a UUID of version 7. Ids grow with time, which
            /// keeps inserts at the end of the index.
            #[must_use]
            pub fn new_at(at: DateTime<Utc>) -> Self {
                let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
                Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.timestamp_subsec_nanos())))
            }

            /// The id as a UUID.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        text_form!($name, $field, |text| Uuid::parse_str(text).ok());
    };
}

object_id!(UserId, "user_id", "The identity of a [`User`](super::User).");
object_id!(MailboxId, "mailbox_id", "The identity of a [`Mailbox`](super::Mailbox).");
object_id!(MetricId, "metric_id", "The identity of a [`CampaignMetrics`](super::CampaignMetrics) record.");
uuid_id!(CampaignId, "campaign_id", "The identity of a [`Campaign`](super::Campaign).");
uuid_id!(
    TrackingId,
    "tracking_id",
    "The identity of one sent e-mail, an [`EmailTracking`](super::EmailTracking) record."
);

impl TrackingId {
    /// The id of the `n`-th e-mail of a campaign to a recipient.
    ///
    /// It is always the same (a UUID of version 5 in the namespace of the campaign's id), so a send
    /// that is retried has the same id and counts once.
    ///
    /// ```
    /// use campaign_store::{CampaignId, EmailAddress, TrackingId};
    ///
    /// let campaign: CampaignId = "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa".parse()?;
    /// let ada = EmailAddress::new("ada@example.com")?;
    /// assert_eq!(TrackingId::for_send(campaign, &ada, 0), TrackingId::for_send(campaign, &ada, 0));
    /// assert_ne!(TrackingId::for_send(campaign, &ada, 0), TrackingId::for_send(campaign, &ada, 1));
    /// # Ok::<(), campaign_store::Invalid>(())
    /// ```
    #[must_use]
    pub fn for_send(campaign: CampaignId, recipient: &super::EmailAddress, n: u32) -> Self {
        Self(Uuid::new_v5(&campaign.0, format!("{n}:{recipient}").as_bytes()))
    }
}

/// A new `_id`.
pub(crate) fn new_object_id() -> ObjectId {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes object ids")]
    ObjectId::new()
}

/// The id of a user at Clerk, the authentication service.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ClerkUserId(String);

discreet_debug!(ClerkUserId {});

impl ClerkUserId {
    /// The largest number of bytes.
    pub const MAX_LEN: usize = 255;

    /// Checks an id that Clerk assigned, and trims it.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, longer than [`ClerkUserId::MAX_LEN`], or contains white space
    /// or a control character.
    pub fn new(id: impl AsRef<str>) -> Result<Self, Invalid> {
        text::token("clerk_user_id", id.as_ref(), Self::MAX_LEN).map(|id| Self(id.to_owned()))
    }

    pub(crate) fn from_stored(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The id as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClerkUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip() {
        let user = UserId::new();
        assert_eq!(user.to_string().parse(), Ok(user));
        assert_eq!(format!("{user}\r\n").parse(), Ok(user));
        let campaign = CampaignId::new_at(DateTime::UNIX_EPOCH);
        assert_eq!(campaign.to_string().parse(), Ok(campaign));
        assert_eq!(campaign.to_string().to_uppercase().parse(), Ok(campaign));
        assert_eq!(serde_json::to_string(&user).unwrap(), format!("\"{user}\""));
    }

    #[test]
    fn a_refused_text_is_not_echoed() {
        assert!("hunter2\n".parse::<CampaignId>().is_err());
        let error = "hunter2".parse::<CampaignId>().unwrap_err();
        assert_eq!(error.to_string(), "campaign_id is not an id of its kind");
        let error = serde_json::from_str::<UserId>("\"hunter2\"").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_retried_send_has_the_same_id() {
        let campaign = CampaignId::from(Uuid::nil());
        let recipient = crate::EmailAddress::new("Ada@Example.com").unwrap();
        // Pinned: stored rows depend on it.
        assert_eq!(
            TrackingId::for_send(campaign, &recipient, 0).to_string(),
            Uuid::new_v5(&Uuid::nil(), b"0:ada@example.com").to_string()
        );
    }
}
