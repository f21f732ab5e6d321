//! The provider event ids that were seen.

use std::collections::HashSet;

use bson::doc;
use chrono::{DateTime, TimeDelta, Utc};
use mongodb::ClientSession;

use super::connection::Connection;
use super::error::DriverResult;
use super::table::each;
use crate::clock::{Clock, SystemClock};
use crate::document::ID;
use crate::document::bookkeeping::{receipt, receipts};

impl Connection {
    /// Those of `wanted` that are there.
    pub(super) async fn seen_receipts(
        &self,
        session: &mut ClientSession,
        wanted: &[String],
    ) -> DriverResult<HashSet<String>> {
        let mut seen = HashSet::new();
        if wanted.is_empty() {
            return Ok(seen);
        }
        let find = self.event_receipts.raw.find(receipts(wanted).to_filter()).projection(doc! { "_id": 1 });
        each(Some(session), find, |row| {
            seen.extend(row.get_str(ID.as_str()).ok().map(str::to_owned));
            Ok(())
        })
        .await?;
        Ok(seen)
    }

    /// Writes receipts.
    pub(super) async fn write_receipts(
        &self,
        session: &mut ClientSession,
        new: &[String],
    ) -> DriverResult<()> {
        if !new.is_empty() {
            let expiry = self.receipt_expiry();
            let receipts = new.iter().map(|id| receipt(id, expiry));
            self.event_receipts.raw.insert_many(receipts).session(session).await?;
        }
        Ok(())
    }

    /// By the time of the machine, whatever the clock of the store: the database has no other.
    fn receipt_expiry(&self) -> DateTime<Utc> {
        let lifetime = TimeDelta::from_std(self.receipt_lifetime).unwrap_or(TimeDelta::MAX);
        SystemClock.now().checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
