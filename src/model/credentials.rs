//! The secrets of a mailbox.

use super::secret::SecretKind;
use super::text_enum::text_enum;
use super::{AccessToken, MailboxPassword, RefreshToken, Secret};

text_enum! {
    /// A field of a mailbox that stores a secret.
    SecretField, "field" {
        /// The mailbox's password.
        Password = "password",
        /// The OAuth access token.
        AccessToken = "access_token",
        /// The OAuth refresh token.
        RefreshToken = "refresh_token",
    }
}

impl SecretField {
    /// Whether a text is a valid secret of this field.
    pub(crate) fn allows(self, text: &str) -> bool {
        match self {
            Self::Password => MailboxPassword::allows(text),
            Self::AccessToken => AccessToken::allows(text),
            Self::RefreshToken => RefreshToken::allows(text),
        }
    }
}

/// The secrets of a mailbox. Each of them is optional.
///
/// ```
/// use campaign_store::{AccessToken, Credentials, RefreshToken};
///
/// let credentials = Credentials::new()
///     .access_token(AccessToken::new("ya29.a0AfH6")?)
///     .refresh_token(RefreshToken::new("1//0gLx")?);
/// assert!(credentials.password.is_none());
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// The mailbox's password.
    pub password: Option<MailboxPassword>,
    /// The OAuth access token.
    pub access_token: Option<AccessToken>,
    /// The OAuth refresh token.
    pub refresh_token: Option<RefreshToken>,
}

impl Credentials {
    /// No secrets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the password.
    #[must_use]
    pub fn password(self, password: MailboxPassword) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Sets the access token.
    #[must_use]
    pub fn access_token(self, token: AccessToken) -> Self {
        Self { access_token: Some(token), ..self }
    }

    /// Sets the refresh token.
    #[must_use]
    pub fn refresh_token(self, token: RefreshToken) -> Self {
        Self { refresh_token: Some(token), ..self }
    }

    /// Whether there is a secret to store.
    #[cfg(feature = "mongo")]
    pub(crate) fn is_any(&self) -> bool {
        SecretField::ALL.iter().any(|field| self.get(*field).is_some())
    }

    /// Whether the tokens equal those of `other`.
    pub(crate) fn has_tokens_of(&self, other: &Self) -> bool {
        is_same(self.access_token.as_ref(), other.access_token.as_ref())
            && is_same(self.refresh_token.as_ref(), other.refresh_token.as_ref())
    }

    /// Sets a field if the text is a valid secret of it, and returns whether it is.
    #[cfg(feature = "mongo")]
    pub(crate) fn set(&mut self, field: SecretField, text: &str) -> bool {
        match field {
            SecretField::Password => put(&mut self.password, text),
            SecretField::AccessToken => put(&mut self.access_token, text),
            SecretField::RefreshToken => put(&mut self.refresh_token, text),
        }
    }

    /// The text of a field.
    pub(crate) fn get(&self, field: SecretField) -> Option<&str> {
        match field {
            SecretField::Password => self.password.as_ref().map(Secret::expose),
            SecretField::AccessToken => self.access_token.as_ref().map(Secret::expose),
            SecretField::RefreshToken => self.refresh_token.as_ref().map(Secret::expose),
        }
    }
}

#[cfg(feature = "mongo")]
fn put<K: SecretKind>(place: &mut Option<Secret<K>>, text: &str) -> bool {
    *place = Secret::new(text).ok();
    place.is_some()
}

fn is_same<K: SecretKind>(one: Option<&Secret<K>>, other: Option<&Secret<K>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.ct_eq(other),
        _ => false,
    }
}
