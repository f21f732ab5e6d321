use std::collections::HashMap;

use async_stream::try_stream;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, doc};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::options::Hint;

use super::page::{BATCH, LIMIT, MAX_BYTES, Page, id_of, id_of_last};
use super::range::Range;
use crate::document::{ID, Query};
use crate::migrate::access::Access;
use crate::migrate::{MigrationStep, Result};
use crate::mongo::error::DriverResult;

const OPERATION: &str = "migration.read";
/// Into how many ranges a collection is cut, all of which are copied side by side. They are as far apart
/// as can be: to check a unique index, the server passes over all neighbours of a key that other
/// transactions have inserted since this one began, one by one, and most keys are in the order of the
/// `_id`s.
const RANGES: u64 = 4;
/// The fewest documents that are worth a range of their own.
const RANGE: u64 = 2_000;
/// How many `_id`s are looked at for each border between ranges.
const SAMPLES: u64 = 500;
/// How many ranges are read side by side.
const READERS: usize = 2;

/// A collection that can only be read, in the order of its `_id`s, of whatever types they are.
#[derive(Clone)]
pub(crate) struct Source {
    access: Access,
    collection: Collection<RawDocumentBuf>,
}

impl Source {
    pub(crate) fn new(access: &Access, name: &str) -> Self {
        Self { access: access.clone(), collection: access.collection(name) }
    }

    /// The old collection of a step.
    pub(crate) fn of(access: &Access, step: MigrationStep) -> Self {
        Self::new(access, step.source())
    }

    /// The exact number of documents.
    pub(crate) async fn count(&self) -> Result<u64> {
        let count = async { self.collection.count_documents(doc! {}).hint(by_id()).await };
        self.access.run(OPERATION, count).await
    }

    /// The number of documents as the collection remembers it.
    pub(crate) async fn estimated_count(&self) -> Result<u64> {
        let count = async { self.collection.estimated_document_count().await };
        self.access.run(OPERATION, count).await
    }

    /// The next documents of a range, after `last` if that is given.
    pub(crate) async fn page(&self, range: &Range, last: Option<&Bson>) -> Result<Page> {
        self.access.run(OPERATION, self.read(range, last)).await
    }

    /// All pages, in no order.
    pub(crate) fn all_pages(self) -> impl Stream<Item = Result<Page>> + Send {
        try_stream! {
            let total = self.estimated_count().await?;
            let ranges = self.cut(total).await?.into_iter().map(|range| self.clone().pages(range).boxed());
            let mut pages = stream::iter(ranges).flatten_unordered(READERS);
            while let Some(page) = pages.try_next().await? {
                yield page;
            }
        }
    }

    /// All pages of a range.
    pub(crate) fn pages(self, range: Range) -> impl Stream<Item = Result<Page>> + Send {
        try_stream! {
            let mut last = None;
            loop {
                let page = self.page(&range, last.as_ref()).await?;
                let is_last = page.is_last;
                last = page.last();
                yield page;
                if is_last {
                    break;
                }
            }
        }
    }

    /// The documents of these ids.
    pub(crate) async fn by_id(
        &self,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<HashMap<ObjectId, RawDocumentBuf>> {
        let ids = Query::all().one_of(ID, ids);
        let find = async { self.collection.find(ids.to_filter()).await?.try_collect::<Vec<_>>().await };
        let found = self.access.run(OPERATION, find).await?;
        let by_id = |document: RawDocumentBuf| Some((document.get_object_id("_id").ok()?, document));
        Ok(found.into_iter().filter_map(by_id).collect())
    }

    /// The documents of these ids, of whatever types they are, by the text of the id.
    pub(crate) async fn by_any_id(
        &self,
        ids: impl Iterator<Item = Bson>,
    ) -> Result<HashMap<String, RawDocumentBuf>> {
        let ids = Query::all().one_of(ID, ids);
        let find = async { self.collection.find(ids.to_filter()).await?.try_collect::<Vec<_>>().await };
        let found = self.access.run(OPERATION, find).await?;
        let by_id = |document: RawDocumentBuf| Some((id_of(&document)?.to_string(), document));
        Ok(found.into_iter().filter_map(by_id).collect())
    }

    /// Cuts `total` documents into ranges of about the same size.
    pub(crate) async fn cut(&self, total: u64) -> Result<Vec<Range>> {
        let ranges = total.div_ceil(RANGE).clamp(1, RANGES);
        if ranges == 1 {
            return Ok(vec![Range::default()]);
        }
        let sample = self.access.run(OPERATION, self.sample(ranges * SAMPLES, total)).await?;
        let ranges = usize::try_from(ranges).unwrap_or(1);
        let cut = |n: usize| sample.get(n * sample.len() / ranges).and_then(|document| id_of(document));
        let mut cuts: Vec<_> = (1..ranges).filter_map(cut).collect();
        cuts.dedup();
        Ok(Range::between(cuts))
    }

    async fn read(&self, range: &Range, last: Option<&Bson>) -> DriverResult<Page> {
        let mut batch = BATCH;
        loop {
            match self.read_batch(range, last, batch).await? {
                Some(page) => return Ok(page),
                None => batch = batch.saturating_mul(4),
            }
        }
    }

    /// A page, if one ends among that many documents.
    async fn read_batch(&self, range: &Range, last: Option<&Bson>, batch: u32) -> DriverResult<Option<Page>> {
        // Bounds of the index, because `$gt` passes over `_id`s of other types.
        let mut find = self.collection.find(doc! {}).hint(by_id()).limit(batch.into());
        if let Some(from) = last.or(range.from.as_ref()) {
            find = find.min(doc! { "_id": from });
        }
        if let Some(until) = &range.until {
            find = find.max(doc! { "_id": until });
        }
        let mut cursor = find.batch_size(batch).await?;
        let (mut documents, mut bytes, mut read) = (Vec::new(), 0, 0);
        while cursor.advance().await? {
            read += 1;
            let document = cursor.current();
            if last.is_some() && id_of(document).as_ref() == last {
                continue;
            }
            let is_full = documents.len() >= LIMIT || bytes >= MAX_BYTES;
            // The next page starts at the `_id` of the last one, which must be readable for that.
            if is_full && id_of_last(&documents).is_some() {
                return Ok(Some(Page { documents, is_last: false }));
            }
            bytes += document.as_bytes().len();
            documents.push(document.to_owned());
        }
        if read == batch {
            return Ok(None);
        }
        if range.until.is_none() && id_of_last(&documents) != Some(Bson::MaxKey) {
            // Without an upper bound the server ends before this one.
            documents.extend(self.collection.find_one(doc! { "_id": Bson::MaxKey }).await?);
        }
        Ok(Some(Page { documents, is_last: true }))
    }

    /// Some `_id`s from everywhere, in order.
    async fn sample(&self, wanted: u64, total: u64) -> DriverResult<Vec<RawDocumentBuf>> {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let rate = (wanted as f64 / total.max(1) as f64).min(1.0);
        let stages = [
            doc! { "$match": { "$sampleRate": rate } },
            doc! { "$project": { "_id": 1 } },
            doc! { "$sort": { "_id": 1 } },
        ];
        let sample = self.collection.aggregate(stages).hint(by_id()).allow_disk_use(true);
        sample.with_type::<RawDocumentBuf>().await?.try_collect().await
    }
}

fn by_id() -> Hint {
    Hint::Keys(doc! { "_id": 1 })
}
