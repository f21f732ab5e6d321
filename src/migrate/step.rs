use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::collection::Collection;

/// An old collection and the new one that it is copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MigrationStep {
    /// `warm_up_emails_table` to `mailboxes`.
    Mailboxes,
    /// `email_campaigns` to `campaigns`.
    Campaigns,
}

impl MigrationStep {
    /// Every step, in the order of a run: campaigns refer to mailboxes.
    pub const ALL: [Self; 2] = [Self::Mailboxes, Self::Campaigns];

    /// The name of the old collection, which is only read until
    /// [`finalise`](super::Migration::finalise).
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Mailboxes => "warm_up_emails_table",
            Self::Campaigns => "email_campaigns",
        }
    }

    /// The name of the old collection after [`finalise`](super::Migration::finalise).
    #[must_use]
    pub const fn retired_source(self) -> &'static str {
        match self {
            Self::Mailboxes => "_legacy_warm_up_emails_table",
            Self::Campaigns => "_legacy_email_campaigns",
        }
    }

    /// The new collection.
    #[must_use]
    pub const fn target(self) -> Collection {
        match self {
            Self::Mailboxes => Collection::Mailboxes,
            Self::Campaigns => Collection::Campaigns,
        }
    }
}

impl Serialize for MigrationStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl<'de> Deserialize<'de> for MigrationStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let step = Self::ALL.into_iter().find(|step| step.source() == name);
        step.ok_or_else(|| D::Error::custom("is not the name of an old collection"))
    }
}
