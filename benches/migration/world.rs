//! An old database.

use std::time::Instant;

use futures_util::TryStreamExt;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Database, IndexModel};
use tokio::task::JoinSet;

use crate::documents::{CAMPAIGNS, campaign, mailbox, row};
use crate::writer::{WRITERS, Writer};
use crate::{Result, group, server};

const BATCH: u32 = 5_000;

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
