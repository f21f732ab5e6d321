//! Password hashing off the async runtime, with bounded concurrency.

use std::fmt;

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::password_hash::PasswordHash;
use super::turns::{Turn, Turns, Use};
use super::{LoginThrottle, PasswordOptions, PasswordPolicy};
use crate::error::{Error, Result};
use crate::model::LoginPassword;

/// Computes and compares hashes.
#[derive(Clone)]
pub(crate) struct Passwords {
    options: PasswordOptions,
    turns: Turns,
    work: Work,
}

/// The result of comparing a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) is_right: bool,
    /// A stronger hash of the same password, which should replace the stored one.
    pub(super) stronger: Option<String>,
}

/// The work that was done, for tests: memory times passes, in KiB.
#[derive(Clone, Default)]
struct Work(#[cfg(test)] std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Work {
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests look at it"))]
    fn done(&self, policy: PasswordPolicy) {
        let _ = policy;
        #[cfg(test)]
        self.0.fetch_add(policy.work(), std::sync::atomic::Ordering::Relaxed);
    }
}

impl Passwords {
    pub(crate) fn new(options: PasswordOptions) -> Self {
        Self { turns: Turns::new(options.at_once, options.queue), options, work: Work::default() }
    }

    /// The work that was done: memory times passes, in KiB.
    #[cfg(test)]
    pub(super) fn work(&self) -> u64 {
        self.work.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// What is asked before a login.
    pub(super) fn throttle(&self) -> Option<&dyn LoginThrottle> {
        self.options.throttle.as_deref()
    }

    /// The stored form of the hash of a new password.
    pub(crate) async fn hash(&self, operation: &'static str, password: &LoginPassword) -> Result<String> {
        self.options.check(password)?;
        let turn = self.turn(operation, Use::NewPassword).await?;
        self.hash_text(operation, turn, password.expose()).await
    }

    /// The same for an optional password.
    pub(crate) async fn hash_if_any(
        &self,
        operation: &'static str,
        password: Option<&LoginPassword>,
    ) -> Result<Option<String>> {
        match password {
            Some(password) => self.hash(operation, password).await.map(Some),
            None => Ok(None),
        }
    }

    async fn hash_text(&self, operation: &'static str, turn: Turn, password: &str) -> Result<String> {
        let (policy, password) = (self.options.policy, Zeroizing::new(password.to_owned()));
        let work = self.work.clone();
        let hash = move || {
            work.done(policy);
            Some(PasswordHash::new(policy, &password)?.to_stored())
        };
        compute(operation, turn, hash).await
    }

    /// Waits for a turn at hashing.
    ///
    /// # Errors
    /// `Busy` if there is none within the wait, or if too many came later.
    pub(super) async fn turn(&self, operation: &'static str, purpose: Use) -> Result<Turn> {
        let turn = self.turns.take(purpose, self.options.wait).await;
        turn.ok_or(Error::Busy { operation })
    }

    /// Compares a password with a stored hash. A hash that is missing or must not be computed never matches,
    /// nor does a password that is too long. All cases take the work of the dearest policy. If the password
    /// is right and `may_log_in`, an outgrown hash is computed again with today's policy.
    pub(super) async fn compare(
        &self,
        operation: &'static str,
        turn: Turn,
        password: &str,
        stored: Option<&str>,
        may_log_in: bool,
    ) -> Result<Comparison> {
        let (policy, dearest) = (self.options.policy, self.options.dearest());
        let is_possible = password.len() <= LoginPassword::MAX_LEN;
        let password = Zeroizing::new(if is_possible { password.to_owned() } else { String::new() });
        let stored = stored.and_then(PasswordHash::parse);
        let work = self.work.clone();
        compute(operation, turn, move || {
            let is_real = stored.is_some();
            let hash = stored.or_else(|| PasswordHash::dummy(dearest))?;
            work.done(hash.policy());
            let is_equal = hash.is_of(&password)?;
            if let Some(rest) = dearest.without(hash.policy()) {
                work.done(rest);
                PasswordHash::dummy(rest)?.is_of(&password)?;
            }
            let is_right = is_equal & is_real & is_possible;
            let is_outgrown = is_right && may_log_in && hash.is_outgrown_by(policy);
            // The login is right even if there is not enough memory for this.
            let stronger = is_outgrown.then(|| PasswordHash::new(policy, &password)).flatten();
            Some(Comparison { is_right, stronger: stronger.map(|hash| hash.to_stored()) })
        })
        .await
    }
}

/// Runs `work` in a turn. `None` from `work` means a lack of memory or randomness.
async fn compute<T: Send + 'static>(
    operation: &'static str,
    turn: Turn,
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Result<T> {
    let work = spawn_blocking(move || {
        // The turn ends with the work. The caller may be gone by then.
        let _turn = turn;
        work()
    });
    // The text of a panic is dropped, because it could contain anything.
    work.await.ok().flatten().ok_or_else(|| Error::backend(operation, None))
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Passwords {
    /// The stored form of the hash of any text.
    pub(super) async fn hash_of(&self, password: &str) -> String {
        let turn = self.turn("test", Use::NewPassword).await.unwrap();
        self.hash_text("test", turn, password).await.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn passwords(at_once: usize) -> Passwords {
        let options = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
        Passwords::new(options.at_once(at_once).wait(Duration::from_millis(20)))
    }

    /// Does `work` in a turn of its own.
    async fn run<T: Send + 'static>(
        passwords: &Passwords,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<T> {
        compute("work", passwords.turn("work", Use::Login).await?, work).await
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_the_work_and_not_as_the_caller() {
        let passwords = passwords(1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let abandoned = run(&passwords, move || ended.recv().ok());
        // The caller goes away while its work runs.
        assert!(timeout(Duration::from_millis(20), abandoned).await.is_err());
        assert_eq!(run(&passwords, || Some(())).await, Err(Error::busy("work")));
        end.send(()).unwrap();
        while run(&passwords, || Some(())).await.is_err() {}
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_ends_the_turn() {
        let passwords = passwords(1);
        for _ in 0..3 {
            let panicked = run(&passwords, || -> Option<()> { panic!("canary") }).await;
            assert_eq!(panicked, Err(Error::backend("work", None)));
        }
        assert_eq!(run(&passwords, || Some(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn comparing_refuses_all_that_is_not_right() {
        let passwords = passwords(2);
        let stored = passwords.hash_of("correct horse").await;
        let long = "x".repeat(1_025);
        let hash_of_long = passwords.hash_of(&long).await;
        let hash_of_nothing = passwords.hash_of("").await;
        for (password, stored, is_right) in [
            ("correct horse", Some(stored.as_str()), true),
            ("wrong horse", Some(&stored), false),
            ("correct horse", None, false),
            ("correct horse", Some("correct horse"), false),
            (&long, Some(&hash_of_long), false),
            (&long, Some(&hash_of_nothing), false),
        ] {
            let turn = passwords.turn("verify", Use::Login).await.unwrap();
            let compared = passwords.compare("verify", turn, password, stored, true).await.unwrap();
            assert_eq!(compared, Comparison { is_right, stronger: None });
        }
    }
}
