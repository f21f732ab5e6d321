//! What there is in the database, in the form in which the schema declares it.

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;

use crate::collection::Collection;
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, code_of};
use crate::schema::IndexSpec;

use super::difference::{ABSENT, IndexDifference};

/// What an index can be declared with, as far as it is compared.
const OPTIONS: [&str; 8] = [
    "key",
    "unique",
    "sparse",
    "partialFilterExpression",
    "collation",
    "hidden",
    "prepareUnique",
    "expireAfterSeconds",
];

/// The indexes and the validator of a collection.
#[derive(Default)]
pub(super) struct Existing {
    pub(super) indexes: Vec<ExistingIndex>,
    /// The options of the collection.
    pub(super) options: Document,
}

/// An index, or one that is being built.
pub(super) struct ExistingIndex {
    /// As `createIndexes` takes it.
    listed: Document,
    pub(super) is_built: bool,
}

/// Reads what there is.
pub(super) async fn read(connection: &Connection) -> DriverResult<Vec<(Collection, Existing)>> {
    let collections = Collection::ALL.into_iter().chain(Collection::BOOKKEEPING);
    let names: Vec<_> = collections.clone().map(Collection::name).collect();
    let command = doc! { "listCollections": 1, "filter": { "name": { "$in": names } } };
    let listed: Vec<Document> = connection.database.run_cursor_command(command).await?.try_collect().await?;
    let mut all = Vec::new();
    for collection in collections {
        let listed =
            listed.iter().find(|listed| listed.get_str("name").is_ok_and(|name| name == collection.name()));
        let existing = match listed {
            None => Existing::default(),
            Some(listed) => Existing {
                indexes: indexes_of(connection, collection).await?,
                options: listed.get_document("options").cloned().unwrap_or_default(),
            },
        };
        all.push((collection, existing));
    }
    Ok(all)
}

async fn indexes_of(connection: &Connection, collection: Collection) -> DriverResult<Vec<ExistingIndex>> {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    // Without the option the server does not tell an index from one that is being built.
    let command = doc! { "listIndexes": collection.name(), "includeBuildUUIDs": true };
    match connection.database.run_cursor_command(command).await {
        Ok(cursor) => cursor.map_ok(ExistingIndex::new).try_collect().await,
        // It was dropped since.
        Err(error) if code_of(&error) == Some(NAMESPACE_NOT_FOUND) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl ExistingIndex {
    /// An index as `listIndexes` gives it.
    fn new(mut listed: Document) -> Self {
        match listed.remove("spec") {
            // It comes beside the id of its build.
            Some(Bson::Document(listed)) => Self { listed, is_built: false },
            _ => Self { listed, is_built: true },
        }
    }

    pub(super) fn name(&self) -> &str {
        self.listed.get_str("name").unwrap_or_default()
    }

    /// Whether it cannot stand beside the declared one: they have the same name or the same keys.
    pub(super) fn rivals(&self, spec: &IndexSpec) -> bool {
        let declared = declaration(spec);
        self.name() == spec.name
            || normal("key", self.listed.get("key")) == normal("key", declared.get("key"))
    }

    /// How it differs from the declared one. Under another name it serves as well.
    pub(super) fn differences(&self, spec: &IndexSpec) -> Vec<IndexDifference> {
        let declared = declaration(spec);
        let difference = |option| {
            let (found, declared) =
                (normal(option, self.listed.get(option)), normal(option, declared.get(option)));
            (found != declared).then_some(IndexDifference { option, found, declared })
        };
        OPTIONS.into_iter().filter_map(difference).collect()
    }

    pub(super) fn definition(&self) -> String {
        definition(&self.listed)
    }
}

/// The index as `createIndexes` takes it and `listIndexes` gives it.
pub(super) fn declaration(spec: &IndexSpec) -> Document {
    let keys: Document = spec.keys.iter().map(|key| ((*key).to_owned(), Bson::Int32(1))).collect();
    let mut index = doc! { "key": keys, "name": spec.name };
    if spec.unique {
        index.insert("unique", true);
    }
    if spec.sparse {
        index.insert("sparse", true);
    }
    if spec.expires {
        index.insert("expireAfterSeconds", 0);
    }
    if let Some(only) = spec.only_where {
        index.insert("partialFilterExpression", only.to_filter());
    }
    index
}

/// An index in words: its keys and its options.
pub(super) fn definition(index: &Document) -> String {
    let words = OPTIONS.into_iter().filter_map(|option| match (option, normal(option, index.get(option))) {
        (_, value) if value == ABSENT => None,
        ("key", keys) => Some(keys),
        (option, value) if value == "true" => Some(option.to_owned()),
        (option, value) => Some(format!("{option}: {value}")),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// An option in one form: servers leave out what is false, and number types vary.
fn normal(option: &str, value: Option<&Bson>) -> String {
    match value {
        None | Some(Bson::Boolean(false)) => ABSENT.to_owned(),
        Some(Bson::Document(keys)) if option == "key" => {
            let keys = keys.iter().map(|(key, direction)| {
                let direction = match direction {
                    Bson::Int64(number) => number.to_string(),
                    Bson::Double(number) => number.to_string(),
                    other => other.to_string(),
                };
                format!("{key}: {direction}")
            });
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
        }
        Some(Bson::Int64(number)) => number.to_string(),
        Some(Bson::Double(number)) => number.to_string(),
        Some(value) => value.to_string(),
    }
}
