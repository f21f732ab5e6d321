//! Metrics against the tracking rows that they sum up.

use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::error::DriverResult;
use crate::document::bookkeeping::{mark, mark_id};
use crate::document::{Query, field};
use crate::model::CampaignId;

impl Connection {
    /// Marks campaigns whose metrics lag until they are counted.
    pub(super) async fn mark(
        &self,
        campaigns: impl Iterator<Item = CampaignId>,
        now: DateTime<Utc>,
    ) -> DriverResult<Vec<String>> {
        let marks: Vec<_> = campaigns.map(mark_id).collect();
        if !marks.is_empty() {
            self.recount_marks.raw.insert_many(marks.iter().map(|id| mark(id, now))).await?;
        }
        Ok(marks)
    }

    pub(super) async fn unmark(&self, marks: Vec<String>) -> DriverResult<()> {
        if !marks.is_empty() {
            self.recount_marks.raw.delete_many(Query::all().one_of(field::ID, marks).to_filter()).await?;
        }
        Ok(())
    }
}
