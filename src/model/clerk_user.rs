//! Users of Clerk, the authentication service.

use chrono::{DateTime, Utc};

use super::debug::discreet_debug;
use super::{ClerkUserId, EmailAddress, LoginId, text};
use crate::clock::whole_millis;
use crate::error::Invalid;

/// Clerk's data about a user, for
/// [`upsert_from_clerk`](crate::UserRepository::upsert_from_clerk).
///
/// ```
/// use campaign_store::ClerkUser;
/// use chrono::DateTime;
///
/// // `updated_at` of Clerk's event, in milliseconds.
/// let updated_at = DateTime::from_timestamp_millis(1_767_603_600_123).unwrap_or_default();
/// let ada = ClerkUser::new("user_2abc", "Ada", "ada", updated_at)?.email("ada@example.com")?;
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
#[expect(clippy::struct_field_names, reason = "the names of the schema")]
pub struct ClerkUser {
    pub(crate) clerk_user_id: ClerkUserId,
    pub(crate) user_name: String,
    pub(crate) login_id: LoginId,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) updated_at: DateTime<Utc>,
}

discreet_debug!(ClerkUser { updated_at });

impl ClerkUser {
    /// A user of Clerk without an address. `updated_at` is when Clerk changed the user, as its event says, cut
    /// to whole milliseconds: it decides which of two events is the later one, and not the order of the calls.
    ///
    /// The login id is used only for users whom the store creates from Clerk's data.
    ///
    /// # Errors
    /// Those of [`ClerkUserId::new`] and [`NewUser::new`](crate::NewUser::new).
    pub fn new(
        clerk_user_id: impl AsRef<str>,
        user_name: impl AsRef<str>,
        login_id: impl AsRef<str>,
        updated_at: DateTime<Utc>,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            clerk_user_id: ClerkUserId::new(clerk_user_id)?,
            user_name: text::name("user_name", user_name.as_ref())?,
            login_id: LoginId::of_new_user(login_id.as_ref())?,
            email: None,
            updated_at: whole_millis(updated_at),
        })
    }

    /// Sets the e-mail address. A user without one at Clerk has none here.
    ///
    /// # Errors
    /// As [`EmailAddress::new`].
    pub fn email(mut self, email: impl AsRef<str>) -> Result<Self, Invalid> {
        self.email = Some(EmailAddress::new(email)?);
        Ok(self)
    }
}
