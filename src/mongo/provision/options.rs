use std::collections::BTreeSet;
use std::time::Duration;

use bson::{Bson, Document};
use serde::Serialize;

use crate::collection::Collection;

/// Longer than a build of any index takes, and yet an end.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What provisioning may do beyond creating missing indexes, and its limits.
///
/// ```
/// use std::time::Duration;
///
/// use campaign_store::{Collection, ProvisionOptions, ValidatorMode};
///
/// let options = ProvisionOptions::new()
///     .drop_index(Collection::Users, "user_name_1")
///     .validators(ValidatorMode::Warn)
///     .max_time(Duration::from_secs(600));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct ProvisionOptions {
    dropped: BTreeSet<(Collection, String)>,
    altered: BTreeSet<(Collection, String)>,
    pub(super) validators: ValidatorMode,
    commit_quorum: Option<CommitQuorum>,
    max_time: Option<Duration>,
}

impl ProvisionOptions {
    /// Creates indexes that are missing, and drops or changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops this index, if it is there and not exactly what the schema declares.
    ///
    /// This is the way to replace an index that differs from the schema: what the schema declares
    /// in its place is created, before the drop if the server allows both side by side. It does not
    /// where both have the same name: queries then have no index until the new one is built.
    pub fn drop_index(mut self, collection: Collection, name: impl Into<String>) -> Self {
        self.dropped.insert((collection, name.into()));
        self
    }

    /// Changes this index in place where it differs from the schema only in being hidden, in
    /// `prepareUnique`, or in the number of seconds after which documents expire.
    pub fn alter_index(mut self, collection: Collection, name: impl Into<String>) -> Self {
        self.altered.insert((collection, name.into()));
        self
    }

    /// What the validators of the five collections do. They replace existing validators.
    pub fn validators(mut self, mode: ValidatorMode) -> Self {
        self.validators = mode;
        self
    }

    /// How many members of the replica set must have built an index before it is ready. Default: the
    /// server's, all voting members.
    pub fn commit_quorum(mut self, quorum: CommitQuorum) -> Self {
        self.commit_quorum = Some(quorum);
        self
    }

    /// How long each command may take on the server, index builds included, and the wait for those of other
    /// processes. Beyond it the server gives up a build that this command began. Default: 24 hours.
    pub fn max_time(mut self, limit: Duration) -> Self {
        self.max_time = Some(limit);
        self
    }

    pub(super) fn drops(&self, collection: Collection, index: &str) -> bool {
        self.dropped.contains(&(collection, index.to_owned()))
    }

    pub(super) fn alters(&self, collection: Collection, index: &str) -> bool {
        self.altered.contains(&(collection, index.to_owned()))
    }

    /// The command with the limit of time.
    pub(super) fn limit(&self, mut command: Document) -> Document {
        let limit = self.max_time.unwrap_or(MAX_TIME);
        // To the server zero means no limit.
        let millis = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).clamp(1, i32::MAX.into());
        command.insert("maxTimeMS", millis);
        command
    }

    /// The command to build indexes with the commit quorum.
    pub(super) fn with_quorum(&self, mut command: Document) -> Document {
        if let Some(quorum) = self.commit_quorum {
            command.insert("commitQuorum", quorum.to_bson());
        }
        command
    }
}

/// What a validator does with a document that it does not accept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidatorMode {
    /// Validators stay as they are.
    #[default]
    Keep,
    /// The server accepts the document and writes a line into its log.
    Warn,
    /// The server refuses the document. Documents that were wrong before can still be changed.
    Enforce,
}

/// How many members of a replica set must have built an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitQuorum {
    /// All members that vote.
    VotingMembers,
    /// A majority of the members.
    Majority,
    /// This many members that hold data.
    Members(u32),
}

impl CommitQuorum {
    fn to_bson(self) -> Bson {
        match self {
            Self::VotingMembers => "votingMembers".into(),
            Self::Majority => "majority".into(),
            Self::Members(n) => i64::from(n).into(),
        }
    }
}
