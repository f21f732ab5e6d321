//! A messy old database, and the truth about what a migration makes of it. `legacy/generate.py` writes
//! both.

#![expect(clippy::expect_used, reason = "no test can go on without its data")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use mongodb::Database;
use mongodb::bson::Document;
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
    /// Writes a database of which the share `mess` is spoiled. The same arguments give the same bytes.
    pub(crate) fn generate(seed: u64, mess: f64, sizes: Sizes) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(server::database_name());
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/legacy/generate.py");
        let mut command = Command::new("python3");
        command.arg(generator).arg("--out").arg(&directory);
        command.args(["--seed", &seed.to_string(), "--mess", &mess.to_string()]);
        command.args(["--mailboxes", &sizes.mailboxes.to_string()]);
        command.args(["--campaigns", &sizes.campaigns.to_string()]);
        command.args(["--tracking", &sizes.tracking.to_string()]);
        let status = command.status().expect("python3 can be run");
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

impl Drop for LegacyData {
    fn drop(&mut self) {
        // Files that stay are no reason to fail a test.
        drop(fs::remove_dir_all(&self.directory));
    }
}
