//! Indexes and validators: what is planned, what is applied, and what is left alone.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers are part of the tests"
)]

mod adopted;
mod apply;
mod duplicates;
mod indexes;
mod plan;
mod readable;
mod validators;

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use campaign_store::{Collection, IndexState, MongoStore, ProvisionError, ProvisionOptions, ProvisionPlan};
use futures_util::TryStreamExt;
use mongodb::Database;

use crate::support::database::TestDatabase;

/// Every index of every collection, as the server lists them.
pub(super) type Indexes = BTreeMap<String, Vec<Document>>;

pub(super) async fn indexes_of(database: &Database) -> Indexes {
    let mut indexes = Indexes::new();
    for collection in database.list_collection_names().await.expect("the collections") {
        let command = doc! { "listIndexes": &collection };
        let cursor = database.run_cursor_command(command).await.expect("the indexes");
        indexes.insert(collection, cursor.try_collect().await.expect("the indexes"));
    }
    indexes
}

/// An index in one line, with every option that it has.
pub(super) fn described(index: &Document) -> String {
    let keys = index.get_document("key").expect("every index has keys").iter();
    let keys = keys.map(|(key, direction)| match direction {
        Bson::Int32(1) => key.clone(),
        other => format!("{key}: {other}"),
    });
    let name = index.get_str("name").expect("every index has a name");
    let mut parts = vec![format!("{name} ({})", keys.collect::<Vec<_>>().join(", "))];
    parts.extend(index.iter().filter_map(|(option, value)| match (option.as_str(), value) {
        ("v" | "ns" | "key" | "name", _) => None,
        (option, Bson::Boolean(true)) => Some(option.to_owned()),
        (option, value) => Some(format!("{option}={value}")),
    }));
    parts.join(" ")
}

pub(super) async fn create_index(database: &Database, collection: Collection, index: &Document) {
    let command = doc! { "createIndexes": collection.name(), "indexes": [index] };
    database.run_command(command).await.expect("a possible index");
}

/// The states that a plan gives to an index of this name.
fn states_of<'a>(plan: &'a ProvisionPlan, collection: Collection, index: &str) -> Vec<&'a IndexState> {
    let plan = plan.collections.iter().find(|plan| plan.collection == collection).expect("every collection");
    plan.indexes.iter().filter(|plan| plan.index == index).map(|plan| &plan.state).collect()
}

/// The commands that the server gets on this database while `work` is done, in their order.
pub(crate) async fn commands_during(
    database: &TestDatabase,
    work: impl Future<Output = ()>,
) -> Vec<Document> {
    let driver = database.driver().await;
    driver.run_command(doc! { "profile": 2 }).await.expect("the profiler starts");
    work.await;
    driver.run_command(doc! { "profile": 0 }).await.expect("the profiler stops");
    let profile = driver.collection::<Document>("system.profile");
    let entries: Vec<_> =
        profile.find(doc! {}).await.expect("the profile").try_collect().await.expect("the profile");
    profile.drop().await.expect("the profile is no longer needed");
    let commands = entries.iter().filter_map(|entry| entry.get_document("command").ok());
    commands.filter(|command| !command.contains_key("profile")).cloned().collect()
}

fn names_of(commands: &[Document]) -> Vec<&str> {
    commands.iter().filter_map(|command| command.keys().next()).map(String::as_str).collect()
}

/// Makes a plan and applies it.
async fn provision(store: &MongoStore, options: &ProvisionOptions) -> Result<(), ProvisionError> {
    store.apply(&store.plan(options).await?).await
}

/// The options of a collection, its validator among them.
async fn options_of(database: &Database, collection: Collection) -> Document {
    let list = doc! { "listCollections": 1, "filter": { "name": collection.name() } };
    let mut listed = database.run_cursor_command(list).await.expect("the collections");
    let listed = listed.try_next().await.expect("the collections").expect("the collection");
    listed.get_document("options").cloned().unwrap_or_default()
}
