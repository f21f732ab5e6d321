//! Single reads and writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use campaign_store::{Clock, SystemClock};
use criterion::Criterion;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ReturnDocument;
use tokio::runtime::Runtime;

use crate::Result;
use crate::contest::{self, Contest, time_ratio};
use crate::world::World;

const MISSING: &str = "the record is missing";

#[derive(Debug, Clone, Copy)]
enum Command {
    GetUser,
    FindUserByLoginId,
    GetCampaign,
    TouchMailbox,
    PauseAndResumeCampaign,
}

impl Command {
    const ALL: [Self; 5] = [
        Self::GetUser,
        Self::FindUserByLoginId,
        Self::GetCampaign,
        Self::TouchMailbox,
        Self::PauseAndResumeCampaign,
    ];

    /// How many repetitions a turn has: they take about as long as the disk needs for a few writes.
    const fn repeats(self) -> u32 {
        match self {
            Self::GetUser | Self::FindUserByLoginId | Self::GetCampaign => 100,
            Self::TouchMailbox | Self::PauseAndResumeCampaign => 10,
        }
    }
}

struct Point {
    world: Arc<World>,
    command: Command,
}

impl Point {
    async fn ours_once(&self) -> Result<()> {
        let World { store, user, mailbox, campaign, .. } = &*self.world;
        match self.command {
            Command::GetUser => drop(store.users.get(user.id).await?.ok_or(MISSING)?),
            Command::FindUserByLoginId => {
                drop(store.users.find_by_login_id(&user.login_id).await?.ok_or(MISSING)?);
            }
            Command::GetCampaign => drop(store.campaigns.get(campaign.id).await?.ok_or(MISSING)?),
            Command::TouchMailbox => drop(store.mailboxes.touch(mailbox.id).await?),
            Command::PauseAndResumeCampaign => {
                store.campaigns.pause(campaign.id).await?;
                store.campaigns.resume(campaign.id).await?;
            }
        }
        Ok(())
    }

    async fn plain_once(&self) -> Result<()> {
        let World { user, mailbox, campaign, .. } = &*self.world;
        match self.command {
            Command::GetUser => self.find("users", doc! { "_id": user.id.as_object_id() }).await?,
            Command::FindUserByLoginId => {
                self.find("users", doc! { "login_id": user.login_id.as_str() }).await?
            }
            Command::GetCampaign => {
                self.find("campaigns", doc! { "campaign_id": campaign.id.to_string() }).await?
            }
            Command::TouchMailbox => {
                let now = DateTime::from_chrono(SystemClock.now());
                let filter = doc! { "_id": mailbox.id.as_object_id() };
                self.update("mailboxes", filter, doc! { "last_used": { "$literal": now } }).await?
            }
            Command::PauseAndResumeCampaign => {
                self.transition(&["scheduled", "active"], "paused").await?;
                self.transition(&["paused"], "active").await?
            }
        };
        Ok(())
    }

    async fn find(&self, collection: &str, filter: Document) -> Result<RawDocumentBuf> {
        Ok(self.world.rows(collection).find_one(filter).await?.ok_or(MISSING)?)
    }

    async fn transition(&self, from: &[&str], to: &str) -> Result<RawDocumentBuf> {
        let filter = doc! { "campaign_id": self.world.campaign.id.to_string(), "status": { "$in": from } };
        self.update("campaigns", filter, doc! { "status": { "$literal": to } }).await
    }

    async fn update(&self, collection: &str, filter: Document, mut set: Document) -> Result<RawDocumentBuf> {
        let now = DateTime::from_chrono(SystemClock.now());
        set.insert("updated_at", doc! { "$max": [now, { "$add": ["$updated_at", 1] }] });
        let rows = self.world.rows(collection);
        let update = rows.find_one_and_update(filter, vec![doc! { "$set": set }]);
        Ok(update.return_document(ReturnDocument::After).await?.ok_or(MISSING)?)
    }
}

#[async_trait]
impl Contest for Point {
    async fn ours(&self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..self.command.repeats() {
            self.ours_once().await?;
        }
        Ok(start.elapsed())
    }

    async fn plain(&self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..self.command.repeats() {
            self.plain_once().await?;
        }
        Ok(start.elapsed())
    }
}

/// The geometric mean over the commands, so that the slow ones do not count for more.
pub(crate) async fn ratio() -> Result<f64> {
    const ROUNDS: usize = 150;
    let world = Arc::new(World::new().await?);
    let (mut product, mut count) = (1.0, 0.0);
    for command in Command::ALL {
        let point = Point { world: world.clone(), command };
        product *= time_ratio(&format!("{command:?}"), &point, ROUNDS).await?;
        count += 1.0;
    }
    world.remove().await?;
    Ok(f64::powf(product, 1.0 / count))
}

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let world = Arc::new(runtime.block_on(World::new())?);
    let mut group = criterion.benchmark_group("point");
    for command in Command::ALL {
        let point = Arc::new(Point { world: world.clone(), command });
        group.throughput(criterion::Throughput::Elements(command.repeats().into()));
        contest::bench(&mut group, runtime, &format!("{command:?}"), &point);
    }
    group.finish();
    runtime.block_on(world.remove())
}
