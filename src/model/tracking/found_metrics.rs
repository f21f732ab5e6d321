//! The metrics that a batch changes.

use std::collections::{BTreeMap, HashMap};

use super::TotalsDelta;
use crate::error::{Error, Result};
use crate::model::{CampaignId, CampaignMetrics};

/// The metrics of those campaigns that exist, or why they cannot be read.
#[derive(Debug, Default)]
pub(crate) struct FoundMetrics(HashMap<CampaignId, Result<CampaignMetrics>>);

impl FoundMetrics {
    pub(crate) fn insert(&mut self, id: CampaignId, metrics: Result<CampaignMetrics>) {
        self.0.insert(id, metrics);
    }

    /// Whether the campaign exists.
    ///
    /// # Errors
    /// When its metrics cannot be read, so that nothing can be counted in them.
    pub(crate) fn exists(&self, id: CampaignId) -> Result<bool> {
        match self.0.get(&id) {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(false),
        }
    }

    pub(crate) fn error_of(&self, id: CampaignId) -> Option<&Error> {
        self.0.get(&id)?.as_ref().err()
    }

    /// How many can be changed.
    #[cfg(feature = "mongo")]
    pub(crate) fn readable(&self) -> usize {
        self.0.values().filter(|metrics| metrics.is_ok()).count()
    }

    /// Those that can be changed, each with its change.
    pub(crate) fn with<'a>(
        &'a self,
        deltas: &'a BTreeMap<CampaignId, TotalsDelta>,
    ) -> impl Iterator<Item = (&'a CampaignMetrics, TotalsDelta)> {
        deltas.iter().filter_map(|(id, delta)| Some((self.0.get(id)?.as_ref().ok()?, *delta)))
    }
}
