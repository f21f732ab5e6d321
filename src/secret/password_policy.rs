//! The cost of a password hash.

use crate::error::{Invalid, Problem};

/// The parameters of argon2id for new hashes.
///
/// The default is that of the OWASP Password Storage Cheat Sheet: 19 MiB of memory, 2 passes, 1 lane.
/// Hashes with fewer passes or less memory are replaced when their users log in.
///
/// ```
/// use campaign_store::PasswordPolicy;
///
/// assert_eq!(PasswordPolicy::new(19 * 1024, 2, 1)?, PasswordPolicy::default());
/// assert!(PasswordPolicy::new(1024, 1, 1).is_err()); // weaker than OWASP recommends
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct PasswordPolicy {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl PasswordPolicy {
    /// OWASP's parameters, the weakest that [`new`](Self::new) allows: 19 MiB, 2 passes, 1 lane.
    pub const OWASP: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// A stronger policy, for servers with enough memory: 64 MiB, 3 passes, 1 lane.
    pub const STRONG: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    const MAX_MEMORY_KIB: u32 = 256 * 1024;
    const MAX_PASSES: u32 = 16;
    const MAX_LANES: u32 = 4;

    /// A policy with other parameters: `memory_kib` from 19,456 to 262,144 KiB (256 MiB), `passes` from 2
    /// to 16, and `lanes` from 1 to 4.
    ///
    /// # Errors
    /// [`Problem::OutOfRange`] when a parameter is out of these bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Invalid> {
        let within = |field, value: u32, min: u32, max: u32| {
            if (min..=max).contains(&value) {
                return Ok(());
            }
            Err(Invalid::new(field, Problem::OutOfRange { min: min.into(), max: max.into() }))
        };
        within("memory_kib", memory_kib, Self::OWASP.memory_kib, Self::MAX_MEMORY_KIB)?;
        within("passes", passes, Self::OWASP.passes, Self::MAX_PASSES)?;
        within("lanes", lanes, Self::OWASP.lanes, Self::MAX_LANES)?;
        Ok(Self { memory_kib, passes, lanes })
    }

    /// A policy with almost no work, for tests. Its hashes protect nothing.
    pub const fn insecure_for_tests() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// Whether a stored hash with these parameters may be computed. Somebody who can write to the database
    /// must not be able to cause unbounded work, or none at all.
    pub(super) fn may_be_computed(self) -> bool {
        (8 * self.lanes..=Self::MAX_MEMORY_KIB).contains(&self.memory_kib)
            && (1..=Self::MAX_PASSES).contains(&self.passes)
            && (1..=Self::MAX_LANES).contains(&self.lanes)
    }

    /// The work of a hash: memory times passes, in KiB. Lanes only divide it.
    pub(super) fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// The policy of more work.
    pub(super) fn dearer(self, other: Self) -> Self {
        if other.work() > self.work() { other } else { self }
    }

    /// Parameters of the work that this policy takes beyond that of `done`, with no more memory. `None` if
    /// there is none worth doing.
    pub(super) fn without(self, done: Self) -> Option<Self> {
        const SMALLEST: u64 = 8;
        let missing = self.work().saturating_sub(done.work());
        let passes = missing.div_ceil(self.memory_kib.into());
        let memory_kib = missing.checked_div(passes)? + u64::from(!missing.is_multiple_of(passes));
        (missing >= SMALLEST).then_some(Self {
            memory_kib: u32::try_from(memory_kib.max(SMALLEST)).ok()?,
            passes: u32::try_from(passes).ok()?,
            lanes: 1,
        })
    }

    /// Whether hashes of `other` should be replaced: they take less work in some way, and more in none.
    pub(super) fn outgrows(self, other: Self) -> bool {
        self != other && self.memory_kib >= other.memory_kib && self.passes >= other.passes
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self::OWASP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_bounded() {
        assert_eq!(PasswordPolicy::new(19_456, 2, 1), Ok(PasswordPolicy::OWASP));
        for (memory, passes, lanes) in
            [(19_455, 2, 1), (19_456, 1, 1), (19_456, 2, 0), (262_145, 2, 1), (19_456, 17, 1), (19_456, 2, 5)]
        {
            assert!(PasswordPolicy::new(memory, passes, lanes).is_err(), "{memory} {passes} {lanes}");
        }
    }

    #[test]
    fn missing_work_is_made_up_with_no_more_memory() {
        let policy = |memory_kib, passes| PasswordPolicy { memory_kib, passes, lanes: 1 };
        for (dearest, done) in [
            (PasswordPolicy::STRONG, PasswordPolicy::OWASP),
            (PasswordPolicy::STRONG, policy(8, 1)),
            (PasswordPolicy::OWASP, policy(19 * 1024, 1)),
            (policy(40, 2), policy(71, 1)),
            (policy(262_144, 16), policy(8, 1)),
        ] {
            let rest = dearest.without(done).unwrap();
            let both = done.work() + rest.work();
            assert!((dearest.work()..dearest.work() + 16).contains(&both), "{dearest:?} {done:?}: {rest:?}");
            assert!(rest.may_be_computed() && rest.memory_kib <= dearest.memory_kib, "{rest:?}");
        }
        assert_eq!(PasswordPolicy::OWASP.without(PasswordPolicy::OWASP), None);
        assert_eq!(PasswordPolicy::OWASP.without(PasswordPolicy::STRONG), None);
        assert_eq!(policy(40, 2).without(policy(79, 1)), None, "not worth a hash");
    }

    #[test]
    fn a_hash_is_only_replaced_by_a_stronger_one() {
        let (owasp, strong) = (PasswordPolicy::OWASP, PasswordPolicy::STRONG);
        assert!(strong.outgrows(owasp));
        assert!(!owasp.outgrows(strong) && !owasp.outgrows(owasp));
        let more_passes = PasswordPolicy { passes: 4, ..owasp };
        assert!(!strong.outgrows(more_passes), "more in one way, less in another");
    }
}
