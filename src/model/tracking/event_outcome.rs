//! What an event did.

/// What became of one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventOutcome {
    /// It was the first event of its kind for the e-mail, in the order in which they were applied.
    First,
    /// It was counted, and others of its kind came before. A delivery that was already known from
    /// an open, a click or a reply is one of these.
    Repeat,
    /// An event with its provider event id was recorded before, also earlier in the same batch.
    /// Nothing changed.
    Duplicate,
    /// No e-mail has its tracking id. Nothing was recorded, so it can be recorded later.
    UnknownTracking,
}
