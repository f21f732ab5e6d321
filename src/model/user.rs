//! Users.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::debug::discreet_debug;
use super::{Change, ClerkUserId, EmailAddress, LoginId, LoginPassword, UserId, text};
use crate::error::{Error, Invalid, Result};

/// A person who runs campaigns.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct User {
    /// The identity.
    #[serde(rename = "user_id")]
    pub id: UserId,
    /// The name to show.
    pub user_name: String,
    /// The name that the user logs in with. Unique.
    pub login_id: LoginId,
    /// The identity at Clerk. Unique if present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clerk_user_id: Option<ClerkUserId>,
    /// The e-mail address. Unique if present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the record last changed. It strictly increases, so it is also the record's version.
    pub updated_at: DateTime<Utc>,
    /// Whether the user is active. Inactive users cannot log in.
    pub is_active: bool,
    /// When the user last logged in; set by [`record_login`](crate::UserRepository::record_login).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login: Option<DateTime<Utc>>,
}

discreet_debug!(User { id, is_active, updated_at });

impl User {
    /// Refuses a user who was deactivated.
    pub(crate) fn require_active(&self) -> Result<()> {
        if self.is_active { Ok(()) } else { Err(Error::inactive_user(self.id)) }
    }
}

/// A user to create. The user is active, and has no password unless one is set.
///
/// ```
/// use campaign_store::NewUser;
///
/// let ada = NewUser::new("Ada", "ada")?.email("ada@example.com")?;
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct NewUser {
    pub(crate) user_name: String,
    pub(crate) login_id: LoginId,
    pub(crate) clerk_user_id: Option<ClerkUserId>,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) password: Option<LoginPassword>,
}

discreet_debug!(NewUser {});

impl NewUser {
    /// A user with a name of at most 255 bytes and a [login id](LoginId).
    ///
    /// # Errors
    /// [`Invalid`] when the name is empty, too long, or contains a control character; those of
    /// [`LoginId::new`].
    pub fn new(user_name: impl AsRef<str>, login_id: impl AsRef<str>) -> Result<Self, Invalid> {
        Ok(Self {
            user_name: text::name("user_name", user_name.as_ref())?,
            login_id: LoginId::of_new_user(login_id.as_ref())?,
            clerk_user_id: None,
            email: None,
            password: None,
        })
    }

    /// Sets the password. Only its hash is stored.
    pub fn password(mut self, password: LoginPassword) -> Self {
        self.password = Some(password);
        self
    }

    /// Sets the e-mail address.
    ///
    /// # Errors
    /// As [`EmailAddress::new`].
    pub fn email(mut self, email: impl AsRef<str>) -> Result<Self, Invalid> {
        self.email = Some(EmailAddress::new(email)?);
        Ok(self)
    }

    /// Sets the identity at Clerk.
    ///
    /// # Errors
    /// As [`ClerkUserId::new`].
    pub fn clerk_user_id(mut self, id: impl AsRef<str>) -> Result<Self, Invalid> {
        self.clerk_user_id = Some(ClerkUserId::new(id)?);
        Ok(self)
    }

    /// The record of a user that is created at `now`.
    pub(crate) fn build(self, id: UserId, now: DateTime<Utc>) -> User {
        User {
            id,
            user_name: self.user_name,
            login_id: self.login_id,
            clerk_user_id: self.clerk_user_id,
            email: self.email,
            created_at: now,
            updated_at: now,
            is_active: true,
            last_login: None,
        }
    }
}

/// A change of a user. Fields that are not set keep their values.
///
/// ```
/// use campaign_store::UserPatch;
///
/// let patch = UserPatch::new().user_name("Ada Lovelace")?.clear_email();
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Default)]
#[must_use]
pub struct UserPatch {
    pub(crate) user_name: Option<String>,
    pub(crate) login_id: Option<LoginId>,
    pub(crate) clerk_user_id: Change<ClerkUserId>,
    pub(crate) email: Change<EmailAddress>,
}

discreet_debug!(UserPatch {});

impl UserPatch {
    /// A patch that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name, of at most 255 bytes.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains a control character.
    pub fn user_name(mut self, name: impl AsRef<str>) -> Result<Self, Invalid> {
        self.user_name = Some(text::name("user_name", name.as_ref())?);
        Ok(self)
    }

    /// Sets the login id.
    ///
    /// # Errors
    /// As [`LoginId::new`].
    pub fn login_id(mut self, login_id: impl AsRef<str>) -> Result<Self, Invalid> {
        self.login_id = Some(LoginId::of_new_user(login_id.as_ref())?);
        Ok(self)
    }

    /// Sets the e-mail address.
    ///
    /// # Errors
    /// As [`EmailAddress::new`].
    pub fn email(mut self, email: impl AsRef<str>) -> Result<Self, Invalid> {
        self.email = Change::Set(EmailAddress::new(email)?);
        Ok(self)
    }

    /// Removes the e-mail address.
    pub fn clear_email(mut self) -> Self {
        self.email = Change::Clear;
        self
    }

    /// Sets the identity at Clerk.
    ///
    /// # Errors
    /// As [`ClerkUserId::new`].
    pub fn clerk_user_id(mut self, id: impl AsRef<str>) -> Result<Self, Invalid> {
        self.clerk_user_id = Change::Set(ClerkUserId::new(id)?);
        Ok(self)
    }

    /// A patch that sets the address, or removes it.
    pub(super) fn of_email(email: Option<EmailAddress>) -> Self {
        Self { email: email.map_or(Change::Clear, Change::Set), ..Self::default() }
    }

    /// Removes the identity at Clerk.
    pub fn clear_clerk_user_id(mut self) -> Self {
        self.clerk_user_id = Change::Clear;
        self
    }
}

/// The users to list.
///
/// ```
/// use campaign_store::UserFilter;
///
/// let active = UserFilter::all().active(true);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct UserFilter {
    pub(crate) is_active: Option<bool>,
}

impl UserFilter {
    /// All users that the repositories see: one, or [all](crate::Store::system).
    pub fn all() -> Self {
        Self { is_active: None }
    }

    /// Only active users, or only inactive ones.
    pub fn active(mut self, is_active: bool) -> Self {
        self.is_active = Some(is_active);
        self
    }
}
