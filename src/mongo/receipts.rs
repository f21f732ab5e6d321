//! The provider event ids that were seen.

use std::collections::HashSet;

use bson::doc;
use chrono::{DateTime, TimeDelta, Utc};

use super::connection::Connection;
use super::error::{DriverResult, duplicates_of};
use super::table::{Session, each};
use crate::clock::{Clock, SystemClock};
use crate::document::bookkeeping::{receipt, receipts};
use crate::document::field;

/// The index that refuses a second receipt.
const RECEIPT_ID: &str = "_id_";

impl Connection {
    /// Those of `wanted` that are there.
    pub(super) async fn seen_receipts(
        &self,
        session: Session<'_>,
        wanted: &[String],
    ) -> DriverResult<HashSet<String>> {
        let mut seen = HashSet::new();
        if wanted.is_empty() {
            return Ok(seen);
        }
        let find = self.event_receipts.raw.find(receipts(wanted).to_filter()).projection(doc! { "_id": 1 });
        each(session, find, |row| {
            seen.extend(row.get_str(field::ID.as_str()).ok().map(str::to_owned));
            Ok(())
        })
        .await?;
        Ok(seen)
    }

    /// Writes receipts, and says which were there already. In a transaction that is an error.
    pub(super) async fn write_receipts(
        &self,
        session: Session<'_>,
        new: &[String],
    ) -> DriverResult<HashSet<String>> {
        if new.is_empty() {
            return Ok(HashSet::new());
        }
        let expiry = self.receipt_expiry();
        let insert =
            self.event_receipts.raw.insert_many(new.iter().map(|id| receipt(id, expiry))).ordered(false);
        let is_alone = session.is_none();
        let inserted = match session {
            Some(session) => insert.session(session).await,
            None => insert.await,
        };
        let Err(error) = inserted else { return Ok(HashSet::new()) };
        match duplicates_of(&error, RECEIPT_ID) {
            Some(places) if is_alone => {
                Ok(places.into_iter().filter_map(|place| new.get(place)).cloned().collect())
            }
            _ => Err(error),
        }
    }

    /// Takes back receipts of events that were not recorded.
    pub(super) async fn remove_receipts(&self, written: &[String]) -> DriverResult<()> {
        if !written.is_empty() {
            self.event_receipts.raw.delete_many(receipts(written).to_filter()).await?;
        }
        Ok(())
    }

    /// By the time of the machine, whatever the clock of the store: the database has no other.
    fn receipt_expiry(&self) -> DateTime<Utc> {
        let lifetime = TimeDelta::from_std(self.receipt_lifetime).unwrap_or(TimeDelta::MAX);
        SystemClock.now().checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
