//! What the tracking rows add up to.

use std::ops::{Add, AddAssign};

use serde::Serialize;

use super::EmailTracking;

/// Numbers of e-mails: what one tracking row adds to its campaign's metrics, or the sum of many.
///
/// Each counts e-mails, not events: an e-mail that was opened five times is one in `opened`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct Contribution {
    /// E-mails sent.
    #[serde(rename = "total_sent")]
    pub sent: u64,
    /// E-mails delivered.
    #[serde(rename = "total_delivered")]
    pub delivered: u64,
    /// E-mails opened.
    #[serde(rename = "total_opened")]
    pub opened: u64,
    /// E-mails with a link that was clicked.
    #[serde(rename = "total_clicks")]
    pub clicked: u64,
    /// E-mails bounced.
    #[serde(rename = "total_bounced")]
    pub bounced: u64,
    /// E-mails replied to.
    #[serde(rename = "total_replied")]
    pub replied: u64,
    /// E-mails whose recipient unsubscribed.
    #[serde(rename = "total_unsubscribed")]
    pub unsubscribed: u64,
}

impl Contribution {
    /// What one row adds.
    ///
    /// A row is one e-mail sent. A bounced one counts as bounced and not as delivered, opened,
    /// clicked or replied. A click is an open, and every engagement a delivery. An unsubscribed
    /// recipient counts in any case.
    #[must_use]
    pub fn of(row: &EmailTracking) -> Self {
        let reached = !row.bounced;
        let clicked = reached && (row.clicked_at.is_some() || row.clicks > 0);
        let opened = clicked || reached && (row.opened_at.is_some() || row.opens > 0);
        let replied = reached && (row.replied_at.is_some() || row.replies > 0);
        let delivered = opened || replied || reached && row.delivered_at.is_some();
        Self {
            sent: 1,
            delivered: delivered.into(),
            opened: opened.into(),
            clicked: clicked.into(),
            bounced: row.bounced.into(),
            replied: replied.into(),
            unsubscribed: row.unsubscribed.into(),
        }
    }
}

impl Contribution {
    /// Joins each number with that of `other`.
    pub(crate) fn zip(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            sent: join(self.sent, other.sent),
            delivered: join(self.delivered, other.delivered),
            opened: join(self.opened, other.opened),
            clicked: join(self.clicked, other.clicked),
            bounced: join(self.bounced, other.bounced),
            replied: join(self.replied, other.replied),
            unsubscribed: join(self.unsubscribed, other.unsubscribed),
        }
    }
}

impl Add for Contribution {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(&other, Add::add)
    }
}

impl AddAssign for Contribution {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Contribution {
    fn sum<I: Iterator<Item = Self>>(rows: I) -> Self {
        rows.fold(Self::default(), Add::add)
    }
}
