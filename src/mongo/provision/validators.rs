//! Setting validators, and finding the documents that they would refuse.

use bson::{Document, doc};
use futures_util::TryStreamExt;

use super::{ProvisionOptions, ValidatorMode, id_text, whole};
use crate::collection::Collection;
use crate::error::{Offenders, ProvisionError};
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, ours};
use crate::schema::validator_of;

/// How many offenders are named.
const MAX_NAMED: i32 = 20;

/// The documents of a collection that its validator would refuse, if there are any.
pub(super) async fn offenders_of(
    connection: &Connection,
    collection: Collection,
    options: &ProvisionOptions,
) -> DriverResult<Option<Offenders>> {
    let Some(validator) = validator_of(collection) else { return Ok(None) };
    let refused = doc! { "$nor": [validator] };
    let find = doc! {
        "find": collection.name(),
        "filter": refused.clone(),
        "projection": { "_id": 1 },
        "limit": MAX_NAMED,
    };
    let count = doc! { "count": collection.name(), "query": refused };
    let first = connection.database.run_cursor_command(options.limit(find)).await?;
    let first: Vec<Document> = first.try_collect().await?;
    if first.is_empty() {
        return Ok(None);
    }
    let count = connection.database.run_command(options.limit(count)).await?;
    Ok(Some(Offenders {
        collection,
        documents: whole(count.get("n")),
        ids: first.iter().map(|document| id_text(document.get("_id"))).collect(),
    }))
}

/// Refuses to enforce a validator that documents break.
pub(super) async fn refuse_offenders(
    connection: &Connection,
    collection: Collection,
    options: &ProvisionOptions,
) -> DriverResult<()> {
    match offenders_of(connection, collection, options).await? {
        Some(offenders) => Err(ours(ProvisionError::Offenders(offenders))),
        None => Ok(()),
    }
}

/// The command that sets the validator of a collection.
pub(super) fn setting(collection: Collection, mode: ValidatorMode) -> Document {
    let action = if mode == ValidatorMode::Enforce { "error" } else { "warn" };
    doc! {
        "collMod": collection.name(),
        "validator": validator_of(collection).unwrap_or_default(),
        // Documents that were wrong before can still be changed.
        "validationLevel": "moderate",
        "validationAction": action,
    }
}
