//! The events of a sent e-mail.

use chrono::{DateTime, Utc};

use super::signal::Rule;
use super::{BounceKind, Receipt, Signal};
use crate::clock::whole_millis;
use crate::error::Invalid;
use crate::model::{EmailTracking, TrackingId, text};

/// An event of a sent e-mail. A tracking pixel, a webhook or a mailbox reports it, perhaps late, twice
/// or out of order.
///
/// ```
/// use campaign_store::{BounceKind, Signal, TrackingEvent, TrackingId};
/// # use chrono::{DateTime, Utc};
/// # fn example(id: TrackingId, at: DateTime<Utc>) -> Result<(), campaign_store::Invalid> {
/// let event = TrackingEvent::bounced(id, at, BounceKind::Hard, Some("550 no such user"))?;
/// let event = event.provider_event_id("evt-1")?;
/// assert_eq!(event.signal(), Signal::Bounced);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct TrackingEvent {
    tracking_id: TrackingId,
    at: DateTime<Utc>,
    signal: Signal,
    bounce_kind: Option<BounceKind>,
    reason: Option<String>,
    provider_event_id: Option<String>,
}

impl TrackingEvent {
    /// The largest size of a provider event id, in bytes.
    pub const MAX_PROVIDER_EVENT_ID: usize = 255;
    /// The largest size of a bounce reason, in bytes.
    pub const MAX_BOUNCE_REASON: usize = 998;

    /// An event at the time `at`, which is cut to whole milliseconds.
    ///
    /// A bounce is a hard one; [`bounced`](Self::bounced) creates others, and bounces with a reason.
    pub fn new(signal: Signal, id: TrackingId, at: DateTime<Utc>) -> Self {
        let at = whole_millis(at);
        let bounce_kind = (signal == Signal::Bounced).then_some(BounceKind::Hard);
        Self { tracking_id: id, at, signal, bounce_kind, reason: None, provider_event_id: None }
    }

    /// The e-mail arrived.
    pub fn delivered(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Delivered, id, at)
    }

    /// It was opened.
    pub fn opened(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Opened, id, at)
    }

    /// A link in it was clicked.
    pub fn clicked(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Clicked, id, at)
    }

    /// It was replied to.
    pub fn replied(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Replied, id, at)
    }

    /// It bounced, for a reason of at most [`MAX_BOUNCE_REASON`](Self::MAX_BOUNCE_REASON) bytes. Only
    /// [hard](BounceKind::Hard) bounces change anything; the reason of a soft one is not stored.
    ///
    /// # Errors
    /// [`Invalid`] when the reason is empty, too long, or contains a control character, such as a
    /// line break.
    pub fn bounced(
        id: TrackingId,
        at: DateTime<Utc>,
        kind: BounceKind,
        reason: Option<&str>,
    ) -> Result<Self, Invalid> {
        let reason = reason.map(|reason| text::line("bounce_reason", reason, Self::MAX_BOUNCE_REASON));
        let reason = reason.transpose()?.map(str::to_owned);
        Ok(Self { reason, bounce_kind: Some(kind), ..Self::new(Signal::Bounced, id, at) })
    }

    /// The recipient unsubscribed through it.
    pub fn unsubscribed(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Unsubscribed, id, at)
    }

    /// The recipient reported it as spam.
    pub fn complained(id: TrackingId, at: DateTime<Utc>) -> Self {
        Self::new(Signal::Complained, id, at)
    }

    /// Sets the provider's id of the event, of at most
    /// [`MAX_PROVIDER_EVENT_ID`](Self::MAX_PROVIDER_EVENT_ID) bytes. Only one of an e-mail's events with
    /// the same id counts, so it is safe to record the event again.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains white space or a control character.
    pub fn provider_event_id(mut self, id: impl AsRef<str>) -> Result<Self, Invalid> {
        let id = text::token("provider_event_id", id.as_ref(), Self::MAX_PROVIDER_EVENT_ID)?;
        self.provider_event_id = Some(id.to_owned());
        Ok(self)
    }

    /// The id of the e-mail.
    #[must_use]
    pub fn tracking_id(&self) -> TrackingId {
        self.tracking_id
    }

    /// The kind of the event.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The kind of the bounce, if it is one.
    #[must_use]
    pub fn bounce_kind(&self) -> Option<BounceKind> {
        self.bounce_kind
    }

    /// The time of the event, in whole milliseconds.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What is remembered of the event, if it has a provider event id.
    pub(crate) fn receipt(&self) -> Option<Receipt> {
        Some(Receipt::of(self.tracking_id, self.provider_event_id.as_ref()?))
    }

    /// What version 0.1 remembered of it.
    #[cfg(feature = "mongo")]
    pub(crate) fn former_receipt(&self) -> Option<String> {
        Some(format!("{}/{}", self.tracking_id, self.provider_event_id.as_ref()?))
    }
}

impl std::fmt::Debug for TrackingEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackingEvent")
            .field("tracking_id", &self.tracking_id)
            .field("signal", &self.signal)
            .field("bounce_kind", &self.bounce_kind)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl EmailTracking {
    /// Applies the event to the row, and returns whether it was the first of its kind.
    ///
    /// The same events give the same row in any order:
    /// - each time is that of the earliest event, whenever the event arrived;
    /// - `opens`, `clicks` and `replies` count events;
    /// - the signals that a [`Signal`] implies get their times too: a click sets `opened_at` (but does
    ///   not count in `opens`) and `delivered_at`, and a complaint unsubscribes;
    /// - the smallest of several bounce reasons is kept.
    ///
    /// A soft bounce changes nothing and is never the first. Neither the event's tracking id nor its time is
    /// checked: the caller has looked up the row by the one, and a repository refuses
    /// [implausible](super::EventOutcome::ImplausibleTime) times.
    pub fn apply(&mut self, event: &TrackingEvent) -> bool {
        if event.bounce_kind == Some(BounceKind::Soft) {
            return false;
        }
        let is_first = self.has_none_of(event.signal.state().rule());
        for rule in event.signal.chain().map(Signal::rule) {
            if let Some(time) = rule.time {
                let time = (time.slot)(self);
                *time = Some(time.map_or(event.at, |time| time.min(event.at)));
            }
            if let Some(flag) = rule.flag {
                *(flag.slot)(self) = true;
            }
        }
        if let Some(count) = event.signal.rule().count {
            let count = (count.slot)(self);
            *count = count.saturating_add(1);
        }
        if let (Some(mark), Some(reason)) = (event.signal.rule().reason, &event.reason) {
            let smallest = (mark.slot)(self);
            if smallest.as_ref().is_none_or(|other| reason < other) {
                *smallest = Some(reason.clone());
            }
        }
        is_first
    }

    /// Whether no event of the signal was applied. The count decides if there is one, since the time
    /// may come from a signal that implies this one.
    fn has_none_of(&self, rule: Rule) -> bool {
        match (rule.count, rule.flag, rule.time) {
            (Some(count), ..) => *(count.get)(self) == 0,
            (_, Some(flag), _) => !*(flag.get)(self),
            (.., Some(time)) => (time.get)(self).is_none(),
            (None, None, None) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::email_tracking::tests::row_sent_at;
    use crate::model::{Contribution, Totals, TotalsDelta};

    fn row() -> EmailTracking {
        row_sent_at(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH)
    }

    fn event(signal: Signal, minute: i64, reason: Option<&str>) -> TrackingEvent {
        let (id, at) = (Uuid::nil().into(), DateTime::from_timestamp(minute * 60, 0).unwrap());
        match signal {
            Signal::Bounced => TrackingEvent::bounced(id, at, BounceKind::Hard, reason).unwrap(),
            signal => TrackingEvent::new(signal, id, at),
        }
    }

    fn events() -> impl Strategy<Value = Vec<TrackingEvent>> {
        let kind = prop::sample::select(Signal::ALL);
        let reason = prop::option::of(prop::sample::select(&["550", "451", "full"]));
        let event = (kind, -3..3_i64, reason).prop_map(|(kind, minute, reason)| event(kind, minute, reason));
        prop::collection::vec(event, 0..8)
    }

    fn after(events: &[TrackingEvent]) -> EmailTracking {
        let mut row = row();
        for event in events {
            row.apply(event);
        }
        row
    }

    /// All orders of `events`.
    fn orders(events: &[TrackingEvent]) -> Vec<Vec<TrackingEvent>> {
        if events.is_empty() {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for place in 0..events.len() {
            let mut rest = events.to_vec();
            let first = rest.remove(place);
            all.extend(orders(&rest).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
        }
        all
    }

    #[test]
    fn every_order_of_one_event_of_each_kind_gives_the_same_row() {
        let mut events: Vec<_> = Signal::ALL
            .iter()
            .zip([4, 2, 5, 1, 3, 6, 7])
            .map(|(kind, minute)| event(*kind, minute, Some("550")))
            .collect();
        events.push(event(Signal::Bounced, 0, Some("451")));
        let expected = after(&events);
        for order in orders(&events) {
            assert!(after(&order) == expected, "{order:?}");
        }
    }

    #[test]
    fn a_soft_bounce_changes_no_row() {
        let (mut row, id) = (row(), Uuid::nil().into());
        let soft = TrackingEvent::bounced(id, row.sent_at, BounceKind::Soft, Some("452 full")).unwrap();
        assert!(!row.apply(&soft));
        assert!(row == self::row());
        assert_eq!((soft.signal(), soft.bounce_kind()), (Signal::Bounced, Some(BounceKind::Soft)));
        let plain = TrackingEvent::new(Signal::Bounced, id, row.sent_at);
        assert_eq!(plain.bounce_kind(), Some(BounceKind::Hard));
        assert_eq!(TrackingEvent::opened(id, row.sent_at).bounce_kind(), None);
    }

    #[test]
    fn what_the_provider_says_is_checked() {
        let (id, at) = (Uuid::nil().into(), DateTime::UNIX_EPOCH);
        let open = || TrackingEvent::opened(id, at);
        for bad in ["", " ", "a b", "a\nb", &"x".repeat(256)] {
            assert!(open().provider_event_id(bad).is_err(), "{bad:?}");
        }
        assert!(open().provider_event_id("x".repeat(255)).is_ok());
        for bad in ["", "a\r\nb", &"x".repeat(999)] {
            assert!(TrackingEvent::bounced(id, at, BounceKind::Soft, Some(bad)).is_err(), "{bad:?}");
        }
        let secret = TrackingEvent::bounced(id, at, BounceKind::Hard, Some("canary")).unwrap();
        let secret = secret.provider_event_id("canary").unwrap();
        assert!(!format!("{secret:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn any_order_of_any_events_gives_the_same_row(
            (events, shuffled) in events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
        ) {
            prop_assert!(after(&events) == after(&shuffled));
        }

        #[test]
        fn shifts_add_up_to_the_contribution_and_keep_the_funnel(events in events()) {
            let mut row = row();
            let mut totals = Totals::from(Contribution::of(&row));
            let mut firsts = 0;
            for event in &events {
                let before = Contribution::of(&row);
                firsts += usize::from(row.apply(event));
                totals = TotalsDelta::between(before, Contribution::of(&row)).apply_to(totals);
                prop_assert_eq!(totals, Totals::from(Contribution::of(&row)));
                prop_assert!(totals.clicked <= totals.opened && totals.opened <= totals.delivered);
                prop_assert!(totals.delivered + totals.bounced <= totals.sent);
            }
            let counted: u64 = [row.opens, row.clicks, row.replies].iter().sum();
            let of = |kind| events.iter().filter(|event| event.signal() == kind).count() as u64;
            prop_assert_eq!(
                counted,
                of(Signal::Opened) + of(Signal::Clicked) + of(Signal::Replied)
            );
            prop_assert!(firsts <= Signal::ALL.len());
        }
    }
}
