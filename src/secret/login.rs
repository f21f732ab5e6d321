//! Logging in: one path for every case.

use async_trait::async_trait;

use super::Passwords;
use crate::error::Result;
use crate::model::{LoginAttempt, LoginId, LoginOutcome, User};

/// A user with the stored hash, if there is one that is a text.
pub(crate) struct StoredLogin {
    pub(crate) user: User,
    pub(crate) password: Option<String>,
}

/// What logging in needs of a store.
#[async_trait]
pub(crate) trait Logins: Sync {
    /// The user with this login id. Exactly one look-up.
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>>;

    /// Replaces the hash of a user, if it is still `old`.
    async fn replace_hash(&self, user: &User, old: &str, new: &str) -> Result<()>;
}

/// Whether the attempt is right. An unknown login id, a wrong password, a user without one, a broken
/// hash, an inactive user, and texts that are no login id or no password: all take one look-up and
/// one hash, and give the same answer. Only a database that does not answer is an error.
pub(crate) async fn verify(
    logins: &impl Logins,
    passwords: &Passwords,
    attempt: &LoginAttempt,
) -> Result<LoginOutcome> {
    const OPERATION: &str = "users.verify_login";
    let found = logins.find(attempt.login_id()).await?;
    let stored = found.as_ref().and_then(|found| found.password.as_deref());
    let compared = passwords.compare(OPERATION, attempt.password(), stored).await?;
    let Some(StoredLogin { user, password }) = found else { return Ok(LoginOutcome::Rejected) };
    if !compared.is_right || !user.is_active {
        return Ok(LoginOutcome::Rejected);
    }
    if compared.is_outgrown
        && let Some(old) = password
    {
        // The login is right, whatever becomes of this: the next one tries again.
        if let Ok(new) = passwords.hash_text(OPERATION, attempt.password()).await {
            let _ = logins.replace_hash(&user, &old, &new).await;
        }
    }
    Ok(LoginOutcome::Accepted(user))
}
