//! What the documents of a legacy database become. Pure: a document in, a record or reasons out.
//!
//! The rule for whatever is unclear: nothing is guessed and nothing is lost. A value is taken if there
//! is one way to read it; otherwise the document is rejected, with everything that is wrong with it.

mod boolean;
mod campaign;
mod date;
mod fields;
mod findings;
mod id;
pub(crate) mod legacy_record;
mod mailbox;
mod number;
mod profile;
pub(crate) mod reason;
mod secrets;
mod slot;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod wrapped;

pub(crate) use campaign::LegacyCampaign;
pub(crate) use mailbox::LegacyMailbox;
pub use reason::{Rejection, Repair};
pub(crate) use secrets::is_secret_name;

use reason::Reason;

/// A legacy document taken over, or all that is wrong with it, the weightiest first; at least one.
pub(crate) type Mapped<T> = Result<T, Vec<Reason>>;
