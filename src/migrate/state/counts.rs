use std::collections::BTreeMap;
use std::ops::AddAssign;

use bson::Bson;
use serde::{Deserialize, Serialize};

use crate::migrate::Repair;

/// What the mapping made of documents: a function of the old documents alone, so that counting a batch
/// again gives the same numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Documents that were read.
    pub(crate) read: u64,
    /// Those that are taken over as they are.
    pub(crate) as_is: u64,
    /// Those that are taken over with a change, each under the reason that it counts under.
    pub(crate) repaired: BTreeMap<Repair, u64>,
}

impl Counts {
    /// Counts a document that is taken over, under the first of its repairs.
    pub(crate) fn take(&mut self, repair: Option<Repair>) {
        *self.of(repair) += 1;
    }

    /// Takes back a document that was counted.
    pub(crate) fn take_back(&mut self, repair: Option<Repair>, number: u64) {
        let count = self.of(repair);
        *count = count.saturating_sub(number);
        self.repaired.retain(|_, count| *count > 0);
    }

    /// Documents that are taken over.
    pub(crate) fn taken(&self) -> u64 {
        self.as_is + self.repaired.values().sum::<u64>()
    }

    fn of(&mut self, repair: Option<Repair>) -> &mut u64 {
        match repair {
            None => &mut self.as_is,
            Some(repair) => self.repaired.entry(repair).or_default(),
        }
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.read += other.read;
        self.as_is += other.as_is;
        for (repair, count) in &other.repaired {
            *self.repaired.entry(*repair).or_default() += count;
        }
    }
}

/// A count as it is stored.
pub(crate) fn stored(count: u64) -> Bson {
    Bson::Int64(i64::try_from(count).unwrap_or(i64::MAX))
}

/// How many there are.
pub(crate) fn number_of(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}
