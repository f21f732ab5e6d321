//! The provider event ids and the keys of recipients seen so far.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bson::doc;
use chrono::{DateTime, TimeDelta, Utc};
use mongodb::{ClientSession, Database};

use crate::clock::{Clock, SystemClock};
use crate::collection::Collection;
use crate::document::Query;
use crate::document::bookkeeping::{all_former_receipts, former_receipts, receipt, receipt_of, receipts};
use crate::model::{Receipt, TrackingEvent};
use crate::mongo::link::error::DriverResult;
use crate::mongo::link::table::{Table, each};

/// More than the number of receipts of a step.
const WHOLE_STEP: u32 = 2_000;

/// The receipts of a database.
#[derive(Debug)]
pub(in crate::mongo) struct Receipts {
    table: Table,
    lifetime: Duration,
    /// For how many more steps repeats are expected.
    expecting: AtomicU32,
    /// Whether there may be receipts of version 0.1.
    has_former: AtomicBool,
}

impl Receipts {
    /// For how many steps after a repeat the next one is expected.
    const EXPECTED: u32 = 32;

    /// Receipts that the database keeps for this long.
    pub(in crate::mongo) fn new(database: &Database, lifetime: Duration) -> Self {
        Self {
            table: Table::new(database, Collection::EventReceipts),
            lifetime,
            expecting: AtomicU32::new(0),
            has_former: AtomicBool::new(true),
        }
    }

    /// Whether events were repeated lately. If not, nearly all receipts are new, and looking them up first
    /// would cost more than a retry now and then: the `_id` index refuses what is not new.
    pub(super) fn expects_repeats(&self) -> bool {
        self.expecting.load(Ordering::Relaxed) > 0
    }

    /// Notes whether a step had repeats.
    pub(super) fn note(&self, repeats: bool) {
        let next = |left: u32| Some(if repeats { Self::EXPECTED } else { left.saturating_sub(1) });
        let _ = self.expecting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// The existing receipts of these events. Without `look_up`, only those of version 0.1.
    pub(super) async fn seen(
        &self,
        session: &mut ClientSession,
        events: impl Iterator<Item = &TrackingEvent> + Clone + Send,
        look_up: bool,
    ) -> DriverResult<HashSet<Receipt>> {
        let mut seen = HashSet::new();
        let wanted: Vec<_> = events.clone().filter_map(TrackingEvent::receipt).collect();
        if wanted.is_empty() {
            return Ok(seen);
        }
        if look_up {
            self.find(&mut *session, &receipts(&wanted), &mut seen).await?;
        }
        if self.has_former.load(Ordering::Relaxed) {
            if self.table.any(Some(&mut *session), &all_former_receipts()).await? {
                let former: Vec<_> = events.filter_map(TrackingEvent::former_receipt).collect();
                let former = former_receipts(former.iter().map(String::as_str));
                self.find(session, &former, &mut seen).await?;
            } else {
                // They only expire.
                self.has_former.store(false, Ordering::Relaxed);
            }
        }
        Ok(seen)
    }

    async fn find(
        &self,
        session: &mut ClientSession,
        query: &Query,
        seen: &mut HashSet<Receipt>,
    ) -> DriverResult<()> {
        let find = self.table.find(query.to_filter()).projection(doc! { "_id": 1 });
        // All in one reply: by default the server would return only the first hundred.
        each(Some(session), find.batch_size(WHOLE_STEP), |row| {
            seen.extend(receipt_of(row));
            Ok(())
        })
        .await
    }

    /// Whether there is this receipt.
    pub(in crate::mongo) async fn contains(
        &self,
        session: &mut ClientSession,
        wanted: &Receipt,
    ) -> DriverResult<bool> {
        self.table.any(Some(session), &receipts([wanted])).await
    }

    /// Writes receipts.
    pub(in crate::mongo) async fn write(
        &self,
        session: &mut ClientSession,
        new: impl Iterator<Item = &Receipt> + Send,
    ) -> DriverResult<()> {
        let expiry = self.expiry();
        let receipts: Vec<_> = new.map(|new| receipt(new, expiry)).collect();
        if !receipts.is_empty() {
            self.table.unscoped().insert_many(receipts).session(session).await?;
        }
        Ok(())
    }

    /// The time of the machine, whatever the clock of the store: the database has no other.
    fn expiry(&self) -> DateTime<Utc> {
        let lifetime = TimeDelta::from_std(self.lifetime).unwrap_or(TimeDelta::MAX);
        SystemClock.now().checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
