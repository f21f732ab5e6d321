//! Campaigns.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::plausible_time::in_years;
use super::{CampaignDuration, CampaignId, CampaignStatus, MailboxId, Message, UserId, text};
use crate::error::{Error, Invalid, Result};

/// A message that is sent to many recipients from one mailbox.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Campaign {
    /// The identity.
    #[serde(rename = "campaign_id")]
    pub id: CampaignId,
    /// The owner.
    pub user_id: UserId,
    /// The mailbox that sends it, one of the owner's.
    pub mailbox_id: MailboxId,
    /// The name to show.
    pub campaign_name: String,
    /// The subject of the e-mails.
    pub subject: String,
    /// The body of the e-mails.
    pub message: Message,
    /// The length of the campaign, in hours.
    pub duration: CampaignDuration,
    /// When it starts, in whole milliseconds.
    pub start_time: DateTime<Utc>,
    /// When it ends: the start plus the duration.
    pub end_time: DateTime<Utc>,
    /// The status.
    pub status: CampaignStatus,
    /// The number of recipients.
    pub total_recipients: u64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When the record last changed. It strictly increases, so it is also the record's version.
    pub updated_at: DateTime<Utc>,
    /// The user who created it.
    pub created_by: UserId,
}

discreet_debug!(Campaign { id, user_id, mailbox_id, status, start_time, end_time, updated_at });

impl Campaign {
    /// Refuses `action` unless the campaign's status is one of `allowed`.
    pub(crate) fn require(&self, action: &'static str, allowed: &[CampaignStatus]) -> Result<()> {
        if allowed.contains(&self.status) {
            Ok(())
        } else {
            Err(Error::illegal_status(action, self.status.as_str()))
        }
    }
}

/// A campaign to create. It is scheduled, and has no recipients unless [`recipients`](Self::recipients)
/// sets their number.
///
/// ```
/// use campaign_store::{CampaignDuration, MailboxId, NewCampaign, UserId};
/// use chrono::{DateTime, Utc};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start: DateTime<Utc> = "2026-03-01T09:00:00Z".parse()?;
/// let (user, mailbox) = (UserId::new(), MailboxId::new());
/// let day = CampaignDuration::hours(24.0)?;
/// let spring = NewCampaign::new(user, mailbox, "Spring", "Hello", "Flowers are out.", start, day)?;
/// let spring = spring.recipients(500);
///
/// // A line break in a subject could start another header.
/// let subject = "Hello\r\nBcc: eve@example.com";
/// assert!(NewCampaign::new(user, mailbox, "Spring", subject, "Flowers are out.", start, day).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct NewCampaign {
    pub(crate) id: Option<CampaignId>,
    pub(crate) user_id: UserId,
    pub(crate) mailbox_id: MailboxId,
    pub(crate) campaign_name: String,
    pub(crate) subject: String,
    pub(crate) message: Message,
    pub(crate) start_time: DateTime<Utc>,
    pub(crate) end_time: DateTime<Utc>,
    pub(crate) duration: CampaignDuration,
    pub(crate) total_recipients: u64,
    pub(crate) created_by: UserId,
}

discreet_debug!(NewCampaign { user_id, mailbox_id, start_time, end_time });

impl NewCampaign {
    /// A campaign of the user `user_id`, sent from the mailbox `mailbox_id`.
    ///
    /// The name has at most 255 bytes, the subject 998 bytes and the message 1 MiB.
    /// [`CampaignDuration::between`] computes the duration from an end.
    ///
    /// # Errors
    /// [`Invalid`] names the refused input and the reason: a text that is empty, too long, or contains
    /// a control character (in the message, a NUL), or a start before 2000 or after 2100.
    pub fn new(
        user_id: UserId,
        mailbox_id: MailboxId,
        campaign_name: impl AsRef<str>,
        subject: impl AsRef<str>,
        message: impl AsRef<str>,
        start_time: DateTime<Utc>,
        duration: CampaignDuration,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            id: None,
            user_id,
            mailbox_id,
            campaign_name: text::name("campaign_name", campaign_name.as_ref())?,
            subject: text::subject(subject.as_ref())?,
            message: text::message(message.as_ref())?,
            start_time: in_years("start_time", start_time)?,
            end_time: duration.end_of(start_time)?,
            duration,
            total_recipients: 0,
            created_by: user_id,
        })
    }

    /// Sets the id, so that it is safe to [create](crate::CampaignRepository::create) the campaign again when it
    /// is unknown whether it was created. A new `Uuid`, of version 7 for instance, makes one. Unless it is set,
    /// the store makes an id in each call.
    pub fn id(mut self, id: CampaignId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the number of recipients.
    pub fn recipients(mut self, total: u32) -> Self {
        self.total_recipients = total.into();
        self
    }

    /// Sets the user who creates the campaign; the owner unless set.
    pub fn created_by(mut self, user: UserId) -> Self {
        self.created_by = user;
        self
    }

    /// Whether `existing` was created from the same content. Since then its status may have changed, and
    /// recipients may have been added.
    pub(crate) fn is_content_of(&self, existing: &Campaign) -> bool {
        self.user_id == existing.user_id
            && self.mailbox_id == existing.mailbox_id
            && self.campaign_name == existing.campaign_name
            && self.subject == existing.subject
            && self.message == existing.message
            && self.start_time == existing.start_time
            && self.duration == existing.duration
            && self.created_by == existing.created_by
            && self.total_recipients <= existing.total_recipients
    }

    /// The record of a campaign that is created at `now`.
    pub(crate) fn build(self, id: CampaignId, now: DateTime<Utc>) -> Campaign {
        Campaign {
            id,
            user_id: self.user_id,
            mailbox_id: self.mailbox_id,
            campaign_name: self.campaign_name,
            subject: self.subject,
            message: self.message,
            duration: self.duration,
            start_time: self.start_time,
            end_time: self.end_time,
            status: CampaignStatus::default(),
            total_recipients: self.total_recipients,
            created_at: now,
            updated_at: now,
            created_by: self.created_by,
        }
    }
}

/// A change of a campaign that is scheduled or paused. Fields that are not set keep their values. The
/// end time follows from the start and the duration.
///
/// ```
/// use campaign_store::{CampaignDuration, CampaignPatch};
///
/// let patch = CampaignPatch::new().subject("Hello again")?.duration(CampaignDuration::hours(48.0)?);
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Default)]
#[must_use]
pub struct CampaignPatch {
    pub(crate) mailbox_id: Option<MailboxId>,
    pub(crate) campaign_name: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) message: Option<Message>,
    pub(crate) start_time: Option<DateTime<Utc>>,
    pub(crate) duration: Option<CampaignDuration>,
}

discreet_debug!(CampaignPatch { mailbox_id, start_time, duration });

impl CampaignPatch {
    /// A patch that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the mailbox, one of the same owner's.
    pub fn mailbox(mut self, mailbox_id: MailboxId) -> Self {
        self.mailbox_id = Some(mailbox_id);
        self
    }

    /// Sets the name, of at most 255 bytes.
    ///
    /// # Errors
    /// As [`NewCampaign::new`].
    pub fn campaign_name(mut self, name: impl AsRef<str>) -> Result<Self, Invalid> {
        self.campaign_name = Some(text::name("campaign_name", name.as_ref())?);
        Ok(self)
    }

    /// Sets the subject, of at most 998 bytes.
    ///
    /// # Errors
    /// As [`NewCampaign::new`].
    pub fn subject(mut self, subject: impl AsRef<str>) -> Result<Self, Invalid> {
        self.subject = Some(text::subject(subject.as_ref())?);
        Ok(self)
    }

    /// Sets the message, of at most 1 MiB.
    ///
    /// # Errors
    /// As [`NewCampaign::new`].
    pub fn message(mut self, message: impl AsRef<str>) -> Result<Self, Invalid> {
        self.message = Some(text::message(message.as_ref())?);
        Ok(self)
    }

    /// Sets the start, cut to whole milliseconds.
    ///
    /// # Errors
    /// [`Invalid`] when it is before 2000 or after 2100.
    pub fn start_time(mut self, start: DateTime<Utc>) -> Result<Self, Invalid> {
        self.start_time = Some(in_years("start_time", start)?);
        Ok(self)
    }

    /// Sets the duration.
    pub fn duration(mut self, duration: CampaignDuration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The start, duration and end of `campaign` after this change; `None` if it changes none of them.
    pub(crate) fn period(&self, campaign: &Campaign) -> Result<Option<Period>, Invalid> {
        if self.start_time.is_none() && self.duration.is_none() {
            return Ok(None);
        }
        let start_time = self.start_time.unwrap_or(campaign.start_time);
        let duration = self.duration.unwrap_or(campaign.duration);
        Ok(Some(Period { start_time, duration, end_time: duration.end_of(start_time)? }))
    }
}

/// The period of a campaign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Period {
    pub(crate) start_time: DateTime<Utc>,
    pub(crate) duration: CampaignDuration,
    pub(crate) end_time: DateTime<Utc>,
}

/// The campaigns to list.
///
/// ```
/// use campaign_store::{CampaignFilter, CampaignStatus, UserId};
///
/// let paused = CampaignFilter::user(UserId::new()).status(CampaignStatus::Paused);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct CampaignFilter {
    pub(crate) user_id: Option<UserId>,
    pub(crate) mailbox_id: Option<MailboxId>,
    pub(crate) status: Option<CampaignStatus>,
}

impl CampaignFilter {
    /// All campaigns that the repositories see: those of one user, or of [all](crate::Store::system).
    pub fn all() -> Self {
        Self { user_id: None, mailbox_id: None, status: None }
    }

    /// The campaigns of a user.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..Self::all() }
    }

    /// Only campaigns that are sent from this mailbox.
    pub fn mailbox(mut self, mailbox_id: MailboxId) -> Self {
        self.mailbox_id = Some(mailbox_id);
        self
    }

    /// Only campaigns with this status.
    pub fn status(mut self, status: CampaignStatus) -> Self {
        self.status = Some(status);
        self
    }
}

/// The number of campaigns in each status.
///
/// It serialises as an object of the statuses; `unreadable` is there if it is not 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CampaignCounts {
    #[serde(flatten)]
    counts: BTreeMap<CampaignStatus, u64>,
    #[serde(skip_serializing_if = "is_zero")]
    unreadable: u64,
}

impl CampaignCounts {
    /// The number of campaigns with this status.
    #[must_use]
    pub fn of(&self, status: CampaignStatus) -> u64 {
        self.counts.get(&status).copied().unwrap_or_default()
    }

    /// The number of campaigns in all statuses.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The number of campaigns that are not in the other numbers, because another program gave them a status
    /// that is unknown.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    pub(crate) fn add(&mut self, status: Result<CampaignStatus>, n: u64) -> Result<()> {
        match status {
            Ok(status) => *self.counts.entry(status).or_default() += n,
            Err(Error::Corrupt { .. }) => self.unreadable += n,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_in_an_implausible_year_is_refused() {
        let (user, mailbox) = (UserId::new(), MailboxId::new());
        let day = CampaignDuration::hours(24.0).unwrap();
        let new = |start| NewCampaign::new(user, mailbox, "Spring", "Hello", "Hi", start, day).map(|_| ());
        let patch = |start| CampaignPatch::new().start_time(start).map(|_| ());
        for text in ["1999-12-31T23:59:59.999Z", "2101-01-01T00:00:00Z", "+58174-01-01T00:00:00Z"] {
            let start = text.parse().unwrap();
            for refused in [new(start), patch(start)] {
                assert_eq!(refused.unwrap_err().to_string(), "start_time is not in the years 2000 to 2100");
            }
        }
        for text in ["2000-01-01T00:00:00Z", "2100-12-31T23:59:59.999Z"] {
            let start = text.parse().unwrap();
            assert_eq!((new(start), patch(start)), (Ok(()), Ok(())));
        }
    }
}
