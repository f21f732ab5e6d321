//! What happens to a sent e-mail.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::text_enum::text_enum;
use super::{EmailTracking, TrackingId, text};
use crate::clock::whole_millis;
use crate::error::Invalid;

text_enum! {
    /// The kinds of [`TrackingEvent`].
    TrackingEventKind, "kind" {
        /// The e-mail arrived.
        Delivered = "delivered",
        /// It was opened.
        Opened = "opened",
        /// A link in it was clicked.
        Clicked = "clicked",
        /// It was replied to.
        Replied = "replied",
        /// It bounced.
        Bounced = "bounced",
        /// The recipient unsubscribed through it.
        Unsubscribed = "unsubscribed",
    }
}

/// Something that happened to a sent e-mail, as a tracking pixel, a webhook or a mailbox reports
/// it: perhaps late, twice or out of order.
///
/// ```
/// use campaign_store::{TrackingEvent, TrackingEventKind, TrackingId};
/// # use chrono::{DateTime, Utc};
/// # fn example(id: TrackingId, at: DateTime<Utc>) -> Result<(), campaign_store::Invalid> {
/// let event = TrackingEvent::bounced(id, at, Some("550 no such user"))?.provider_event_id("evt-1")?;
/// assert_eq!(event.kind(), TrackingEventKind::Bounced);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct TrackingEvent {
    tracking_id: TrackingId,
    at: DateTime<Utc>,
    happening: Happening,
    provider_event_id: Option<String>,
}

/// The kind, with what only this kind has.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Happening {
    Delivered,
    Opened,
    Clicked,
    Replied,
    Bounced(Option<String>),
    Unsubscribed,
}

impl TrackingEvent {
    /// The largest size of a provider event id, in bytes.
    pub const MAX_PROVIDER_EVENT_ID: usize = 255;
    /// The largest size of a bounce reason, in bytes.
    pub const MAX_BOUNCE_REASON: usize = 998;

    fn new(tracking_id: TrackingId, at: DateTime<Utc>, happening: Happening) -> Self {
        Self { tracking_id, at: whole_millis(at), happening, provider_event_id: None }
    }

    /// The e-mail arrived at the time `at`, of which whole milliseconds count.
    pub fn delivered(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(id, at, Happening::Delivered)
    }

    /// It was opened.
    pub fn opened(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(id, at, Happening::Opened)
    }

    /// A link in it was clicked.
    pub fn clicked(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(id, at, Happening::Clicked)
    }

    /// It was replied to.
    pub fn replied(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(id, at, Happening::Replied)
    }

    /// It bounced, for a reason of at most [`MAX_BOUNCE_REASON`](Self::MAX_BOUNCE_REASON) bytes.
    ///
    /// # Errors
    /// [`Invalid`] when the reason is empty, too long, or contains a control character, such as a
    /// line break.
    pub fn bounced(id: TrackingId, at: DateTime<Utc>, reason: Option<&str>) -> Result<Self, Invalid> {
        let reason = reason.map(|reason| text::line("bounce_reason", reason, Self::MAX_BOUNCE_REASON));
        Ok(Self::new(id, at, Happening::Bounced(reason.transpose()?.map(str::to_owned))))
    }

    /// The recipient unsubscribed through it.
    pub fn unsubscribed(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(id, at, Happening::Unsubscribed)
    }

    /// With the id by which the provider names the event, of at most
    /// [`MAX_PROVIDER_EVENT_ID`](Self::MAX_PROVIDER_EVENT_ID) bytes: of the events of one e-mail
    /// with the same id, one counts. It makes recording the event again safe.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains white space or a control character.
    pub fn provider_event_id(mut self, id: impl AsRef<str>) -> Result<Self, Invalid> {
        let id = text::token("provider_event_id", id.as_ref(), Self::MAX_PROVIDER_EVENT_ID)?;
        self.provider_event_id = Some(id.to_owned());
        Ok(self)
    }

    /// The e-mail.
    #[must_use]
    pub fn tracking_id(&self) -> TrackingId {
        self.tracking_id
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> TrackingEventKind {
        match self.happening {
            Happening::Delivered => TrackingEventKind::Delivered,
            Happening::Opened => TrackingEventKind::Opened,
            Happening::Clicked => TrackingEventKind::Clicked,
            Happening::Replied => TrackingEventKind::Replied,
            Happening::Bounced(_) => TrackingEventKind::Bounced,
            Happening::Unsubscribed => TrackingEventKind::Unsubscribed,
        }
    }

    /// When it happened, in whole milliseconds.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What to remember so that the event is known again: the provider's id, within the e-mail.
    ///
    /// Providers give one id to the events of several recipients of one message, and nobody should
    /// be able to block another's events.
    pub(crate) fn receipt(&self) -> Option<String> {
        Some(format!("{}/{}", self.tracking_id, self.provider_event_id.as_ref()?))
    }
}

impl std::fmt::Debug for TrackingEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackingEvent")
            .field("tracking_id", &self.tracking_id)
            .field("kind", &self.kind())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl EmailTracking {
    /// Changes the row as the event says, and tells whether it was the first of its kind.
    ///
    /// Any order and any interleaving of the same events gives the same row:
    /// - every time is that of the earliest event, whenever it arrived;
    /// - `opens`, `clicks` and `replies` count events;
    /// - a click is also an open (`opened_at`, not `opens`), and an open, a click or a reply also a
    ///   delivery (`delivered_at`);
    /// - of several bounce reasons the smallest text stays.
    ///
    /// An event of another e-mail is applied all the same: whoever calls this has found the row.
    pub fn apply(&mut self, event: &TrackingEvent) -> bool {
        let earliest = |time: &mut Option<DateTime<Utc>>| {
            *time = Some(time.map_or(event.at, |time| time.min(event.at)));
        };
        match &event.happening {
            Happening::Delivered => {
                let is_first = self.delivered_at.is_none();
                earliest(&mut self.delivered_at);
                is_first
            }
            Happening::Opened => {
                earliest(&mut self.delivered_at);
                earliest(&mut self.opened_at);
                counts_first(&mut self.opens)
            }
            Happening::Clicked => {
                earliest(&mut self.delivered_at);
                earliest(&mut self.opened_at);
                earliest(&mut self.clicked_at);
                counts_first(&mut self.clicks)
            }
            Happening::Replied => {
                earliest(&mut self.delivered_at);
                earliest(&mut self.replied_at);
                counts_first(&mut self.replies)
            }
            Happening::Bounced(reason) => {
                let stays = |old: &str| reason.as_deref().is_none_or(|new| old.cmp(new) != Ordering::Greater);
                if !self.bounce_reason.as_deref().is_some_and(stays) {
                    self.bounce_reason.clone_from(reason);
                }
                !std::mem::replace(&mut self.bounced, true)
            }
            Happening::Unsubscribed => {
                earliest(&mut self.unsubscribed_at);
                !std::mem::replace(&mut self.unsubscribed, true)
            }
        }
    }
}

fn counts_first(count: &mut u64) -> bool {
    let is_first = *count == 0;
    *count = count.saturating_add(1);
    is_first
}
