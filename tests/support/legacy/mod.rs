//! A messy old database, and the truth about the result of its migration. `legacy/generate.py` writes both.

#![expect(clippy::expect_used, reason = "no test can go on without its data")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::Value;

use super::server;

/// The names of the old collections.
pub(crate) const COLLECTIONS: [&str; 3] = ["warm_up_emails_table", "email_campaigns", "email_tracking"];

const BATCH: usize = 1_000;

/// How many documents each old collection has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) mailboxes: u32,
    pub(crate) campaigns: u32,
    pub(crate) tracking: u32,
}

impl Sizes {
    /// The smallest in which every kind of mess occurs.
    pub(crate) const SMALL: Self = Self { mailboxes: 60, campaigns: 60, tracking: 600 };
}

/// An old database in files, which are removed with it.
#[derive(Debug)]
pub(crate) struct LegacyData {
    directory: PathBuf,
    /// What a migration must make of it.
    pub(crate) truth: Value,
}

impl LegacyData {
    /// Writes a database with the share `mess` of it spoiled. The same arguments give the same bytes.
    pub(crate) fn generate(seed: u64, mess: f64, sizes: Sizes) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(server::database_name());
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/legacy/generate.py");
        let mut command = Command::new("python3");
        command.arg(generator).arg("--out").arg(&directory);
        command.args(["--seed", &seed.to_string(), "--mess", &mess.to_string()]);
        command.args(["--mailboxes", &sizes.mailboxes.to_string()]);
        command.args(["--campaigns", &sizes.campaigns.to_string()]);
        command.args(["--tracking", &sizes.tracking.to_string()]);
        let status = command
            .status()
            .expect("the generator of old databases needs python3 (3.11 or newer) on the PATH");
        assert!(status.success(), "the generator failed: {status}");
        let truth = File::open(directory.join("truth.json")).expect("the generator wrote the truth");
        let truth = serde_json::from_reader(BufReader::new(truth)).expect("the truth is JSON");
        Self { directory, truth }
    }

    /// The file of an old collection, with a document on each line.
    pub(crate) fn path(&self, collection: &str) -> PathBuf {
        self.directory.join(collection).with_extension("jsonl")
    }

    /// The documents of an old collection, in their order and with the order of their fields.
    pub(crate) fn documents(&self, collection: &str) -> impl Iterator<Item = Document> + use<> {
        let file = File::open(self.path(collection)).expect("the generator wrote the collection");
        BufReader::new(file).lines().map(|line| {
            let line = line.expect("a line");
            // Straight into a document: a JSON value on the way would sort the fields.
            serde_json::from_str(&line).expect("a document in Extended JSON")
        })
    }

    /// Puts the documents into the old collections of `database`, as they are.
    pub(crate) async fn load(&self, database: &Database) {
        for name in COLLECTIONS {
            let collection = database.collection::<Document>(name);
            let mut documents = self.documents(name);
            loop {
                let batch: Vec<_> = documents.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    break;
                }
                collection.insert_many(batch).await.expect("the test server takes the documents");
            }
        }
    }
}

/// What new collections hold, by name.
pub(crate) type Content = BTreeMap<&'static str, Vec<Document>>;

/// What the new collections hold, without what no two runs have in common: salts, times of writing and
/// ids of metrics.
pub(crate) async fn content(database: &Database) -> Content {
    let mut content = BTreeMap::new();
    for name in ["mailboxes", "campaigns", "campaign_metrics", "migration_quarantine"] {
        let all = database.collection::<Document>(name).find(doc! {}).sort(doc! { "_id": 1 }).await;
        let mut all: Vec<_> = all.expect("a cursor").try_collect().await.expect("the documents");
        for document in &mut all {
            for field in ["password", "access_token", "refresh_token", "original"] {
                if document.contains_key(field) {
                    document.insert(field, "sealed");
                }
            }
            document.remove("last_updated");
            document.remove("first_seen");
            if name == "campaign_metrics" {
                document.remove("_id");
            }
        }
        all.sort_by_key(|document| document.get("campaign_id").map(ToString::to_string));
        content.insert(name, all);
    }
    content
}

/// Ends the lease of whoever migrates, as if it had run out.
pub(crate) async fn expire_lease(database: &Database) {
    let past = doc! { "$set": { "expires_at": mongodb::bson::DateTime::from_millis(0) } };
    let leases = database.collection::<Document>("migration_lease");
    leases.update_one(doc! {}, past).await.expect("the test server takes it");
}

impl Drop for LegacyData {
    fn drop(&mut self) {
        // Files that stay are no reason to fail a test.
        drop(fs::remove_dir_all(&self.directory));
    }
}
