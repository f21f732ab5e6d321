use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::LoginId;

/// Decides which attempts to log in are worth the work, before anything is looked up or hashed.
///
/// Without one, a flood of wrong logins takes the hashing capacity that the right ones need. Pass it to
/// [`PasswordOptions::throttle`](super::PasswordOptions::throttle). [`TokenBuckets`](super::TokenBuckets) is
/// a simple one for a single process. Implement the trait to share the counts of many processes, for
/// instance in Redis; then bound the time of the call, and decide what it answers while that store is away.
///
/// ```
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use campaign_store::{LoginId, LoginThrottle, MemoryStore, PasswordOptions};
///
/// /// Nobody may log in during maintenance.
/// #[derive(Debug)]
/// struct Maintenance;
///
/// #[async_trait]
/// impl LoginThrottle for Maintenance {
///     async fn admit(&self, _: &LoginId, _: Option<&str>) -> Result<(), Duration> {
///         Err(Duration::from_secs(600))
///     }
/// }
///
/// let store = MemoryStore::new().with_passwords(PasswordOptions::new().throttle(Maintenance));
/// ```
#[async_trait]
pub trait LoginThrottle: Debug + Send + Sync + 'static {
    /// Whether an attempt may go on. `login_id` is in the form in which login ids are compared, and need not
    /// be anybody's. `caller` is what the service said of the caller, see
    /// [`LoginAttempt::caller`](crate::LoginAttempt::caller).
    ///
    /// The answer must not depend on whether the login id exists.
    ///
    /// # Errors
    /// The time after which to try again. The login fails with [`Error::Throttled`](crate::Error::Throttled).
    async fn admit(&self, login_id: &LoginId, caller: Option<&str>) -> Result<(), Duration>;

    /// Told of every attempt whose password was right. The default does nothing.
    async fn succeeded(&self, login_id: &LoginId, caller: Option<&str>) {
        let _ = (login_id, caller);
    }
}
