//! The signals of an e-mail, and the fields of a row that show them. Events, filters, totals, series
//! and suppressions follow from this one table.

use chrono::{DateTime, Utc};

use super::Totals;
use crate::model::EmailTracking;
use crate::model::text_enum::text_enum;

text_enum! {
    /// The kind of an [event](super::TrackingEvent), and the state of an e-mail in a
    /// [filter](crate::TrackingFilter::state), a [series](crate::CampaignMetricsRepository::series) or the
    /// [totals](Totals).
    ///
    /// | Signal | Fields of a row that show it | Implies | On a bounced row | Suppresses the recipient |
    /// |---|---|---|---|---|
    /// | `Delivered` | `delivered_at` | | does not count | no |
    /// | `Opened` | `opened_at`, `opens` | `Delivered` | does not count | no |
    /// | `Clicked` | `clicked_at`, `clicks` | `Opened` | does not count | no |
    /// | `Replied` | `replied_at`, `replies` | `Delivered` | does not count | no |
    /// | `Bounced` | `bounced` | | counts | yes |
    /// | `Unsubscribed` | `unsubscribed`, `unsubscribed_at` | | counts | yes |
    /// | `Complained` | as `Unsubscribed` | `Unsubscribed` | counts | yes |
    ///
    /// ```
    /// use campaign_store::Signal;
    ///
    /// assert_eq!("opened".parse::<Signal>()?, Signal::Opened);
    /// # Ok::<(), campaign_store::Invalid>(())
    /// ```
    Signal, "signal" {
        /// It arrived.
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
        /// The recipient reported it as spam. The row counts as unsubscribed, and the state is the same as
        /// [`Unsubscribed`](Self::Unsubscribed).
        Complained = "complained",
    }
}

/// The fields of a row that show a signal, and the consequences of the signal.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The time of the earliest event.
    pub(crate) time: Option<Mark<Option<DateTime<Utc>>>>,
    /// The number of events.
    pub(crate) count: Option<Mark<u64>>,
    /// Whether there was an event.
    pub(crate) flag: Option<Mark<bool>>,
    /// Why. In rows of older programs it can stand alone, and then says that there was an event.
    pub(crate) reason: Option<Mark<Option<String>>>,
    /// The flag under which older programs kept that there was an event, beside the count.
    pub(crate) old_flag: Option<&'static str>,
    /// The number in the totals. A signal without one counts as the signal that it implies.
    pub(crate) total: Option<fn(&mut Totals) -> &mut u64>,
    /// The signal that it implies.
    pub(crate) implies: Option<Signal>,
    /// Whether it does not count on a bounced row.
    pub(crate) is_voided: bool,
    /// Whether the owner of the campaign must not write to the recipient again.
    pub(crate) suppresses: bool,
}

/// A field of a row that events change. It has the same name in the record and in the database.
pub(crate) struct Mark<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) get: fn(&EmailTracking) -> &T,
    pub(crate) slot: fn(&mut EmailTracking) -> &mut T,
}

impl<T> Clone for Mark<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Mark<T> {}

macro_rules! mark {
    ($field:ident) => {
        Some(Mark { name: stringify!($field), get: |row| &row.$field, slot: |row| &mut row.$field })
    };
}

macro_rules! total {
    ($field:ident) => {
        Some(|totals: &mut Totals| &mut totals.$field)
    };
}

impl Rule {
    const NONE: Self = Self {
        time: None,
        count: None,
        flag: None,
        reason: None,
        old_flag: None,
        total: None,
        implies: None,
        is_voided: false,
        suppresses: false,
    };
    const VOIDED: Self = Self { is_voided: true, ..Self::NONE };
    const SUPPRESSING: Self = Self { suppresses: true, ..Self::NONE };
}

impl Signal {
    pub(crate) const fn rule(self) -> Rule {
        match self {
            Self::Delivered => Rule { time: mark!(delivered_at), total: total!(delivered), ..Rule::VOIDED },
            Self::Opened => Rule {
                time: mark!(opened_at),
                count: mark!(opens),
                old_flag: Some("opened"),
                total: total!(opened),
                implies: Some(Self::Delivered),
                ..Rule::VOIDED
            },
            Self::Clicked => Rule {
                time: mark!(clicked_at),
                count: mark!(clicks),
                old_flag: Some("clicked"),
                total: total!(clicked),
                implies: Some(Self::Opened),
                ..Rule::VOIDED
            },
            Self::Replied => Rule {
                time: mark!(replied_at),
                count: mark!(replies),
                old_flag: Some("replied"),
                total: total!(replied),
                implies: Some(Self::Delivered),
                ..Rule::VOIDED
            },
            Self::Bounced => Rule {
                flag: mark!(bounced),
                reason: mark!(bounce_reason),
                total: total!(bounced),
                ..Rule::SUPPRESSING
            },
            Self::Unsubscribed => Rule {
                time: mark!(unsubscribed_at),
                flag: mark!(unsubscribed),
                total: total!(unsubscribed),
                ..Rule::SUPPRESSING
            },
            Self::Complained => Rule { implies: Some(Self::Unsubscribed), ..Rule::SUPPRESSING },
        }
    }

    /// The signals that are states of a row: the ones with a total.
    pub(crate) fn states() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|signal| signal.rule().total.is_some())
    }

    /// The state of a row with this signal.
    pub(crate) fn state(self) -> Self {
        self.chain().find(|signal| signal.rule().total.is_some()).unwrap_or(self)
    }

    /// The signal and those that it implies: an open implies a delivery.
    pub(crate) fn chain(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |signal| signal.rule().implies)
    }

    /// The rules of the signals that imply this one, and its own: an open also shows a delivery.
    pub(crate) fn evidence(self) -> impl Iterator<Item = Rule> {
        let state = self.state();
        let shows = move |signal: &&Self| signal.chain().any(|implied| implied == state);
        Self::ALL.iter().filter(shows).map(|signal| signal.rule())
    }
}

impl Rule {
    /// Whether the row has a mark of the signal.
    pub(crate) fn is_marked_in(&self, row: &EmailTracking) -> bool {
        self.time.is_some_and(|time| (time.get)(row).is_some())
            || self.count.is_some_and(|count| *(count.get)(row) > 0)
            || self.flag.is_some_and(|flag| *(flag.get)(row))
    }
}

impl EmailTracking {
    /// Whether the e-mail counts as being in the state of `signal`.
    ///
    /// ```
    /// use campaign_store::{EmailTracking, Signal};
    ///
    /// fn was_read(row: &EmailTracking) -> bool {
    ///     row.shows(Signal::Opened) // also by a click; never if it bounced
    /// }
    /// ```
    #[must_use]
    pub fn shows(&self, signal: Signal) -> bool {
        let is_void = || signal.rule().is_voided && self.shows(Signal::Bounced);
        signal.evidence().any(|rule| rule.is_marked_in(self)) && !is_void()
    }

    /// When the e-mail first reached this state; `None` if it is not [in it](Self::shows).
    ///
    /// Bounces have no time of their own, and old rows can lack other times. The time of sending is used
    /// instead.
    #[must_use]
    pub fn first(&self, state: Signal) -> Option<DateTime<Utc>> {
        let times = state.evidence().filter_map(|rule| *(rule.time?.get)(self));
        self.shows(state).then(|| times.min().unwrap_or(self.sent_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_funnel_follows_from_the_table() {
        use Signal::{Bounced, Clicked, Complained, Delivered, Opened, Replied, Unsubscribed};
        let chain = |signal: Signal| signal.chain().collect::<Vec<_>>();
        assert_eq!(chain(Clicked), [Clicked, Opened, Delivered]);
        assert_eq!(chain(Replied), [Replied, Delivered]);
        assert_eq!(chain(Complained), [Complained, Unsubscribed]);
        assert_eq!(Complained.state(), Unsubscribed);
        let states = [Delivered, Opened, Clicked, Replied, Bounced, Unsubscribed];
        assert_eq!(Signal::states().collect::<Vec<_>>(), states);
        assert_eq!(Delivered.evidence().count(), 4);
        assert_eq!(Complained.evidence().count(), Unsubscribed.evidence().count());
    }
}
