//! Locks that prevent conflicts between callers of one process.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::CampaignId;

/// Concurrent transactions that change the metrics of one campaign would have to retry repeatedly; here they
/// wait for each other instead. The database handles conflicts with other processes.
#[derive(Debug)]
pub(in crate::mongo) struct CampaignLocks([Mutex<()>; Self::NUMBER]);

impl CampaignLocks {
    /// Enough that campaigns seldom share one.
    const NUMBER: usize = 64;

    pub(in crate::mongo) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// Waits until nobody holds these campaigns. All callers take the locks in the same order, so they cannot
    /// deadlock.
    pub(in crate::mongo) async fn lock(
        &self,
        campaigns: impl Iterator<Item = CampaignId>,
    ) -> Vec<MutexGuard<'_, ()>> {
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
