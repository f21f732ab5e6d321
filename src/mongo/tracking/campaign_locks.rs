//! Keeping callers of one process out of each other's way.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::CampaignId;

/// Transactions that change the metrics of one campaign at once would have to be tried again and
/// again; here they wait for each other instead. Other processes are kept away by the database.
#[derive(Debug)]
pub(in crate::mongo) struct CampaignLocks([Mutex<()>; Self::NUMBER]);

impl CampaignLocks {
    /// Enough for campaigns to seldom share one.
    const NUMBER: usize = 64;

    pub(in crate::mongo) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// Waits until nobody holds these campaigns. Everybody takes the locks in the same order, so that
    /// nobody waits for somebody who waits.
    pub(super) async fn lock(&self, campaigns: impl Iterator<Item = CampaignId>) -> Vec<MutexGuard<'_, ()>> {
        let places: BTreeSet<_> = campaigns.map(place).collect();
        let mut held = Vec::with_capacity(places.len());
        for place in places {
            if let Some(lock) = self.0.get(place) {
                held.push(lock.lock().await);
            }
        }
        held
    }
}

fn place(campaign: CampaignId) -> usize {
    let mut hasher = DefaultHasher::new();
    campaign.hash(&mut hasher);
    usize::try_from(hasher.finish() % CampaignLocks::NUMBER as u64).unwrap_or_default()
}
