//! An old database.

use std::time::Instant;

use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{DateTime, Document, doc, rawdoc};
use mongodb::options::{ClientOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Database, IndexModel};
use tokio::task::JoinSet;

use crate::writer::{WRITERS, Writer};
use crate::{Result, group, server};

const BATCH: u32 = 5_000;
const CAMPAIGNS: u32 = 1_000;
const START: i64 = 1_700_000_000_000;

/// A database with old collections, accessed by the plain driver.
pub(crate) struct World {
    pub(crate) name: String,
    database: Database,
    mailboxes: u32,
    rows: u32,
}

impl World {
    pub(crate) async fn new(mailboxes: u32, rows: u32) -> Result<Self> {
        let name = server::database_name();
        let mut options = ClientOptions::parse(server::uri()).await?;
        options.write_concern = Some(WriteConcern::majority());
        let database = Client::with_options(options)?.database(&name);
        let world = Self { name, database, mailboxes, rows };
        world.fill("warm_up_emails_table", mailboxes, mailbox).await?;
        world.fill("email_campaigns", CAMPAIGNS.min(rows), campaign).await?;
        world.fill("email_tracking", rows, row).await?;
        Ok(world)
    }

    async fn fill(&self, name: &str, number: u32, make: impl Fn(u32) -> RawDocumentBuf) -> Result<()> {
        let collection = self.database.collection::<RawDocumentBuf>(name);
        for first in (0..number).step_by(BATCH as usize) {
            let documents = (first..number.min(first + BATCH)).map(&make);
            collection.insert_many(documents.collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// Mailboxes per second that the server copies by itself.
    pub(crate) async fn merge(&self) -> Result<f64> {
        let unique = IndexOptions::builder().unique(true).build();
        let index = IndexModel::builder().keys(doc! { "user_id": 1, "email": 1 }).options(unique).build();
        let merged = self.database.collection::<Document>("merged");
        merged.create_index(index).await?;
        let old = self.database.collection::<Document>("warm_up_emails_table");
        let merge =
            doc! { "$merge": { "into": "merged", "whenMatched": "fail", "whenNotMatched": "insert" } };
        self.settle().await?;
        let started = Instant::now();
        old.aggregate([merge]).await?.try_collect::<Vec<_>>().await?;
        let seconds = started.elapsed().as_secs_f64();
        merged.drop().await?;
        Ok(f64::from(self.mailboxes) / seconds)
    }

    /// Mailboxes per second that the plain driver writes when nothing has to be mapped or sealed: it copies
    /// the migrated ones into a collection with the same unique indexes, from four places at once, each batch
    /// in a transaction with a note of the progress.
    pub(crate) async fn insert(&self) -> Result<f64> {
        let inserted = self.database.collection::<RawDocumentBuf>("inserted");
        let migrated = self.database.collection::<RawDocumentBuf>("mailboxes");
        let indexes: Vec<IndexModel> = migrated.list_indexes().await?.try_collect().await?;
        let is_unique =
            |index: &IndexModel| index.options.as_ref().is_some_and(|options| options.unique == Some(true));
        inserted.create_indexes(indexes.into_iter().filter(is_unique)).await?;
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            writers.push(Writer::new(&self.database, number, self.mailboxes).await?);
        }
        self.settle().await?;
        let started = Instant::now();
        // One after another at first, as the migration does.
        for writer in &mut writers {
            writer.write_batch().await?;
        }
        let written: JoinSet<_> = writers.into_iter().map(Writer::write_all).collect();
        written.join_all().await.into_iter().collect::<Result<()>>()?;
        let seconds = started.elapsed().as_secs_f64();
        inserted.drop().await?;
        Ok(f64::from(self.mailboxes) / seconds)
    }

    /// Rows per second of the bare aggregation.
    pub(crate) async fn group(&self) -> Result<f64> {
        let rows = self.database.collection::<Document>("email_tracking");
        self.settle().await?;
        let started = Instant::now();
        rows.aggregate([group::stage()]).await?.try_collect::<Vec<_>>().await?;
        Ok(f64::from(self.rows) / started.elapsed().as_secs_f64())
    }

    /// Makes the server write its memory to disk, so that each figure starts in the same state.
    pub(crate) async fn settle(&self) -> Result<()> {
        self.database.client().database("admin").run_command(doc! { "fsync": 1 }).await?;
        Ok(())
    }

    pub(crate) async fn remove(self) -> Result<()> {
        Ok(self.database.drop().await?)
    }
}

pub(crate) fn id(kind: u8, n: u32) -> ObjectId {
    // In the order of their creation, like those of a program.
    let mut bytes = [0x65, 0x50, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn user(n: u32) -> ObjectId {
    id(1, n / 3)
}

fn mailbox(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    rawdoc! {
        "_id": id(2, n), "user_id": user(n), "email": format!("mailbox{n}@example.com"),
        "password": format!("PLAIN-password-{n:012x}"),
        "access_token": format!("PLAIN-access-{}", "a1".repeat(100)),
        "refresh_token": format!("PLAIN-refresh-{}", "b2".repeat(50)),
        "provider": "gmail", "user_profile": { "name": "Ada", "locale": "en", "verified": true },
        "is_primary": n.is_multiple_of(3), "is_active": true, "status": "active", "last_used": at,
        "created_at": at, "updated_at": at,
    }
}

fn campaign_id(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

fn campaign(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    rawdoc! {
        "_id": id(3, n), "campaign_id": campaign_id(n), "user_id": user(n), "mailbox_id": id(2, n),
        "campaign_name": format!("Campaign {n}"), "subject": "Hello", "message": "Flowers are out. ".repeat(20),
        "duration": 24, "start_time": at, "status": "completed", "total_recipients": 1_000,
        "created_at": at, "updated_at": at, "created_by": user(n),
    }
}

fn row(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    let campaign = n % CAMPAIGNS;
    let mut row = rawdoc! {
        "_id": id(4, n), "tracking_id": format!("{n:08x}-0000-4000-9000-000000000000"),
        "campaign_id": campaign_id(campaign), "user_id": user(campaign), "mailbox_id": id(2, campaign),
        "sender_email": "ada@example.com", "recipient_email": format!("recipient{n}@example.com"),
        "subject": "Hello", "message": "Flowers are out. ".repeat(40), "sent_at": at, "delivered_at": at,
        "opens": i32::from(n.is_multiple_of(2)), "clicks": i32::from(n.is_multiple_of(6)), "replies": 0, "bounced": false,
        "unsubscribed": false, "created_at": at,
    };
    if n.is_multiple_of(2) {
        row.append(mongodb::bson::raw::cstr!("opened_at"), at);
    }
    row
}
