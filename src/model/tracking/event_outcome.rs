//! The outcome of an event.

/// The outcome of one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventOutcome {
    /// It was counted, as the first event of its kind for the e-mail, in the order of recording.
    First,
    /// It was counted, and an earlier event of its kind was recorded before. A delivery that was already
    /// known from an open, a click or a reply is a repeat.
    Repeat,
    /// An event with its provider event id was recorded before, perhaps earlier in the same batch.
    /// Nothing changed.
    Duplicate,
    /// It was a [soft](super::BounceKind::Soft) bounce. Its provider event id is remembered, and nothing else
    /// changed.
    Noted,
    /// No e-mail has its tracking id. Nothing was recorded, so the event can be retried later.
    UnknownTracking,
    /// Its time is more than a day before the e-mail was sent, or more than a day after the store's current time.
    /// Nothing was recorded. The provider or the code that reads its times is wrong; a retry is refused again.
    ImplausibleTime,
}
