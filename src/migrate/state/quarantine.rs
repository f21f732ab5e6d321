//! Old documents that are not taken over, each with the reason and its sealed original.

use std::collections::{BTreeMap, HashSet};

use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use serde::Deserialize;

use super::counts::Counts;
use super::quarantined::{CountedAs, failure, quarantine_id};
use super::stored::{corrupt, read};
use crate::collection::Collection;
use crate::document::original::place_of;
use crate::document::{ID, Query};
use crate::error::{MigrationError, SecretProblem};
use crate::migrate::access::Access;
use crate::migrate::old::page::Page;
use crate::migrate::{MigrationStep, Rejection, Result};
use crate::mongo::error::DriverResult;
use crate::secret::Vault;

const OPERATION: &str = "migration.quarantine";
const COLLECTION: Collection = Collection::MigrationQuarantine;
/// How many documents are read at a time.
const LIMIT: i64 = 200;

/// What is not taken over.
pub(crate) struct Quarantine<'a>(pub(crate) &'a Access);

/// A document in quarantine, as far as another try needs it.
pub(crate) struct Kept {
    step: MigrationStep,
    id: Document,
    /// What it counted as before it lost a clash.
    pub(crate) counted_as: Option<CountedAs>,
    /// The sealed original; `None` when it was too large to be kept.
    original: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "_id")]
    kind: Kind,
    n: u64,
}

#[derive(Deserialize)]
struct Kind {
    reason: Rejection,
    #[serde(default)]
    counted_as: Option<CountedAs>,
}

impl Quarantine<'_> {
    /// Puts documents in.
    pub(crate) async fn put(
        &self,
        session: &mut ClientSession,
        documents: &[(Document, Document)],
    ) -> DriverResult<()> {
        let documents = documents.iter().map(|(id, update)| (id.into(), update.clone()));
        self.0.table(COLLECTION).upsert_each(Some(session), documents).await
    }

    /// Takes documents out, if they are there.
    pub(crate) async fn release(&self, session: &mut ClientSession, ids: &[Document]) -> DriverResult<()> {
        if !ids.is_empty() {
            let released = Query::all().one_of(ID, ids.iter().cloned().map(bson::Bson::from)).to_filter();
            self.all().delete_many(released).session(session).await?;
        }
        Ok(())
    }

    /// The next documents of a step, in the order of their ids.
    pub(crate) async fn page(&self, step: MigrationStep, last: Option<&Kept>) -> Result<Vec<Kept>> {
        // Their ids are documents, so `$gt` passes over none.
        let after = last.map(|last| last.id.clone()).unwrap_or_default();
        let filter = doc! { "_id": { "$gt": after }, "from": step.source() };
        let find = async {
            let page = self.all().find(filter).sort(doc! { "_id": 1 }).limit(LIMIT).await?;
            page.try_collect::<Vec<_>>().await
        };
        let page = self.0.run(OPERATION, find).await?;
        page.iter().map(|document| Kept::decode(step, document)).collect()
    }

    /// Those of the documents of a page that are in quarantine, by the texts of their `_id`s there.
    pub(crate) async fn ids_of(&self, step: MigrationStep, page: &Page) -> Result<HashSet<String>> {
        let ids: Vec<_> = page.documents.iter().map(|document| quarantine_id(step, document)).collect();
        let find = async {
            let found = self.0.collection::<Document>(COLLECTION.name());
            let found = found.find(doc! { "_id": { "$in": ids } }).projection(doc! { "_id": 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = self.0.run(OPERATION, find).await?;
        let id = |document: &Document| document.get_document("_id").ok().map(ToString::to_string);
        Ok(found.iter().filter_map(id).collect())
    }

    /// Documents by their first reason. Those that lost a clash counted as taken before, and do no longer.
    pub(crate) async fn count(
        &self,
        step: MigrationStep,
        counts: &mut Counts,
    ) -> Result<BTreeMap<Rejection, u64>> {
        let stages = [
            doc! { "$match": { "from": step.source() } },
            doc! { "$group": {
                "_id": { "reason": "$reason", "counted_as": "$counted_as" },
                "n": { "$sum": 1_i64 },
            } },
        ];
        let groups = async {
            let groups = self.all().aggregate(stages).with_type::<RawDocumentBuf>().await?;
            groups.try_collect::<Vec<_>>().await
        };
        let mut quarantined = BTreeMap::new();
        for group in self.0.run("migration.status", groups).await? {
            let Group { kind, n } = read(COLLECTION, &group)?;
            if let Some(CountedAs(repair)) = kind.counted_as {
                counts.take_back(repair, n);
            }
            *quarantined.entry(kind.reason).or_default() += n;
        }
        Ok(quarantined)
    }

    fn all(&self) -> mongodb::Collection<RawDocumentBuf> {
        self.0.collection(COLLECTION.name())
    }
}

impl Kept {
    /// # Errors
    /// `Corrupt` when the document is not of this quarantine.
    fn decode(step: MigrationStep, document: &RawDocument) -> Result<Self> {
        #[derive(Deserialize)]
        struct Stored {
            #[serde(default)]
            counted_as: Option<CountedAs>,
        }
        let corrupt = || corrupt(COLLECTION, document);
        let Stored { counted_as } = read(COLLECTION, document)?;
        // Not by serde, which takes some documents for what they spell (see `Part`).
        let id = document.get_document("_id").map_err(|_| corrupt())?;
        let id = Document::try_from(id).map_err(|_| corrupt())?;
        let original = match document.get("original").map_err(|_| corrupt())? {
            None => None,
            Some(original) => Some(original.as_binary().ok_or_else(corrupt)?.bytes.to_vec()),
        };
        Ok(Self { step, id, counted_as, original })
    }

    /// The `_id` of the document in the old collection.
    pub(crate) fn old_id(&self) -> Option<&Bson> {
        self.id.get("id")
    }

    /// The original, opened. `None` when it was too large to be kept.
    pub(crate) fn open(&self, vault: &Vault) -> Result<Option<RawDocumentBuf>> {
        let Some(sealed) = &self.original else { return Ok(None) };
        let opened = place_of(&self.id).and_then(|place| vault.unseal_document(place.as_bytes(), sealed));
        let document = opened.and_then(|(_, bytes)| {
            let document = RawDocument::from_bytes(&*bytes).map(ToOwned::to_owned);
            document.map_err(|_| SecretProblem::Malformed)
        });
        document.map(Some).map_err(|problem| self.failure(problem))
    }

    fn failure(&self, problem: SecretProblem) -> MigrationError {
        failure(self.step, &self.id, problem)
    }
}
