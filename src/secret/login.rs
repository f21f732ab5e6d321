//! The verification of a login. All cases take the same path.

use async_trait::async_trait;

use super::Passwords;
use crate::error::Result;
use crate::model::{LoginAttempt, LoginId, LoginOutcome, User};

/// A user, and the stored hash if it is a text.
pub(crate) struct StoredLogin {
    pub(crate) user: User,
    pub(crate) password: Option<String>,
}

/// The operations of a store that the verification needs.
#[async_trait]
pub(crate) trait Logins: Sync {
    /// The user with this login id, by exactly one look-up.
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>>;

    /// Replaces the hash of a user, if it is still `old`.
    async fn replace_hash(&self, user: &User, old: &str, new: &str) -> Result<()>;
}

/// Verifies an attempt. Every case takes one look-up and one hash, and every rejection gives the same
/// answer: an unknown login id, a wrong password, a user without a password, a broken hash, an inactive
/// user, and texts that are not a valid login id or password. Only an unavailable database and too many
/// waiting logins are errors.
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
        // The login is right even if this fails. The next login retries it.
        if let Ok(new) = passwords.hash_text(OPERATION, attempt.password()).await {
            let _ = logins.replace_hash(&user, &old, &new).await;
        }
    }
    Ok(LoginOutcome::Accepted(user))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::DateTime;

    use super::*;
    use crate::{Error, NewUser, PasswordOptions, PasswordPolicy, UserId};

    const RIGHT: &str = "correct horse";

    /// One stored user, and a record of the look-ups and the writes.
    struct OneUser {
        stored: Option<(bool, Option<String>)>,
        found: Mutex<usize>,
        replaced: Mutex<Vec<(String, String)>>,
        fails: bool,
    }

    impl OneUser {
        fn new(is_active: bool, password: Option<&str>) -> Self {
            let stored = Some((is_active, password.map(str::to_owned)));
            Self { stored, found: Mutex::default(), replaced: Mutex::default(), fails: false }
        }
    }

    #[async_trait]
    impl Logins for OneUser {
        async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>> {
            *self.found.lock().unwrap() += 1;
            let Some((is_active, password)) = self.stored.clone().filter(|_| login_id.as_str() == "ada")
            else {
                return Ok(None);
            };
            let user = NewUser::new("Ada", "ada").unwrap().build(UserId::new(), DateTime::UNIX_EPOCH);
            Ok(Some(StoredLogin { user: User { is_active, ..user }, password }))
        }

        async fn replace_hash(&self, _: &User, old: &str, new: &str) -> Result<()> {
            self.replaced.lock().unwrap().push((old.to_owned(), new.to_owned()));
            if self.fails { Err(Error::unavailable("test", "away")) } else { Ok(()) }
        }
    }

    fn passwords(policy: PasswordPolicy) -> Passwords {
        Passwords::new(PasswordOptions::new().policy(policy))
    }

    #[tokio::test]
    async fn every_case_is_one_look_up_and_one_hash() {
        let passwords = passwords(PasswordPolicy::insecure_for_tests());
        let hash = passwords.hash_text("test", RIGHT).await.unwrap();
        let hash = Some(hash.as_str());
        let (long, huge) = ("x".repeat(1_025), "x".repeat(16 << 20));
        let rows = [
            ("83: unknown", "eve", RIGHT, OneUser::new(true, hash)),
            ("84: malformed", "no login id", RIGHT, OneUser::new(true, hash)),
            ("84: empty", "", RIGHT, OneUser::new(true, hash)),
            ("84: too long", &huge, RIGHT, OneUser::new(true, hash)),
            ("85: inactive", "ada", RIGHT, OneUser::new(false, hash)),
            ("86: without a password", "ada", RIGHT, OneUser::new(true, None)),
            ("87: no hash", "ada", RIGHT, OneUser::new(true, Some(RIGHT))),
            ("87: an empty hash", "ada", "", OneUser::new(true, Some(""))),
            ("62: endless memory", "ada", RIGHT, OneUser::new(true, Some(OUT_OF_BOUNDS))),
            ("88: too long a password", "ada", &long, OneUser::new(true, hash)),
            ("57: 16 MiB", "ada", &huge, OneUser::new(true, hash)),
            ("57: an empty password", "ada", "", OneUser::new(true, hash)),
            ("89: wrong", "ada", "wrong horse", OneUser::new(true, hash)),
            ("right", "ADA", RIGHT, OneUser::new(true, hash)),
        ];
        for (row, login_id, password, logins) in rows {
            let before = passwords.computed();
            let outcome = verify(&logins, &passwords, &LoginAttempt::new(login_id, password)).await.unwrap();
            assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), row == "right", "{row}");
            assert_eq!((*logins.found.lock().unwrap(), passwords.computed() - before), (1, 1), "{row}");
            assert!(logins.replaced.lock().unwrap().is_empty(), "{row}");
        }
    }

    const OUT_OF_BOUNDS: &str = "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHRzYWx0c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[tokio::test]
    async fn a_weak_hash_is_replaced_by_comparing_and_only_when_the_password_is_right() {
        let weak = passwords(PasswordPolicy::insecure_for_tests()).hash_text("test", RIGHT).await.unwrap();
        let owasp = passwords(PasswordPolicy::OWASP);
        for (password, is_active, fails, is_replaced) in [
            (RIGHT, true, false, true),
            // 79: the login is accepted even if the hash cannot be replaced.
            (RIGHT, true, true, true),
            (RIGHT, false, false, false),
            ("wrong horse", true, false, false),
        ] {
            let logins = OneUser { fails, ..OneUser::new(is_active, Some(&weak)) };
            let outcome = verify(&logins, &owasp, &LoginAttempt::new("ada", password)).await.unwrap();
            assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), is_replaced);
            let replaced = logins.replaced.lock().unwrap();
            assert_eq!(replaced.len(), usize::from(is_replaced), "76");
            for (old, new) in &*replaced {
                assert_eq!(*old, weak);
                assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the default is OWASP's: {new}");
            }
        }
    }
}
