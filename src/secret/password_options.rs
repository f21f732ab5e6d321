use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::{LoginThrottle, PasswordPolicy};
use crate::error::{Invalid, Problem};
use crate::model::{LoginPassword, SecretKind, kind, normalised};

/// The options of passwords and logins.
///
/// Hashing needs a tokio runtime with an enabled timer. It runs on tokio's threads for blocking work, with
/// bounded concurrency. Each hash takes the memory of the policy (19 MiB by default).
///
/// ```
/// use std::time::Duration;
///
/// use campaign_store::{MemoryStore, PasswordOptions, PasswordPolicy, TokenBuckets};
///
/// let options = PasswordOptions::new()
///     .policy(PasswordPolicy::STRONG)
///     .older_policy(PasswordPolicy::OWASP)
///     .at_once(4)
///     .wait(Duration::from_secs(1))
///     .min_length(15)
///     .refuse_common(|password| ["password12345678", "correcthorsebatterystaple"].contains(&password))
///     .throttle(TokenBuckets::new());
/// let store = MemoryStore::new().with_passwords(options).system();
/// ```
#[derive(Clone)]
#[must_use]
pub struct PasswordOptions {
    pub(super) policy: PasswordPolicy,
    /// The dearest of the policies that were in use before.
    older: Option<PasswordPolicy>,
    pub(super) at_once: usize,
    pub(super) queue: usize,
    pub(super) wait: Duration,
    pub(super) throttle: Option<Arc<dyn LoginThrottle>>,
    min_length: usize,
    is_common: Option<IsCommon>,
}

/// Whether a password is common.
type IsCommon = Arc<dyn Fn(&str) -> bool + Send + Sync>;

impl PasswordOptions {
    const MAX_AT_ONCE: usize = 1_024;
    const MAX_QUEUE: usize = 100_000;
    const WAITING_PER_TURN: usize = 32;

    /// The defaults: OWASP's parameters, as many concurrent hashes as the machine has cores, a queue of 32
    /// callers for each of these, a wait of 2 seconds, passwords of at least 8 characters, and no throttle.
    pub fn new() -> Self {
        let at_once = available_parallelism().map_or(1, usize::from);
        Self {
            policy: PasswordPolicy::OWASP,
            older: None,
            at_once,
            queue: at_once * Self::WAITING_PER_TURN,
            wait: Duration::from_secs(2),
            throttle: None,
            min_length: kind::LoginPassword::MIN_LEN,
            is_common: None,
        }
    }

    /// Sets the parameters of new hashes.
    pub fn policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Adds a policy of stored hashes that was in use before. Call it for each of them.
    ///
    /// Every login takes the work of the dearest policy, whichever policy the hash has and whether there is
    /// a hash at all, so its time does not tell who has an account. A policy that was cheaper than today's
    /// needs no call. After a *dearer* one was given up, logins with its hashes take longer than others
    /// unless it is added here.
    pub fn older_policy(mut self, older: PasswordPolicy) -> Self {
        self.older = Some(self.older.map_or(older, |other| other.dearer(older)));
        self
    }

    /// Sets the number of hashes that are computed concurrently, from 1 to 1,024. While both wait, logins and
    /// new passwords take turns, so a flood of logins does not keep users from signing up.
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.at_once = at_once.clamp(1, Self::MAX_AT_ONCE);
        self
    }

    /// Sets how many logins wait at most, and how many new passwords, from 1 to 100,000. When more come, the
    /// one that has waited longest fails with [`Error::Busy`](crate::Error::Busy) at once. While more wait
    /// than are computed concurrently, the newest is next.
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue.clamp(1, Self::MAX_QUEUE);
        self
    }

    /// Sets how long a call waits for its turn before it fails with [`Error::Busy`](crate::Error::Busy).
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets what is asked before each login, such as [`TokenBuckets`](super::TokenBuckets).
    pub fn throttle(mut self, throttle: impl LoginThrottle) -> Self {
        self.throttle = Some(Arc::new(throttle));
        self
    }

    /// Sets the smallest number of characters (Unicode code points, after NFKC) of a new password, from 8 to
    /// 256. NIST SP 800-63B asks for 15 where the password is the only factor. Shorter passwords that are
    /// stored already stay valid.
    pub fn min_length(mut self, min: usize) -> Self {
        self.min_length = min.clamp(kind::LoginPassword::MIN_LEN, 256);
        self
    }

    /// Refuses new passwords for which `is_common` is true: those of a list of common or leaked passwords.
    /// It gets the password after NFKC, in the case that was typed, and must not keep it.
    pub fn refuse_common(mut self, is_common: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.is_common = Some(Arc::new(is_common));
        self
    }

    /// The policy of the most work among those of stored hashes. Every login does as much work.
    pub(super) fn dearest(&self) -> PasswordPolicy {
        self.older.map_or(self.policy, |older| older.dearer(self.policy))
    }

    /// Checks a new password.
    pub(super) fn check(&self, password: &LoginPassword) -> Result<(), Invalid> {
        let invalid = |problem| Err(Invalid::new(kind::LoginPassword::NAME, problem));
        let password = normalised(password.expose());
        if password.chars().count() < self.min_length {
            return invalid(Problem::TooShort { min: self.min_length });
        }
        if self.is_common.as_ref().is_some_and(|is_common| is_common(&password)) {
            return invalid(Problem::CommonPassword);
        }
        Ok(())
    }
}

impl Default for PasswordOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordOptions")
            .field("policy", &self.policy)
            .field("older", &self.older)
            .field("at_once", &self.at_once)
            .field("queue", &self.queue)
            .field("wait", &self.wait)
            .field("throttle", &self.throttle)
            .field("min_length", &self.min_length)
            .finish_non_exhaustive()
    }
}
