//! An old database on the server, and the result of its migration.

use campaign_store::{
    Migration, MigrationError, MigrationOptions, MigrationOutcome, MigrationPhase, MigrationReport,
    MongoStore, VerificationReport,
};
use futures_util::TryStreamExt;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;

use crate::support::database::TestDatabase;
use crate::support::legacy::{COLLECTIONS, Content, LegacyData, Sizes, content};

pub(super) const MAILBOXES: &str = "warm_up_emails_table";
pub(super) const CAMPAIGNS: &str = "email_campaigns";

/// An old database, loaded.
pub(super) struct World {
    pub(super) database: TestDatabase,
    pub(super) store: MongoStore,
    pub(super) legacy: LegacyData,
}

impl World {
    pub(super) async fn new(seed: u64, mess: f64, sizes: Sizes) -> Self {
        let database = TestDatabase::new();
        let store = database.connect().await;
        let legacy = LegacyData::generate(seed, mess, sizes);
        legacy.load(&database.driver().await).await;
        Self { database, store, legacy }
    }

    pub(super) fn migration(&self) -> Migration {
        Migration::new(&self.store).unwrap()
    }

    /// Migrates to the end.
    pub(super) async fn migrate(&self) -> MigrationReport {
        assert_eq!(run(&self.migration(), MigrationOptions::new()).await.unwrap(), MigrationOutcome::Done);
        self.migration().status().await.unwrap()
    }

    pub(super) async fn verify(&self) -> VerificationReport {
        self.migration().verify().try_collect::<Vec<_>>().await.unwrap().pop().unwrap()
    }

    /// All documents of a collection, in the order of their ids.
    pub(super) async fn all(&self, collection: &str) -> Vec<Document> {
        let collection = self.database.collection(collection).await;
        collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap().try_collect().await.unwrap()
    }

    /// The bytes of every document of the old collections.
    pub(super) async fn old_bytes(&self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        for name in COLLECTIONS {
            let all = self.database.driver().await.collection::<RawDocumentBuf>(name);
            let all = all.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
            bytes.extend(
                all.try_collect::<Vec<_>>().await.unwrap().into_iter().map(RawDocumentBuf::into_bytes),
            );
        }
        bytes
    }

    /// The truth about the documents of an old collection.
    pub(super) fn truth_of(&self, collection: &str) -> &Vec<Value> {
        self.legacy.truth["documents"][collection].as_array().unwrap()
    }

    /// What the new collections hold.
    pub(super) async fn content(&self) -> Content {
        content(&self.database.driver().await).await
    }
}

/// Runs a migration, and says how it ended.
pub(super) async fn run(
    migration: &Migration,
    options: MigrationOptions,
) -> Result<MigrationOutcome, MigrationError> {
    let progress: Vec<_> = migration.run(options).try_collect().await?;
    match progress.last().map(|progress| progress.phase) {
        Some(MigrationPhase::Finished(outcome)) => Ok(outcome),
        other => panic!("the last item is {other:?}"),
    }
}

/// A value of a document as the truth has it.
pub(super) fn plain(value: &Bson) -> Value {
    match value {
        Bson::ObjectId(id) => id.to_hex().into(),
        Bson::DateTime(time) => time.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into(),
        Bson::Document(document) => {
            document.iter().map(|(key, value)| (key.clone(), plain(value))).collect::<Value>()
        }
        Bson::Int64(number) => (*number).into(),
        Bson::Double(number) => (*number).into(),
        other => other.clone().into_relaxed_extjson(),
    }
}

/// Whether two values are the same, whatever the types of their numbers.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            // The reader of JSON is not exact in the last digit.
            (one - other).abs() <= 1e-12 * one.abs()
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}
