//! Reading many documents.

use futures_util::stream::{self, StreamExt};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use tokio::sync::mpsc;

use super::error::{DriverResult, theirs};
use crate::document::Record;
use crate::error::{Error, Result};
use crate::repository::RecordStream;

/// How many documents to ask for at once: enough to make the round trip small, few enough to keep
/// memory small.
pub(super) const BATCH_SIZE: u32 = 1_000;

/// The records of a cursor. While the caller works on a batch, the next one is fetched.
pub(super) fn records<T: Record>(mut batches: RawBatchCursor, target: String) -> RecordStream<T> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(batch) = batches.next().await {
            let is_last = batch.is_err();
            // The caller may have dropped the stream.
            if sender.send(batch).await.is_err() || is_last {
                break;
            }
        }
    });
    let batches = stream::unfold(receiver, |mut receiver| async {
        let batch: DriverResult<RawBatch> = receiver.recv().await?;
        Some((batch, receiver))
    });
    batches
        .flat_map(move |batch| {
            let records = batch.and_then(|batch| decode(&batch));
            stream::iter(records.unwrap_or_else(|error| vec![Err(theirs("stream", &target, &error))]))
        })
        .boxed()
}

fn decode<T: Record>(batch: &RawBatch) -> DriverResult<Vec<Result<T>>> {
    let unreadable = || Error::Corrupt {
        collection: T::COLLECTION,
        id: "unknown".to_owned(),
        path: "(document)".into(),
        problem: "is not well-formed BSON",
    };
    let documents = batch.doc_slices()?.into_iter();
    let records =
        documents.map(|document| match document.ok().and_then(bson::raw::RawBsonRef::as_document) {
            Some(document) => T::decode(document),
            None => Err(unreadable()),
        });
    Ok(records.collect())
}
