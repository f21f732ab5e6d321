//! Creating the indexes of the schema.

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;

use super::connection::Connection;
use super::error::DriverResult;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::schema::{self, IndexSpec};

/// Creates what is missing, if nothing that exists differs.
pub(crate) async fn provision(connection: &Connection) -> Result<()> {
    let mut missing = Vec::new();
    for collection in Collection::ALL.into_iter().chain(Collection::BOOKKEEPING) {
        missing.push((collection, missing_indexes(connection, collection).await?));
    }
    for (collection, specs) in missing {
        if specs.is_empty() {
            continue;
        }
        let indexes: Vec<_> = specs.iter().map(|spec| declaration(spec)).collect();
        let command = doc! { "createIndexes": collection.name(), "indexes": indexes };
        connection.run("provision", async { connection.database.run_command(command).await }).await?;
        // The server also says yes where an index of this name came into being with other options.
        missing_indexes(connection, collection).await?;
    }
    Ok(())
}

async fn missing_indexes(connection: &Connection, collection: Collection) -> Result<Vec<&'static IndexSpec>> {
    let existing = connection.run("provision", existing_indexes(connection, collection)).await?;
    let mut missing = Vec::new();
    for spec in schema::indexes_of(collection) {
        let declared = declaration(spec);
        let rivals = existing.iter().filter(|index| is_same_index(index, &declared));
        let differences: Vec<_> = rivals.map(|index| (index, difference(index, &declared))).collect();
        if differences.iter().any(|(_, difference)| difference.is_none()) {
            // It is there; what stands beside it does no harm.
            continue;
        }
        match differences.into_iter().next() {
            Some((index, Some(difference))) => {
                let index = index.get_str("name").unwrap_or(spec.name).to_owned();
                return Err(Error::IndexDiffers { collection, index, difference });
            }
            _ => missing.push(spec),
        }
    }
    Ok(missing)
}

async fn existing_indexes(connection: &Connection, collection: Collection) -> DriverResult<Vec<Document>> {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    let command = doc! { "listIndexes": collection.name() };
    match connection.database.run_cursor_command(command).await {
        Ok(cursor) => cursor.try_collect().await,
        Err(error) => match &*error.kind {
            mongodb::error::ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND => {
                Ok(Vec::new())
            }
            _ => Err(error),
        },
    }
}

/// The index as `createIndexes` takes it and `listIndexes` gives it.
fn declaration(spec: &IndexSpec) -> Document {
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
    if let Some(field) = spec.only_where {
        index.insert("partialFilterExpression", doc! { field: true });
    }
    index
}

/// Whether two indexes cannot stand side by side: they have the same name or the same keys.
fn is_same_index(existing: &Document, declared: &Document) -> bool {
    existing.get("name") == declared.get("name")
        || normal("key", existing.get("key")) == normal("key", declared.get("key"))
}

/// How an existing index differs. Under another name it serves as well.
fn difference(existing: &Document, declared: &Document) -> Option<String> {
    let options =
        ["key", "unique", "sparse", "partialFilterExpression", "collation", "hidden", "expireAfterSeconds"];
    let differences: Vec<String> = options
        .into_iter()
        .filter_map(|option| {
            let (found, wanted) =
                (normal(option, existing.get(option)), normal(option, declared.get(option)));
            (found != wanted).then(|| format!("{option} is {found}, not {wanted}"))
        })
        .collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// An option in one form: servers leave out what is false, and number types vary.
fn normal(option: &str, value: Option<&Bson>) -> String {
    match value {
        None | Some(Bson::Boolean(false)) => "absent".to_owned(),
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
