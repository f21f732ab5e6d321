use serde::Deserialize;

/// An entry of the ledger. What was not yet written is zero or false.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the document")]
pub(crate) struct Entry {
    /// How many documents the old collection had, when that was last looked at.
    pub(crate) source: u64,
    /// Whether it is cut into parts.
    pub(crate) is_planned: bool,
    pub(crate) is_done: bool,
    /// Whether the old collections were retired.
    pub(crate) is_finalised: bool,
    /// Whether it was done before: then most documents are there.
    pub(crate) is_repeated: bool,
    /// How long was worked on it.
    pub(crate) millis: u64,
    /// How many rows belong to no campaign.
    pub(crate) unattributed: u64,
}
