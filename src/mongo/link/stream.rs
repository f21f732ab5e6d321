//! Streams of rows, in batches that are finds of their own: between two batches the server holds nothing, so
//! the consumer can pause for as long as it likes.

use std::time::Duration;

use async_stream::stream;
use bson::raw::{RawBsonRef, RawDocumentBuf};
use bson::{Bson, Document, doc};
use futures_util::stream::StreamExt;
use mongodb::Collection;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::task::JoinSet;

use super::error::{DriverResult, ours, theirs};
use super::table::projection;
use crate::document::{Decode, Query};
use crate::error::{Error, Result};
use crate::repository::RecordStream;

/// The most rows of a batch: enough to make the round trip small, few enough to keep memory small.
const MAX_ROWS: usize = 1_000;
/// How large a batch should be at most, where rows are large. The server cuts a batch at 16 MiB.
const MAX_BYTES: usize = 4 << 20;
/// The bound of one batch. Where no index serves the filter, the server may search for long.
const BATCH_TIME: Duration = Duration::from_secs(60);
/// How much longer to wait for the answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The pauses before a batch is tried again. Each try also waits for a server, as long as an election takes.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(3)];

/// The types that an `_id` can have. A comparison finds only values of the type that it compares with, so the
/// rows of each type are read by themselves.
const ID_TYPES: [&str; 14] = [
    "objectId",
    "string",
    "number",
    "object",
    "binData",
    "bool",
    "date",
    "timestamp",
    "symbol",
    "javascript",
    "javascriptWithScope",
    "null",
    "minKey",
    "maxKey",
];

/// The rows of a query, batch by batch.
pub(super) struct Batches {
    rows: Collection<RawDocumentBuf>,
    query: Query,
    fields: Vec<&'static str>,
    target: String,
    /// The type of `_id` that is read, by its place in the list.
    id_type: usize,
    /// The `_id` of the last row that was read, if it is of this type.
    after: Option<Bson>,
    limit: usize,
}

impl Batches {
    /// All rows that match the query, with these fields, or whole if there are none.
    pub(super) fn new(
        rows: &Collection<RawDocumentBuf>,
        query: Query,
        fields: Vec<&'static str>,
        target: String,
    ) -> Self {
        Self { rows: rows.clone(), query, fields, target, id_type: 0, after: None, limit: MAX_ROWS }
    }

    /// The next batch; `None` at the end. It tries again what can be tried again.
    async fn next(&mut self) -> Result<Option<RawBatch>> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.try_next().await {
                Ok(batch) => return Ok(batch),
                Err(error) => theirs("stream", &self.target, &error),
            };
            match pauses.next() {
                Some(pause) if error.is_retryable() => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    /// The same, once. After an error it can be called again.
    async fn try_next(&mut self) -> DriverResult<Option<RawBatch>> {
        match tokio::time::timeout(BATCH_TIME + ANSWER_TIME, Box::pin(self.fetch())).await {
            Ok(batch) => batch,
            Err(_) => Err(ours(Error::unavailable(&self.target, "no answer in time"))),
        }
    }

    async fn fetch(&mut self) -> DriverResult<Option<RawBatch>> {
        while let Some(id_type) = ID_TYPES.get(self.id_type) {
            let bound = match &self.after {
                None => doc! { "$type": id_type },
                Some(last) => doc! { "$gt": last.clone() },
            };
            let batch = self.find(&bound).await?;
            let found = Found::of(&batch)?;
            if found.is_last && found.count < self.limit {
                self.after = None;
                self.id_type = if self.id_type > 0 || self.has_others().await? {
                    self.id_type + 1
                } else {
                    ID_TYPES.len()
                };
            } else {
                self.after = found.last_id;
            }
            if found.count > 0 {
                // A row of a type with a single value must not fill a batch.
                self.limit = (MAX_BYTES * found.count / found.bytes.max(1)).clamp(2, MAX_ROWS);
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    async fn find(&self, bound: &Document) -> DriverResult<RawBatch> {
        let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
        let find = self.rows.find(self.query.to_filter_at(bound)).sort(doc! { "_id": 1 }).limit(limit.into());
        // Asked for one more, the server sees that it is done, and keeps no cursor.
        let find = find.batch_size(limit.saturating_add(1)).max_time(BATCH_TIME).allow_disk_use(true);
        let find = if self.fields.is_empty() {
            find
        } else {
            find.projection(projection(self.fields.iter().copied()))
        };
        let batch = find.batch().await?.next().await.transpose()?;
        batch.ok_or_else(|| ours(Error::unavailable(&self.target, "an answer without a batch")))
    }

    /// Whether there are rows whose `_id` is not an `ObjectId`.
    async fn has_others(&self) -> DriverResult<bool> {
        let (_, others) = ID_TYPES.split_at(1);
        let filter = self.query.to_filter_at(&doc! { "$type": others });
        let find = self.rows.find_one(filter).projection(doc! { "_id": 1 });
        Ok(find.max_time(BATCH_TIME).await?.is_some())
    }
}

/// What a batch holds.
struct Found {
    count: usize,
    bytes: usize,
    last_id: Option<Bson>,
    /// Whether the server has no more rows for the find.
    is_last: bool,
}

impl Found {
    fn of(batch: &RawBatch) -> DriverResult<Self> {
        let mut found = Self { count: 0, bytes: 0, last_id: None, is_last: false };
        let mut last = None;
        for row in batch.doc_slices()? {
            let row = row?.as_document();
            found.count += 1;
            found.bytes += row.map_or(0, |row| row.as_bytes().len());
            last = row;
        }
        let last_id = last.map(|row| row.get("_id")).transpose()?.flatten();
        found.last_id = last_id.map(Bson::try_from).transpose()?;
        let cursor = batch.as_raw_document().get_document("cursor").and_then(|cursor| cursor.get_i64("id"));
        found.is_last = cursor.is_ok_and(|id| id == 0);
        Ok(found)
    }
}

/// The records of the rows. The next batch is fetched while the caller processes the current one.
pub(super) async fn records<T: Decode>(mut batches: Batches) -> DriverResult<RecordStream<T>> {
    let first = batches.try_next().await?;
    let records = stream! {
        let mut batch = first;
        while let Some(current) = batch {
            let target = batches.target.clone();
            // Dropping the stream ends the fetch.
            let mut next = JoinSet::new();
            next.spawn(async move {
                let batch = batches.next().await;
                (batches, batch)
            });
            match current.doc_slices() {
                // One at a time: the next record reuses the memory of a record that the caller dropped.
                Ok(documents) => for document in documents {
                    yield match document.ok().and_then(RawBsonRef::as_document) {
                        Some(document) => T::decode(document),
                        None => Err(malformed(T::COLLECTION)),
                    };
                },
                Err(error) => yield Err(theirs("stream", &target, &error)),
            }
            drop(current);
            match next.join_next().await {
                Some(Ok((rest, Ok(found)))) => (batches, batch) = (rest, found),
                Some(Ok((_, Err(error)))) => {
                    yield Err(error);
                    break;
                }
                Some(Err(_)) | None => {
                    yield Err(Error::unavailable(target, "the runtime shut down"));
                    break;
                }
            }
        }
    };
    Ok(records.boxed())
}

fn malformed(collection: crate::Collection) -> Error {
    let (id, path) = ("unknown".to_owned(), "(document)".into());
    Error::Corrupt { collection, id, path, problem: "is not well-formed BSON" }
}
