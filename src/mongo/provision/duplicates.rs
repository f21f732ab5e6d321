//! Finding the documents that keep a unique index from being built.

use bson::{Document, doc};
use futures_util::TryStreamExt;

use super::{ProvisionOptions, id_text, whole};
use crate::error::{DuplicateGroup, ProvisionError};
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, ours};
use crate::schema::IndexSpec;

/// How many groups of documents are named.
const MAX_NAMED: i32 = 20;

/// Refuses to build an index that documents break.
pub(super) async fn refuse(
    connection: &Connection,
    spec: &IndexSpec,
    options: &ProvisionOptions,
) -> DriverResult<()> {
    // An index does not tell a missing value from a null.
    let value = |key: &&str| ((*key).to_owned(), doc! { "$ifNull": [format!("${key}"), null] }.into());
    let keys: Document = spec.keys.iter().map(value).collect();
    // The smallest and the largest id take no memory, however large a group is.
    let group = doc! {
        "_id": keys, "documents": { "$sum": 1 }, "first": { "$min": "$_id" }, "last": { "$max": "$_id" },
    };
    let stages = vec![
        doc! { "$match": documents_in(spec) },
        doc! { "$group": group },
        doc! { "$match": { "documents": { "$gt": 1 } } },
        doc! { "$sort": { "first": 1 } },
        doc! { "$limit": MAX_NAMED },
        // The values stay on the server.
        doc! { "$project": { "_id": 0 } },
    ];
    let command = doc! {
        "aggregate": spec.collection.name(),
        "pipeline": stages,
        "cursor": {},
        "allowDiskUse": true,
    };
    let found = connection.database.run_cursor_command(options.limit(command)).await?;
    let found: Vec<Document> = found.try_collect().await?;
    if found.is_empty() {
        return Ok(());
    }
    let group = |group: &Document| DuplicateGroup {
        documents: whole(group.get("documents")),
        ids: [group.get("first"), group.get("last")].map(id_text),
    };
    let groups = found.iter().map(group).collect();
    Err(ours(ProvisionError::Duplicates { collection: spec.collection, index: spec.name, groups }))
}

/// The documents that are in the index.
fn documents_in(spec: &IndexSpec) -> Document {
    match spec.only_where {
        Some(only) => only.to_filter(),
        None if spec.sparse => {
            let present = |key: &&str| doc! { *key: { "$exists": true } };
            doc! { "$or": spec.keys.iter().map(present).collect::<Vec<_>>() }
        }
        None => doc! {},
    }
}
