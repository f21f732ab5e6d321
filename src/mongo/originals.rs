//! The sealed originals of quarantined documents, for the rotation of keys.

use bson::{Document, doc};
use futures_util::FutureExt;

use super::link::connection::Connection;
use super::link::table::Table;
use crate::collection::Collection;
use crate::document::ID;
use crate::document::original::{self, ORIGINAL, binary, original_of};
use crate::error::Result;
use crate::secret::SealedOriginal;

const OPERATION: &str = "mailboxes.reencrypt";

fn table(db: &Connection) -> Table {
    Table::new(&db.database, Collection::MigrationQuarantine)
}

/// Some originals after an `_id`, in its order: as many as fit into memory well.
pub(super) async fn after(db: &Connection, after: Option<&Document>) -> Result<Vec<SealedOriginal>> {
    const MAX_ROWS: i64 = 200;
    const MAX_BYTES: usize = 16 << 20;
    let table = table(db);
    // The ids are documents, so `$gt` of the empty one passes over none.
    let filter = doc! { ID.as_str(): { "$gt": after.cloned().unwrap_or_default() }, ORIGINAL.as_str(): { "$exists": true } };
    let find = async {
        let find = table.unscoped().find(filter).sort(doc! { ID.as_str(): 1 }).limit(MAX_ROWS);
        let mut cursor = find.projection(doc! { ORIGINAL.as_str(): 1 }).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while bytes < MAX_BYTES && cursor.advance().await? {
            let row = cursor.current();
            bytes += row.as_bytes().len();
            found.extend(original_of(row));
        }
        Ok(found)
    };
    db.run(OPERATION, find).await
}

/// Replaces an original, if it is still as it was read.
pub(super) async fn replace(db: &Connection, old: SealedOriginal, new: Vec<u8>) -> Result<bool> {
    let context = (table(db), old, new);
    db.transact(OPERATION, context, |session, (table, old, new)| {
        async move {
            let of_it = doc! { ID.as_str(): &old.id };
            let stored = table.unscoped().find_one(of_it.clone()).session(&mut *session).await?;
            let is_same = stored.is_some_and(|row| original::bytes_of(&row) == Some(&old.sealed));
            if is_same {
                let change = doc! { "$set": { ORIGINAL.as_str(): binary(new.clone()) } };
                table.unscoped().update_one(of_it, change).session(session).await?;
            }
            Ok(is_same)
        }
        .boxed()
    })
    .await
}
