//! Recording sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use campaign_store::{Clock, EmailAddress, SendOutcome, SystemClock, TrackingId};
use criterion::{Criterion, Throughput};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{DateTime, Document, doc, rawdoc};
use tokio::runtime::Runtime;

use crate::Result;
use crate::contest::{self, Contest, time_ratio};
use crate::world::{self, BATCH, World};

/// Two equal databases: the store writes to one, the driver to the other.
struct Inserting {
    ours: World,
    plain: World,
    our_batches: AtomicU64,
    plain_batches: AtomicU64,
    /// Whether the driver must also count, in a transaction. Then it does all that the store does.
    counting: bool,
}

impl Inserting {
    async fn new(counting: bool) -> Result<Self> {
        let inserting = Self {
            ours: World::new().await?,
            plain: World::new().await?,
            our_batches: AtomicU64::new(0),
            plain_batches: AtomicU64::new(0),
            counting,
        };
        inserting.ours().await?;
        inserting.plain().await?;
        inserting.check_equal().await?;
        Ok(inserting)
    }

    /// The rows that the store makes from the same batch.
    fn rows(&self, batch: u64) -> Result<Vec<RawDocumentBuf>> {
        let now = DateTime::from_chrono(SystemClock.now());
        let campaign = &self.ours.campaign;
        let row = |n| {
            let recipient = EmailAddress::new(world::recipient(n))?;
            #[expect(clippy::disallowed_methods, reason = "as a program without the store does")]
            let id = ObjectId::new();
            Ok(rawdoc! {
                "_id": id,
                "tracking_id": TrackingId::for_send(campaign.id, &recipient, 0).to_string(),
                "campaign_id": campaign.id.to_string(),
                "user_id": campaign.user_id.as_object_id(),
                "mailbox_id": campaign.mailbox_id.as_object_id(),
                "sender_email": self.ours.mailbox.email.as_str(),
                "recipient_email": recipient.as_str(),
                "recipient_name": world::recipient_name(n),
                "subject": campaign.subject.as_str(),
                "message": world::message(n),
                "sent_at": now,
                "opens": 0_i64,
                "clicks": 0_i64,
                "replies": 0_i64,
                "bounced": false,
                "unsubscribed": false,
                "created_at": now,
            })
        };
        world::numbers(batch).map(row).collect()
    }

    /// Checks that both write the same rows.
    async fn check_equal(&self) -> Result<()> {
        let number_0 = doc! { "recipient_email": world::recipient(0) };
        let mut rows = Vec::new();
        for world in [&self.ours, &self.plain] {
            let collection = world.plain.collection::<Document>("email_tracking");
            let mut row = collection.find_one(number_0.clone()).await?.ok_or("the row is missing")?;
            for its_own in ["_id", "sent_at", "created_at"] {
                row.remove(its_own).ok_or("a field is missing")?;
            }
            rows.push(row);
        }
        if rows.first() == rows.last() {
            Ok(())
        } else {
            Err("the store's rows have changed: adapt `rows`".into())
        }
    }

    async fn remove(&self) -> Result<()> {
        self.ours.remove().await?;
        self.plain.remove().await
    }
}

#[async_trait]
impl Contest for Inserting {
    async fn ours(&self) -> Result<Duration> {
        let sends = self.ours.sends(self.our_batches.fetch_add(1, Ordering::Relaxed))?;
        let start = Instant::now();
        let outcomes = self.ours.store.email_tracking.record_sends(sends).await?;
        let time = start.elapsed();
        if outcomes.iter().all(|outcome| *outcome == SendOutcome::Recorded) {
            Ok(time)
        } else {
            Err("not all sends were recorded".into())
        }
    }

    async fn plain(&self) -> Result<Duration> {
        let rows = self.rows(self.plain_batches.fetch_add(1, Ordering::Relaxed))?;
        let collection = self.plain.rows("email_tracking");
        let start = Instant::now();
        if self.counting {
            let added = doc! { "$inc": { "total_sent": i64::try_from(rows.len())? } };
            let mut session = self.plain.plain.client().start_session().await?;
            session.start_transaction().await?;
            collection.insert_many(rows).session(&mut session).await?;
            let campaign = doc! { "campaign_id": self.plain.campaign.id.to_string() };
            self.plain.rows("campaign_metrics").update_one(campaign, added).session(&mut session).await?;
            session.commit_transaction().await?;
        } else {
            collection.insert_many(rows).await?;
        }
        Ok(start.elapsed())
    }
}

/// Our rows per second, relative to those of the driver's `insert_many` alone. The ratio to a driver that
/// counts in a transaction, as the store does, is printed on the way.
pub(crate) async fn ratio() -> Result<f64> {
    const ROUNDS: usize = 60;
    let mut ratio = 0.0;
    for (name, counting) in
        [("batches of 1,000 sends, both counting", true), ("batches of 1,000 sends", false)]
    {
        let inserting = Inserting::new(counting).await?;
        ratio = time_ratio(name, &inserting, ROUNDS).await?;
        inserting.remove().await?;
    }
    Ok(1.0 / ratio)
}

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let inserting = Arc::new(runtime.block_on(runtime.spawn(Inserting::new(false)))??);
    let mut group = criterion.benchmark_group("insert");
    group.sample_size(20).throughput(Throughput::Elements(BATCH));
    contest::bench(&mut group, runtime, "batch", &inserting);
    group.finish();
    runtime.block_on(inserting.remove())
}
