//! Where the migration stands: what it keeps for itself in the database, and who may change it.

pub(crate) mod clashes;
pub(crate) mod counts;
pub(crate) mod entry;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod part;
pub(crate) mod quarantine;
pub(crate) mod quarantined;
pub(crate) mod stored;
