//! Linked mailboxes.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::{
    AccessToken, Change, Credentials, EmailAddress, MailboxId, MailboxPassword, MailboxStatus, Provider,
    RefreshToken, UserId, UserProfile,
};
use crate::error::{Error, Invalid, Result};

/// An e-mail account that a user linked to send campaigns. The record holds no secrets; see
/// [`MailboxSecretsRepository`](crate::MailboxSecretsRepository).
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Mailbox {
    /// The identity.
    #[serde(rename = "mailbox_id")]
    pub id: MailboxId,
    /// The owner.
    pub user_id: UserId,
    /// The address. Unique among the owner's mailboxes.
    pub email: EmailAddress,
    /// The provider of the mailbox.
    pub provider: Provider,
    /// The provider's data about the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_profile: Option<UserProfile>,
    /// Whether this is the owner's primary mailbox. Each owner with mailboxes has exactly one.
    pub is_primary: bool,
    /// Whether the owner allows its use.
    pub is_active: bool,
    /// Whether it can send.
    pub status: MailboxStatus,
    /// When it last sent; set by [`touch`](crate::MailboxRepository::touch).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<DateTime<Utc>>,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When the record last changed. It strictly increases, so it is also the record's version.
    pub updated_at: DateTime<Utc>,
}

discreet_debug!(Mailbox { id, user_id, is_primary, is_active, status, updated_at });

impl Mailbox {
    /// Refuses the mailbox unless `user_id` owns it.
    pub(crate) fn require_owner(&self, user_id: UserId) -> Result<()> {
        if self.user_id == user_id {
            Ok(())
        } else {
            Err(Error::ForeignMailbox { mailbox: self.id.to_string() })
        }
    }

    /// Refuses a mailbox that cannot send. [`MailboxFilter::sendable`] finds the others.
    pub(crate) fn require_sendable(&self) -> Result<()> {
        let status = match self.status {
            _ if !self.is_active => "switched off",
            MailboxStatus::Active => return Ok(()),
            status @ (MailboxStatus::Inactive | MailboxStatus::Error) => status.as_str(),
        };
        Err(Error::unsendable_mailbox(self.id, status))
    }
}

/// A mailbox to link. It is active, and has no secrets unless they are set.
///
/// ```
/// use campaign_store::{AccessToken, NewMailbox, Provider, RefreshToken, UserId};
///
/// let (access, refresh) = (AccessToken::new("ya29.a0AfH6")?, RefreshToken::new("1//0gLx")?);
/// let new = NewMailbox::new(UserId::new(), "ada@work.example", Provider::Gmail)?;
/// let new = new.tokens(access, refresh).primary();
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct NewMailbox {
    pub(crate) user_id: UserId,
    pub(crate) email: EmailAddress,
    pub(crate) provider: Provider,
    pub(crate) user_profile: Option<UserProfile>,
    pub(crate) primary: bool,
    pub(crate) credentials: Credentials,
}

discreet_debug!(NewMailbox { user_id, primary });

impl NewMailbox {
    /// A mailbox of the user `user_id`.
    ///
    /// # Errors
    /// As [`EmailAddress::new`].
    pub fn new(user_id: UserId, email: impl AsRef<str>, provider: Provider) -> Result<Self, Invalid> {
        let email = EmailAddress::new(email)?;
        Ok(Self {
            user_id,
            email,
            provider,
            user_profile: None,
            primary: false,
            credentials: Credentials::new(),
        })
    }

    /// Sets the provider's data about the owner.
    pub fn user_profile(mut self, profile: UserProfile) -> Self {
        self.user_profile = Some(profile);
        self
    }

    /// Sets the secrets. They are sealed before they are stored.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets the password; see [`credentials`](Self::credentials).
    pub fn password(mut self, password: MailboxPassword) -> Self {
        self.credentials = self.credentials.password(password);
        self
    }

    /// Sets the OAuth tokens; see [`credentials`](Self::credentials).
    pub fn tokens(mut self, access: AccessToken, refresh: RefreshToken) -> Self {
        self.credentials = self.credentials.access_token(access).refresh_token(refresh);
        self
    }

    /// Makes it the owner's primary mailbox, in place of the current one. The first mailbox of an owner
    /// is always primary.
    pub fn primary(mut self) -> Self {
        self.primary = true;
        self
    }

    /// The record of a mailbox that is linked at `now`.
    pub(crate) fn build(self, id: MailboxId, is_primary: bool, now: DateTime<Utc>) -> Mailbox {
        Mailbox {
            id,
            user_id: self.user_id,
            email: self.email,
            provider: self.provider,
            user_profile: self.user_profile,
            is_primary,
            is_active: true,
            status: MailboxStatus::default(),
            last_used: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A change of a mailbox. Fields that are not set keep their values.
///
/// ```
/// use campaign_store::MailboxPatch;
///
/// let patch = MailboxPatch::new().email("ada@home.example")?.active(false);
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Default)]
#[must_use]
pub struct MailboxPatch {
    pub(crate) email: Option<EmailAddress>,
    pub(crate) provider: Option<Provider>,
    pub(crate) user_profile: Change<UserProfile>,
    pub(crate) is_active: Option<bool>,
}

discreet_debug!(MailboxPatch { is_active });

impl MailboxPatch {
    /// A patch that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address.
    ///
    /// # Errors
    /// As [`EmailAddress::new`].
    pub fn email(mut self, email: impl AsRef<str>) -> Result<Self, Invalid> {
        self.email = Some(EmailAddress::new(email)?);
        Ok(self)
    }

    /// Sets the provider.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Sets the profile.
    pub fn user_profile(mut self, profile: UserProfile) -> Self {
        self.user_profile = Change::Set(profile);
        self
    }

    /// Removes the profile.
    pub fn clear_user_profile(mut self) -> Self {
        self.user_profile = Change::Clear;
        self
    }

    /// Sets whether the owner allows its use.
    pub fn active(mut self, is_active: bool) -> Self {
        self.is_active = Some(is_active);
        self
    }
}

/// The mailboxes to list.
///
/// ```
/// use campaign_store::{MailboxFilter, MailboxStatus, UserId};
///
/// let broken = MailboxFilter::user(UserId::new()).active(true).status(MailboxStatus::Error);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct MailboxFilter {
    pub(crate) user_id: Option<UserId>,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) is_active: Option<bool>,
    pub(crate) status: Option<MailboxStatus>,
}

discreet_debug!(MailboxFilter { user_id, is_active, status });

impl MailboxFilter {
    /// All mailboxes that the repositories see: those of one user, or of [all](crate::Store::system).
    pub fn all() -> Self {
        Self { user_id: None, email: None, is_active: None, status: None }
    }

    /// The mailboxes of a user.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..Self::all() }
    }

    /// Only mailboxes with this address. Several users can link the same address.
    pub fn email(mut self, email: EmailAddress) -> Self {
        self.email = Some(email);
        self
    }

    /// Only active mailboxes, or only inactive ones.
    pub fn active(mut self, is_active: bool) -> Self {
        self.is_active = Some(is_active);
        self
    }

    /// Only mailboxes with this status.
    pub fn status(mut self, status: MailboxStatus) -> Self {
        self.status = Some(status);
        self
    }
}
