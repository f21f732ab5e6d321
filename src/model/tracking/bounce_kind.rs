//! The kinds of bounces.

/// Whether a bounce is permanent.
///
/// ```
/// use campaign_store::{BounceKind, TrackingEvent, TrackingId};
/// # use chrono::{DateTime, Utc};
/// # fn example(id: TrackingId, at: DateTime<Utc>) -> Result<(), campaign_store::Invalid> {
/// let full = TrackingEvent::bounced(id, at, BounceKind::Soft, Some("452 mailbox full"))?;
/// assert_eq!(full.bounce_kind(), Some(BounceKind::Soft));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BounceKind {
    /// Permanent: the address does not exist, or refuses for good. The row is marked as bounced, and its
    /// recipient is suppressed.
    Hard,
    /// Temporary: the mailbox is full, or its server is busy. The provider may still deliver the e-mail, so
    /// neither the row nor the metrics change, and the recipient is not suppressed. Nothing of it is stored but
    /// the receipt of its provider event id.
    Soft,
}
