//! Reading all e-mails of a campaign.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use campaign_store::TrackingFilter;
use criterion::{Criterion, Throughput};
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use tokio::runtime::Runtime;

use crate::Result;
use crate::contest::{self, Contest, time_ratio};
use crate::world::{BATCH, World};

const ROWS: u64 = 100_000;

pub(crate) struct Streaming {
    pub(crate) world: World,
}

impl Streaming {
    pub(crate) async fn new() -> Result<Self> {
        let world = World::new().await?;
        for batch in 0..ROWS / BATCH {
            world.store.email_tracking.record_sends(world.sends(batch)?).await?;
        }
        Ok(Self { world })
    }
}

#[async_trait]
impl Contest for Streaming {
    async fn ours(&self) -> Result<Duration> {
        let start = Instant::now();
        let filter = TrackingFilter::campaign(self.world.campaign.id);
        let mut rows = self.world.store.email_tracking.stream(&filter).await?;
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            black_box(&row);
            count += 1;
        }
        all_of(count, start)
    }

    async fn plain(&self) -> Result<Duration> {
        let start = Instant::now();
        let filter = doc! { "campaign_id": self.world.campaign.id.to_string() };
        let mut rows = self.world.rows("email_tracking").find(filter).await?;
        let (mut count, mut bytes) = (0, 0);
        while rows.advance().await? {
            bytes += rows.current().as_bytes().len();
            count += 1;
        }
        black_box(bytes);
        all_of(count, start)
    }
}

pub(crate) fn all_of(count: u64, start: Instant) -> Result<Duration> {
    let time = start.elapsed();
    if count == ROWS { Ok(time) } else { Err("rows are missing".into()) }
}

/// Our rows per second, relative to the driver's.
pub(crate) async fn ratio() -> Result<f64> {
    const ROUNDS: usize = 24;
    let streaming = Streaming::new().await?;
    let ratio = time_ratio("stream of 100,000 rows", &streaming, ROUNDS).await?;
    streaming.world.remove().await?;
    Ok(1.0 / ratio)
}

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let streaming = Arc::new(runtime.block_on(Streaming::new())?);
    let mut group = criterion.benchmark_group("stream");
    group.sample_size(10).throughput(Throughput::Elements(ROWS));
    contest::bench(&mut group, runtime, "campaign", &streaming);
    group.finish();
    runtime.block_on(streaming.world.remove())
}
