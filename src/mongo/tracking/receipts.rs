//! The provider event ids seen so far.

use std::collections::HashSet;
use std::time::Duration;

use bson::doc;
use chrono::{DateTime, TimeDelta, Utc};
use mongodb::{ClientSession, Database};

use crate::clock::{Clock, SystemClock};
use crate::collection::Collection;
use crate::document::ID;
use crate::document::bookkeeping::{receipt, receipts};
use crate::mongo::link::error::DriverResult;
use crate::mongo::link::table::{Table, each};

/// The receipts of a database.
#[derive(Debug, Clone)]
pub(in crate::mongo) struct Receipts {
    table: Table,
    lifetime: Duration,
}

impl Receipts {
    /// Receipts that the database keeps for this long.
    pub(in crate::mongo) fn new(database: &Database, lifetime: Duration) -> Self {
        Self { table: Table::new(database, Collection::EventReceipts), lifetime }
    }

    /// The existing ones among the `wanted` receipts.
    pub(super) async fn seen(
        &self,
        session: &mut ClientSession,
        wanted: &[String],
    ) -> DriverResult<HashSet<String>> {
        let mut seen = HashSet::new();
        if wanted.is_empty() {
            return Ok(seen);
        }
        let find = self.table.raw.find(receipts(wanted).to_filter()).projection(doc! { "_id": 1 });
        each(Some(session), find, |row| {
            seen.extend(row.get_str(ID.as_str()).ok().map(str::to_owned));
            Ok(())
        })
        .await?;
        Ok(seen)
    }

    /// Writes receipts.
    pub(super) async fn write(&self, session: &mut ClientSession, new: &[String]) -> DriverResult<()> {
        if !new.is_empty() {
            let expiry = self.expiry();
            let receipts = new.iter().map(|id| receipt(id, expiry));
            self.table.raw.insert_many(receipts).session(session).await?;
        }
        Ok(())
    }

    /// The time of the machine, whatever the clock of the store: the database has no other.
    fn expiry(&self) -> DateTime<Utc> {
        let lifetime = TimeDelta::from_std(self.lifetime).unwrap_or(TimeDelta::MAX);
        SystemClock.now().checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
