//! The provider event ids seen so far.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::Receipt;
use crate::schema::RECEIPT_LIFETIME;

/// The receipts, each kept until it expires.
#[derive(Default)]
pub(super) struct Receipts {
    expiries: HashMap<Receipt, DateTime<Utc>>,
    by_expiry: BTreeSet<(DateTime<Utc>, Receipt)>,
}

impl Receipts {
    pub(super) fn contains(&self, receipt: &Receipt) -> bool {
        self.expiries.contains_key(receipt)
    }

    pub(super) fn insert(&mut self, receipt: Receipt, now: DateTime<Utc>) {
        let lifetime = TimeDelta::from_std(RECEIPT_LIFETIME).unwrap_or(TimeDelta::MAX);
        let expiry = now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.by_expiry.insert((expiry, receipt));
        self.expiries.insert(receipt, expiry);
    }

    /// Removes expired receipts.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) {
        while let Some((expiry, _)) = self.by_expiry.first()
            && *expiry <= now
            && let Some((_, receipt)) = self.by_expiry.pop_first()
        {
            self.expiries.remove(&receipt);
        }
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipts").field("len", &self.expiries.len()).finish_non_exhaustive()
    }
}
