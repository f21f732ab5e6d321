//! Streams of documents.

use async_stream::stream;
use futures_util::stream::StreamExt;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use tokio::sync::mpsc;

use super::error::{DriverResult, theirs};
use crate::collection::Collection;
use crate::document::Decode;
use crate::error::Error;
use crate::repository::RecordStream;

/// How many documents to fetch at once: enough to make the round trip small, few enough to keep memory small.
pub(in crate::mongo) const BATCH_SIZE: u32 = 1_000;

/// The records of a cursor. The next batch is fetched while the caller processes the current one.
pub(in crate::mongo) fn records<T: Decode>(mut batches: RawBatchCursor, target: String) -> RecordStream<T> {
    let (sender, mut receiver) = mpsc::channel::<DriverResult<RawBatch>>(1);
    tokio::spawn(async move {
        while let Some(batch) = batches.next().await {
            let is_last = batch.is_err();
            // The caller may have dropped the stream.
            if sender.send(batch).await.is_err() || is_last {
                break;
            }
        }
    });
    stream! {
        while let Some(batch) = receiver.recv().await {
            match batch.as_ref().map_err(Clone::clone).and_then(RawBatch::doc_slices) {
                // One at a time: the next record reuses the memory of a record that the caller dropped.
                Ok(documents) => for document in documents {
                    yield match document.ok().and_then(bson::raw::RawBsonRef::as_document) {
                        Some(document) => T::decode(document),
                        None => Err(unreadable(T::COLLECTION)),
                    };
                },
                Err(error) => yield Err(theirs("stream", &target, &error)),
            }
        }
    }
    .boxed()
}

fn unreadable(collection: Collection) -> Error {
    let (id, path) = ("unknown".to_owned(), "(document)".into());
    Error::Corrupt { collection, id, path, problem: "is not well-formed BSON" }
}
