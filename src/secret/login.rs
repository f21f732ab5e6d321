//! The verification of a login. All cases take the same path.

use async_trait::async_trait;

use super::Passwords;
use super::turns::Use;
use crate::error::{Error, Result};
use crate::model::{LoginAttempt, LoginId, LoginOutcome, User, UserId};

/// What the store has about a login id. Reading it does not fail: a document that nobody can read is no
/// reason to answer an attempt sooner.
pub(crate) struct StoredLogin {
    /// Whether the state is known, and allows a login.
    pub(crate) is_active: bool,
    /// The hash, if it is a text.
    pub(crate) password: Option<String>,
    /// The record, which only a right password gets to see.
    pub(crate) user: Result<User>,
}

/// The operations of a store that the verification needs.
#[async_trait]
pub(crate) trait Logins: Sync {
    /// The user with this login id, by exactly one look-up.
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>>;

    /// Replaces the hash of a user, if it is still `old`.
    async fn replace_hash(&self, user: UserId, old: &str, new: &str) -> Result<()>;
}

/// Verifies an attempt. It is admitted before anything is looked up. Then every case takes one look-up and the
/// same work, and every rejection gives the same answer: an unknown login id, a wrong password, a user without
/// a password, a broken hash, a user who is inactive or cannot be read, and texts that are not a valid login
/// id or password. Only an unavailable database, a throttle and too many waiting logins are errors.
pub(crate) async fn verify(
    logins: &impl Logins,
    passwords: &Passwords,
    attempt: &LoginAttempt,
) -> Result<LoginOutcome> {
    const OPERATION: &str = "users.verify_login";
    let (login_id, caller) = (attempt.login_id(), attempt.caller_name());
    if let Some(throttle) = passwords.throttle() {
        throttle.admit(login_id, caller).await.map_err(Error::throttled)?;
    }
    let turn = passwords.turn(OPERATION, Use::Login).await?;
    let found = logins.find(login_id).await?;
    let stored = found.as_ref().and_then(|found| found.password.as_deref());
    let is_active = found.as_ref().is_some_and(|found| found.is_active);
    let compared = passwords.compare(OPERATION, turn, attempt.password(), stored, is_active).await?;
    let Some(StoredLogin { user, password, .. }) = found.filter(|_| compared.is_right && is_active) else {
        return Ok(LoginOutcome::Rejected);
    };
    if let Some(throttle) = passwords.throttle() {
        throttle.succeeded(login_id, caller).await;
    }
    let user = user?;
    if let (Some(old), Some(new)) = (password, compared.stronger) {
        // The login is right even if this fails. The next login retries it.
        let _ = logins.replace_hash(user.id, &old, &new).await;
    }
    Ok(LoginOutcome::Accepted(user))
}

#[cfg(test)]
mod tests;
