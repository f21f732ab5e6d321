//! Pauses between the attempts of a call.

use std::time::Duration;

/// Pauses that double from one attempt to the next, up to a longest one. Each is a random part of that, so
/// that callers who were in each other's way do not meet again.
#[derive(Debug, Clone)]
pub(crate) struct BackOff {
    next: Duration,
    longest: Duration,
}

impl BackOff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// For callers that change the same record.
    pub(crate) const fn of_conflicts() -> Self {
        Self::new(Duration::from_millis(5), Duration::from_millis(500))
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole.saturating_mul(2);
        // Without randomness the pause is merely longer.
        let part = getrandom::u32().unwrap_or(u32::MAX);
        whole.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds() {
        let mut back_off = BackOff::new(Duration::from_millis(5), Duration::from_millis(12));
        for longest in [5, 10, 12, 12] {
            assert!(back_off.pause() <= Duration::from_millis(longest));
        }
        let mut long = BackOff::new(Duration::MAX, Duration::MAX);
        long.pause();
        long.pause();
    }
}
