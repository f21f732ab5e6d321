use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::LoginThrottle;
use crate::model::LoginId;

/// A [`LoginThrottle`] in memory: token buckets for each login id and for each caller.
///
/// An attempt takes a token of its login id and one of its caller, and is refused if either has none. A right
/// password gives both back, so only wrong ones count, and an office behind one address can log in. By
/// default a login id has 10 tokens and gets one back every 10 seconds; a caller has 50 and gets one back
/// every second.
///
/// A caller that has logged in with a login id has tokens of its own for it. So an attacker who uses up those
/// of a login id does not lock its owner out where the owner has logged in before.
///
/// It keeps hashes of at most 100,000 login ids, callers and pairs each, and forgets those whose tokens are
/// all back. Further ones are admitted without a count; the queue of
/// [`PasswordOptions::queue`](super::PasswordOptions::queue) still bounds the work. Each process counts for
/// itself.
///
/// ```
/// use std::time::Duration;
///
/// use campaign_store::{PasswordOptions, TokenBuckets};
///
/// let throttle = TokenBuckets::new().by_login_id(5, Duration::from_secs(60));
/// let options = PasswordOptions::new().throttle(throttle);
/// ```
#[must_use]
pub struct TokenBuckets {
    login_ids: Buckets,
    callers: Buckets,
    pairs: Buckets,
    hasher: RandomState,
}

impl TokenBuckets {
    /// Buckets with the defaults.
    pub fn new() -> Self {
        let by_login_id = Rate { burst: 10, every: Duration::from_secs(10) };
        Self {
            login_ids: Buckets::new(by_login_id),
            callers: Buckets::new(Rate { burst: 50, every: Duration::from_secs(1) }),
            pairs: Buckets::new(by_login_id),
            hasher: RandomState::new(),
        }
    }

    /// Sets the tokens of a login id, at least 1, and the time in which one comes back.
    pub fn by_login_id(mut self, burst: u32, every: Duration) -> Self {
        let rate = Rate { burst: burst.max(1), every };
        (self.login_ids, self.pairs) = (Buckets::new(rate), Buckets::new(rate));
        self
    }

    /// Sets the tokens of a caller, at least 1, and the time in which one comes back.
    pub fn by_caller(mut self, burst: u32, every: Duration) -> Self {
        self.callers = Buckets::new(Rate { burst: burst.max(1), every });
        self
    }

    /// The bucket of the login id: one of its own for a caller that has logged in with it before.
    fn of_login_id(&self, login_id: &LoginId, caller: Option<&str>) -> (&Buckets, u64) {
        let pair = self.hasher.hash_one((login_id.as_str(), caller));
        if caller.is_some() && self.pairs.knows(pair) {
            return (&self.pairs, pair);
        }
        (&self.login_ids, self.hasher.hash_one(login_id.as_str()))
    }
}

impl Default for TokenBuckets {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuckets")
            .field("by_login_id", &self.login_ids.rate)
            .field("by_caller", &self.callers.rate)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LoginThrottle for TokenBuckets {
    async fn admit(&self, login_id: &LoginId, caller: Option<&str>) -> Result<(), Duration> {
        let now = Instant::now();
        // The caller first: its attempts beyond its own limit take nothing from a login id.
        if let Some(caller) = caller {
            self.callers.take(self.hasher.hash_one(caller), now)?;
        }
        let (buckets, key) = self.of_login_id(login_id, caller);
        buckets.take(key, now)
    }

    async fn succeeded(&self, login_id: &LoginId, caller: Option<&str>) {
        let (buckets, key) = self.of_login_id(login_id, caller);
        buckets.give_back(key);
        if let Some(caller) = caller {
            self.callers.give_back(self.hasher.hash_one(caller));
            self.pairs.add(self.hasher.hash_one((login_id.as_str(), Some(caller))), Instant::now());
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    /// The time in which a token comes back.
    every: Duration,
}

/// Buckets by the hashes of their names.
struct Buckets {
    rate: Rate,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    buckets: HashMap<u64, Bucket>,
    /// When those whose tokens are all back were last forgotten.
    tidied: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    const MAX: usize = 100_000;

    fn new(rate: Rate) -> Self {
        Self { rate, kept: Mutex::default() }
    }

    fn knows(&self, key: u64) -> bool {
        self.with(|kept| kept.buckets.contains_key(&key))
    }

    /// Takes a token, or says when there is one again.
    fn take(&self, key: u64, now: Instant) -> Result<(), Duration> {
        self.with(|kept| {
            let Some(bucket) = self.bucket(kept, key, now) else { return Ok(()) };
            bucket.tokens = self.rate.tokens(*bucket, now);
            bucket.at = now;
            if bucket.tokens < 1.0 {
                return Err(self.rate.every.mul_f64(1.0 - bucket.tokens));
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
    }

    fn give_back(&self, key: u64) {
        self.with(|kept| {
            if let Some(bucket) = kept.buckets.get_mut(&key) {
                bucket.tokens += 1.0;
            }
        });
    }

    fn add(&self, key: u64, now: Instant) {
        self.with(|kept| {
            self.bucket(kept, key, now);
        });
    }

    /// The bucket of this key, a full one if it is new. `None` if there is no room.
    fn bucket<'a>(&self, kept: &'a mut Kept, key: u64, now: Instant) -> Option<&'a mut Bucket> {
        /// Looking at all buckets takes about a millisecond.
        const TIDY_EVERY: Duration = Duration::from_secs(1);
        if kept.buckets.len() >= Self::MAX && !kept.buckets.contains_key(&key) {
            if kept.tidied.is_none_or(|at| now.duration_since(at) >= TIDY_EVERY) {
                kept.tidied = Some(now);
                let full = f64::from(self.rate.burst);
                kept.buckets.retain(|_, bucket| self.rate.tokens(*bucket, now) < full);
            }
            if kept.buckets.len() >= Self::MAX {
                return None;
            }
        }
        Some(kept.buckets.entry(key).or_insert(Bucket { tokens: self.rate.burst.into(), at: now }))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rate {
    /// The tokens that a bucket has at `now`.
    fn tokens(self, bucket: Bucket, now: Instant) -> f64 {
        let (passed, every) = (now.duration_since(bucket.at).as_secs_f64(), self.every.as_secs_f64());
        let back = if every > 0.0 { passed / every } else { f64::INFINITY };
        (bucket.tokens + back).min(self.burst.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn buckets() -> TokenBuckets {
        TokenBuckets::new().by_login_id(3, 10 * SECOND).by_caller(5, SECOND)
    }

    async fn admits(buckets: &TokenBuckets, login_id: &str, caller: Option<&str>) -> Result<(), Duration> {
        buckets.admit(&LoginId::new(login_id).unwrap(), caller).await
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_logins_use_up_the_tokens_of_their_login_id_which_come_back() {
        let buckets = buckets();
        for _ in 0..3 {
            assert_eq!(admits(&buckets, "ada", None).await, Ok(()));
        }
        assert_eq!(admits(&buckets, "ada", None).await, Err(10 * SECOND));
        assert_eq!(admits(&buckets, "bob", None).await, Ok(()), "of another login id");
        tokio::time::advance(10 * SECOND).await;
        assert_eq!(admits(&buckets, "ada", None).await, Ok(()));
        assert_eq!(admits(&buckets, "ada", None).await, Err(10 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_logins_use_up_the_tokens_of_their_caller() {
        let buckets = buckets();
        for n in 0..5 {
            assert_eq!(admits(&buckets, &format!("user{n}"), Some("192.0.2.1")).await, Ok(()));
        }
        assert_eq!(admits(&buckets, "ada", Some("192.0.2.1")).await, Err(SECOND));
        assert_eq!(admits(&buckets, "ada", Some("192.0.2.2")).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn right_logins_use_up_nothing() {
        let buckets = buckets();
        let ada = LoginId::new("ada").unwrap();
        for _ in 0..100 {
            assert_eq!(buckets.admit(&ada, Some("192.0.2.1")).await, Ok(()));
            buckets.succeeded(&ada, Some("192.0.2.1")).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_locked_out_where_they_have_logged_in_before() {
        let buckets = buckets();
        let ada = LoginId::new("ada").unwrap();
        buckets.succeeded(&ada, Some("at home")).await;
        for n in 0..9 {
            let _ = buckets.admit(&ada, Some(&format!("attacker {n}"))).await;
        }
        assert!(admits(&buckets, "ada", Some("elsewhere")).await.is_err());
        assert_eq!(admits(&buckets, "ada", Some("at home")).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_what_is_whole_again_is_forgotten() {
        let buckets = buckets();
        let len = || buckets.login_ids.with(|kept| kept.buckets.len());
        let now = Instant::now();
        for key in 0..u64::try_from(Buckets::MAX).unwrap() + 9 {
            assert_eq!(buckets.login_ids.take(key, now), Ok(()));
        }
        assert_eq!(len(), Buckets::MAX);
        assert_eq!(buckets.login_ids.take(0, now), Ok(()), "counted still");
        tokio::time::advance(30 * SECOND).await;
        assert_eq!(admits(&buckets, "ada", None).await, Ok(()));
        assert_eq!(len(), 1);
    }
}
