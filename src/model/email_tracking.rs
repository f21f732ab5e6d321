//! The tracking rows: sent e-mails and their events.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::plausible_time::in_years;
use super::{
    Campaign, CampaignId, EmailAddress, Mailbox, MailboxId, Message, Signal, TrackingId, UserId, text,
};
use crate::error::{Invalid, Problem};

/// A sent e-mail and the sum of its events: a tracking row.
///
/// [`EmailTracking::apply`] applies an event, and [`EmailTracking::shows`] evaluates the row.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmailTracking {
    /// The identity.
    #[serde(rename = "tracking_id")]
    pub id: TrackingId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The campaign's owner.
    pub user_id: UserId,
    /// The mailbox that sent it.
    pub mailbox_id: MailboxId,
    /// The address of the sender.
    pub sender_email: EmailAddress,
    /// The address of the recipient.
    pub recipient_email: EmailAddress,
    /// The recipient's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_name: Option<String>,
    /// The subject that was sent.
    pub subject: String,
    /// The body that was sent.
    pub message: Message,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was first opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<DateTime<Utc>>,
    /// The number of opens.
    pub opens: u64,
    /// When a link in it was first clicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicked_at: Option<DateTime<Utc>>,
    /// The number of clicks on links in it.
    pub clicks: u64,
    /// When it was first replied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replied_at: Option<DateTime<Utc>>,
    /// The number of replies.
    pub replies: u64,
    /// Whether it bounced.
    pub bounced: bool,
    /// The reason for the bounce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce_reason: Option<String>,
    /// Whether the recipient unsubscribed through it.
    pub unsubscribed: bool,
    /// When the recipient first unsubscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribed_at: Option<DateTime<Utc>>,
    /// When the record was created.
    pub created_at: DateTime<Utc>,
}

discreet_debug!(EmailTracking { id, campaign_id, sent_at, opens, clicks, replies, bounced, unsubscribed });

/// A send to record.
///
/// ```
/// # use campaign_store::{Campaign, Invalid, Mailbox, NewSend};
/// # use chrono::{DateTime, Utc};
/// # fn example(campaign: &Campaign, mailbox: &Mailbox, now: DateTime<Utc>) -> Result<(), Invalid> {
/// let send = NewSend::new(campaign, mailbox, "bob@example.com", now)?
///     .recipient_name("Bob")?
///     .subject("Hello Bob")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct NewSend {
    pub(crate) id: TrackingId,
    pub(crate) campaign_id: CampaignId,
    pub(crate) user_id: UserId,
    pub(crate) mailbox_id: MailboxId,
    pub(crate) sender_email: EmailAddress,
    pub(crate) recipient_email: EmailAddress,
    pub(crate) recipient_name: Option<String>,
    pub(crate) subject: String,
    pub(crate) message: Message,
    pub(crate) sent_at: DateTime<Utc>,
}

discreet_debug!(NewSend { id, campaign_id, sent_at });

impl NewSend {
    /// The first e-mail of `campaign` to `recipient_email`, with the campaign's subject and
    /// message, sent at `sent_at`, which is cut to whole milliseconds.
    ///
    /// `mailbox` is the one that really sends it, with the address of the sender. It need not be the campaign's
    /// own: mailboxes of the owner can send in
    /// [rotation](crate::MailboxRepository::least_recently_used). Its id is [`TrackingId::for_send`] with `n` 0.
    ///
    /// # Errors
    /// As [`EmailAddress::new`], for the recipient; [`Problem::ForeignMailbox`] unless the campaign's owner owns
    /// the mailbox; [`Problem::ImplausibleYear`] when `sent_at` is before 2000 or after 2100.
    pub fn new(
        campaign: &Campaign,
        mailbox: &Mailbox,
        recipient_email: impl AsRef<str>,
        sent_at: DateTime<Utc>,
    ) -> Result<Self, Invalid> {
        if mailbox.user_id != campaign.user_id {
            return Err(Invalid::new("mailbox_id", Problem::ForeignMailbox));
        }
        let recipient_email = EmailAddress::of_field("recipient_email", recipient_email.as_ref())?;
        Ok(Self {
            id: TrackingId::for_send(campaign.id, &recipient_email, 0),
            campaign_id: campaign.id,
            user_id: campaign.user_id,
            mailbox_id: mailbox.id,
            sender_email: mailbox.email.clone(),
            recipient_email,
            recipient_name: None,
            subject: campaign.subject.clone(),
            message: campaign.message.clone(),
            sent_at: in_years("sent_at", sent_at)?,
        })
    }

    /// Makes it the `n`-th e-mail of the campaign to this recipient, counted from 0. See
    /// [`TrackingId::for_send`].
    pub fn nth(self, n: u32) -> Self {
        let id = TrackingId::for_send(self.campaign_id, &self.recipient_email, n);
        self.tracking_id(id)
    }

    /// Sets an id that the caller made.
    pub fn tracking_id(mut self, id: TrackingId) -> Self {
        self.id = id;
        self
    }

    /// The id that events of the e-mail refer to.
    #[must_use]
    pub fn id(&self) -> TrackingId {
        self.id
    }

    /// Sets the recipient's name, of at most 255 bytes.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains a control character.
    pub fn recipient_name(mut self, name: impl AsRef<str>) -> Result<Self, Invalid> {
        self.recipient_name = Some(text::name("recipient_name", name.as_ref())?);
        Ok(self)
    }

    /// Sets a subject other than the campaign's, of at most 998 bytes.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains a control character.
    pub fn subject(mut self, subject: impl AsRef<str>) -> Result<Self, Invalid> {
        self.subject = text::subject(subject.as_ref())?;
        Ok(self)
    }

    /// Sets a message other than the campaign's, of at most 1 MiB.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains a NUL.
    pub fn message(mut self, message: impl AsRef<str>) -> Result<Self, Invalid> {
        self.message = text::message(message.as_ref())?;
        Ok(self)
    }

    /// The record of a send that is recorded at `now`.
    pub(crate) fn build(self, now: DateTime<Utc>) -> EmailTracking {
        EmailTracking {
            id: self.id,
            campaign_id: self.campaign_id,
            user_id: self.user_id,
            mailbox_id: self.mailbox_id,
            sender_email: self.sender_email,
            recipient_email: self.recipient_email,
            recipient_name: self.recipient_name,
            subject: self.subject,
            message: self.message,
            sent_at: self.sent_at,
            delivered_at: None,
            opened_at: None,
            opens: 0,
            clicked_at: None,
            clicks: 0,
            replied_at: None,
            replies: 0,
            bounced: false,
            bounce_reason: None,
            unsubscribed: false,
            unsubscribed_at: None,
            created_at: now,
        }
    }
}

/// The outcome of one send of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendOutcome {
    /// It was recorded and counted.
    Recorded,
    /// A send with this tracking id was recorded before, perhaps earlier in the same batch. Nothing
    /// changed.
    AlreadyRecorded,
    /// Its campaign does not exist. Nothing was recorded.
    UnknownCampaign,
    /// Its time is more than a day after the store's current time. Nothing was recorded. The clock of the sender or
    /// of the store is wrong.
    ImplausibleTime,
}

/// The e-mails to read.
///
/// ```
/// use campaign_store::{Signal, TrackingFilter, UserId};
///
/// let bounced = TrackingFilter::user(UserId::new()).state(Signal::Bounced);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct TrackingFilter {
    pub(crate) campaign_id: Option<CampaignId>,
    pub(crate) user_id: Option<UserId>,
    pub(crate) recipient_email: Option<EmailAddress>,
    pub(crate) state: Option<Signal>,
}

discreet_debug!(TrackingFilter { campaign_id, user_id, state });

impl TrackingFilter {
    /// All e-mails that the repositories see: those of one user, or of [all](crate::Store::system).
    pub fn all() -> Self {
        Self { campaign_id: None, user_id: None, recipient_email: None, state: None }
    }

    /// The e-mails of a campaign.
    pub fn campaign(campaign_id: CampaignId) -> Self {
        Self { campaign_id: Some(campaign_id), ..Self::all() }
    }

    /// The e-mails of a user's campaigns.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..Self::all() }
    }

    /// Only e-mails to this address.
    pub fn recipient(mut self, email: EmailAddress) -> Self {
        self.recipient_email = Some(email);
        self
    }

    /// Only e-mails in this state, as [`EmailTracking::shows`] evaluates it.
    pub fn state(mut self, state: Signal) -> Self {
        self.state = Some(state);
        self
    }

    /// The same within a scope. A filter of another user finds nothing there.
    #[cfg(feature = "mongo")]
    pub(crate) fn within(&self, scope: super::Scope) -> Self {
        Self { user_id: self.user_id.or(scope.user()), ..self.clone() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bson::oid::ObjectId;
    use uuid::Uuid;

    use super::*;
    use crate::model::{CampaignDuration, NewCampaign, NewMailbox, Provider};

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_767_603_600_123).unwrap()
    }

    /// A mailbox and a campaign that is sent from it.
    pub(crate) fn scene(message: &str) -> (Mailbox, Campaign) {
        let [user, mailbox] = [1, 2].map(|byte| ObjectId::from_bytes([byte; 12]));
        let new = NewMailbox::new(user.into(), "ada@work.example", Provider::Gmail).unwrap();
        let mailbox = new.build(mailbox.into(), true, start());
        let day = CampaignDuration::hours(24.0).unwrap();
        let new =
            NewCampaign::new(user.into(), mailbox.id, "Spring", "Hello", message, start(), day).unwrap();
        (mailbox, new.build(Uuid::nil().into(), start()))
    }

    /// A row without events.
    pub(crate) fn row_sent_at(sent_at: DateTime<Utc>, created_at: DateTime<Utc>) -> EmailTracking {
        let (mailbox, campaign) = scene("Flowers are out.");
        let send = NewSend::new(&campaign, &mailbox, "bob@example.com", start()).unwrap();
        EmailTracking { sent_at, created_at, ..send.build(start()) }
    }

    #[test]
    fn a_send_names_the_mailbox_that_sends_it() {
        let (mailbox, campaign) = scene("Hello");
        let other = Mailbox {
            id: ObjectId::from_bytes([3; 12]).into(),
            email: EmailAddress::new("other@work.example").unwrap(),
            ..mailbox
        };
        let send = NewSend::new(&campaign, &other, "bob@example.com", start()).unwrap();
        assert!((send.mailbox_id, send.sender_email) == (other.id, other.email));
    }

    #[test]
    fn a_mailbox_of_another_user_sends_nothing() {
        let (mailbox, campaign) = scene("Hello");
        let foreign = Mailbox { user_id: ObjectId::from_bytes([9; 12]).into(), ..mailbox };
        let refused = NewSend::new(&campaign, &foreign, "bob@example.com", start()).unwrap_err();
        assert_eq!(refused, Invalid::new("mailbox_id", Problem::ForeignMailbox));
    }

    #[test]
    fn a_send_in_an_implausible_year_is_refused() {
        let (mailbox, campaign) = scene("Hello");
        for at in [DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC] {
            let refused = NewSend::new(&campaign, &mailbox, "bob@example.com", at).unwrap_err();
            assert_eq!(refused.to_string(), "sent_at is not in the years 2000 to 2100");
        }
    }
}
