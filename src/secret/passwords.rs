//! Password hashing off the async runtime, with bounded concurrency.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::PasswordPolicy;
use super::password_hash::PasswordHash;
use crate::error::{Error, Result};
use crate::model::LoginPassword;

/// The options of password hashing.
///
/// Hashing needs a tokio runtime with an enabled timer. It runs on tokio's threads for blocking work, with
/// bounded concurrency. Each hash takes the memory of the policy (19 MiB by default).
///
/// ```
/// use std::time::Duration;
///
/// use campaign_store::{MemoryStore, PasswordOptions, PasswordPolicy};
///
/// let options = PasswordOptions::new().policy(PasswordPolicy::STRONG).at_once(4);
/// let options = options.wait(Duration::from_secs(1));
/// let store = MemoryStore::new().with_passwords(options).system();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct PasswordOptions {
    pub(super) policy: PasswordPolicy,
    pub(super) at_once: usize,
    pub(super) wait: Duration,
}

impl PasswordOptions {
    /// The defaults: OWASP's parameters, as many concurrent hashes as the machine has cores, and a wait of
    /// 2 seconds.
    pub fn new() -> Self {
        let at_once = available_parallelism().map_or(1, usize::from);
        Self { policy: PasswordPolicy::OWASP, at_once, wait: Duration::from_secs(2) }
    }

    /// Sets the parameters of new hashes.
    pub fn policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the number of hashes that are computed concurrently, at least 1.
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.at_once = at_once.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how long a call waits for its turn before it fails with [`Error::Busy`].
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

impl Default for PasswordOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Computes and compares hashes.
#[derive(Clone)]
pub(crate) struct Passwords {
    options: PasswordOptions,
    turns: Arc<Semaphore>,
    #[cfg(test)]
    computed: Arc<std::sync::atomic::AtomicUsize>,
}

/// The result of comparing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) is_right: bool,
    /// Whether the hash should be replaced by a stronger one.
    pub(super) is_outgrown: bool,
}

impl Passwords {
    pub(crate) fn new(options: PasswordOptions) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(options.at_once)),
            options,
            #[cfg(test)]
            computed: Arc::default(),
        }
    }

    /// The number of computations.
    #[cfg(test)]
    pub(super) fn computed(&self) -> usize {
        self.computed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The stored form of the hash of a new password.
    pub(crate) async fn hash(&self, operation: &'static str, password: &LoginPassword) -> Result<String> {
        self.hash_text(operation, password.expose()).await
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

    pub(super) async fn hash_text(&self, operation: &'static str, password: &str) -> Result<String> {
        let (policy, password) = (self.options.policy, Zeroizing::new(password.to_owned()));
        self.compute(operation, move || Some(PasswordHash::new(policy, &password)?.to_stored())).await
    }

    /// Compares a password with a stored hash. A hash that is missing or must not be computed never
    /// matches, and takes as much work. A password that is too long never matches either.
    pub(super) async fn compare(
        &self,
        operation: &'static str,
        password: &str,
        stored: Option<&str>,
    ) -> Result<Comparison> {
        let policy = self.options.policy;
        let is_possible = password.len() <= LoginPassword::MAX_LEN;
        let password = Zeroizing::new(if is_possible { password.to_owned() } else { String::new() });
        let stored = stored.and_then(PasswordHash::parse);
        self.compute(operation, move || {
            let is_real = stored.is_some();
            let hash = stored.or_else(|| PasswordHash::dummy(policy))?;
            let is_equal = hash.is_of(&password)?;
            Some(Comparison {
                is_right: is_equal & is_real & is_possible,
                is_outgrown: hash.is_outgrown_by(policy),
            })
        })
        .await
    }

    /// Waits for a turn and runs `work`. `None` from `work` means a lack of memory or randomness.
    async fn compute<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<T> {
        let turn = timeout(self.options.wait, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Error::busy(operation)) };
        #[cfg(test)]
        self.computed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let work = spawn_blocking(move || {
            // The turn ends with the work. The caller may be gone by then.
            let _turn = turn;
            work()
        });
        // The text of a panic is dropped, because it could contain anything.
        work.await.ok().flatten().ok_or_else(|| Error::backend(operation, None))
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(at_once: usize) -> Passwords {
        let options = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
        Passwords::new(options.at_once(at_once).wait(Duration::from_millis(20)))
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_the_work_and_not_as_the_caller() {
        let passwords = passwords(1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let abandoned = passwords.compute("work", move || ended.recv().ok());
        // The caller goes away while its work runs.
        assert!(timeout(Duration::from_millis(20), abandoned).await.is_err());
        let refused = passwords.compute("next", || Some(())).await;
        assert_eq!(refused, Err(Error::busy("next")));
        end.send(()).unwrap();
        while passwords.compute("next", || Some(())).await.is_err() {}
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_ends_the_turn() {
        let passwords = passwords(1);
        for _ in 0..3 {
            let panicked = passwords.compute("work", || -> Option<()> { panic!("canary") }).await;
            assert_eq!(panicked, Err(Error::backend("work", None)));
        }
        assert_eq!(passwords.compute("work", || Some(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn comparing_refuses_all_that_is_not_right() {
        let passwords = passwords(2);
        let stored = passwords.hash_text("hash", "correct horse").await.unwrap();
        let long = "x".repeat(1_025);
        let hash_of_long = passwords.hash_text("hash", &long).await.unwrap();
        let hash_of_nothing = passwords.hash_text("hash", "").await.unwrap();
        for (password, stored, is_right) in [
            ("correct horse", Some(stored.as_str()), true),
            ("wrong horse", Some(&stored), false),
            ("correct horse", None, false),
            ("correct horse", Some("correct horse"), false),
            (&long, Some(&hash_of_long), false),
            (&long, Some(&hash_of_nothing), false),
        ] {
            let compared = passwords.compare("verify", password, stored).await.unwrap();
            assert_eq!(compared.is_right, is_right);
        }
    }
}
