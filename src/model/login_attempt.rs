//! Attempts to log in.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize;

use super::{LoginId, User};

/// A login id and a password as a user typed them: any texts.
///
/// Texts that cannot be valid are not an error here.
/// [`verify_login`](crate::UserRepository::verify_login) rejects them like a wrong password, in the
/// same time.
///
/// ```
/// use campaign_store::LoginAttempt;
///
/// let attempt = LoginAttempt::new("ada", "correct horse battery staple").caller("192.0.2.7");
/// assert_eq!(format!("{attempt:?}"), "LoginAttempt([redacted])");
/// ```
#[derive(Clone)]
pub struct LoginAttempt {
    login_id: LoginId,
    password: SecretString,
    caller: Option<String>,
}

impl LoginAttempt {
    /// Takes the typed texts. The memory of `password` is wiped.
    pub fn new(login_id: impl AsRef<str>, password: impl Into<String>) -> Self {
        let mut typed = password.into();
        let password = SecretString::from(typed.as_str());
        typed.zeroize();
        // No user has this login id, since a login id cannot contain a control character.
        let nobody = || LoginId::from_stored("\0");
        Self { login_id: LoginId::new(login_id).unwrap_or_else(|_| nobody()), password, caller: None }
    }

    /// Names the caller to the [`LoginThrottle`](crate::LoginThrottle): an address, for instance. Of an IPv6
    /// address, use the first 64 bits, since one caller has all the others. Behind a proxy, make sure that
    /// the caller cannot choose the name.
    #[must_use]
    pub fn caller(mut self, caller: impl Into<String>) -> Self {
        self.caller = Some(caller.into());
        self
    }

    pub(crate) fn caller_name(&self) -> Option<&str> {
        self.caller.as_deref()
    }

    pub(crate) fn login_id(&self) -> &LoginId {
        &self.login_id
    }

    pub(crate) fn password(&self) -> &str {
        self.password.expose_secret()
    }
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginAttempt([redacted])")
    }
}

/// The outcome of an attempt to log in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LoginOutcome {
    /// The password is right, and this user is active.
    Accepted(User),
    /// Any other case. The reason is not given, because it would help an attacker to guess.
    Rejected,
}
