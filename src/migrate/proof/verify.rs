//! Whether every old document is where it should be.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_stream::try_stream;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use futures_util::stream::{Stream, StreamExt};
use serde::Serialize;

use super::compare::{Comparison, compare};
use crate::collection::Collection;
use crate::document::{Query, field};
use crate::error::{Error, Result};
use crate::migrate::MigrationStep;
use crate::migrate::context::Context;
use crate::migrate::copy::batch::read;
use crate::migrate::copy::primaries::losers;
use crate::migrate::copy::quarantine::quarantine_id;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::old_collection::Source;
use crate::migrate::old::page::{Page, id_of};
use crate::migrate::state::counts::number_of;
use crate::model::{CampaignId, Drift};
use crate::mongo::recount;

const OPERATION: &str = "migration.verify";

/// What a verification has found. It reads every old document again, and compares what it becomes with
/// what is there, also the secrets.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct VerificationReport {
    /// Old documents that were looked at.
    pub checked: u64,
    /// Those that are taken over, field by field.
    pub same: u64,
    /// Those that are taken over and that the application has changed since.
    pub changed_since: u64,
    /// Those that are in quarantine.
    pub quarantined: u64,
    /// Those that are nowhere. The next run takes them over.
    pub missing: u64,
    /// Those of which something else was made, and those that are both taken over and in quarantine.
    pub differing: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) that are missing or differ.
    pub problems: Vec<VerificationProblem>,
    /// Campaigns whose metrics are not what their tracking rows add up to.
    pub metrics_drift: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) of them.
    pub drifting: Vec<Drift>,
    /// Whether all was looked at.
    pub is_done: bool,
}

/// An old document that is not where it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerificationProblem {
    /// The old collection.
    pub from: MigrationStep,
    /// Its `_id`.
    pub id: String,
    /// What is wrong: `missing`, `also in quarantine`, or the name of a field.
    pub problem: String,
}

impl VerificationReport {
    /// How many problems are listed.
    pub const MAX_LISTED: usize = 1_000;

    /// Whether all was looked at and nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.is_done && self.missing == 0 && self.differing == 0 && self.metrics_drift == 0
    }

    fn add(&mut self, page: Self) {
        self.checked += page.checked;
        self.same += page.same;
        self.changed_since += page.changed_since;
        self.quarantined += page.quarantined;
        self.missing += page.missing;
        self.differing += page.differing;
        let room = Self::MAX_LISTED.saturating_sub(self.problems.len());
        self.problems.extend(page.problems.into_iter().take(room));
    }

    fn add_problem(&mut self, from: MigrationStep, original: &RawDocumentBuf, problem: &str) {
        let id = id_of(original).map_or_else(|| "unknown".to_owned(), |id| shown(&id));
        self.problems.push(VerificationProblem { from, id, problem: problem.to_owned() });
    }
}

/// An `_id` as it can be shown: one that is no id of the database's own could be an address.
fn shown(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        other => format!("({:?})", other.element_type()),
    }
}

/// Looks at every old document and at the metrics.
pub(crate) fn verify(context: Context) -> impl Stream<Item = Result<VerificationReport>> + Send {
    try_stream! {
        let mut report = VerificationReport::default();
        let demoted = Arc::new(context.demoted().await?);
        let mailboxes = context.clone().verify_step::<LegacyMailbox>(demoted.clone()).boxed();
        let campaigns = context.clone().verify_step::<LegacyCampaign>(demoted).boxed();
        let mut pages = mailboxes.chain(campaigns);
        while let Some(page) = pages.try_next().await? {
            report.add(page);
            yield report.clone();
        }
        let mut drifts = recount::drift(context.connection.clone()).await?.boxed();
        while let Some(drift) = drifts.next().await {
            let drift = match drift {
                // Rows that belong to no campaign have no metrics either.
                Err(Error::Corrupt { collection: Collection::EmailTracking, .. }) => continue,
                drift => drift?,
            };
            if drift.stored.is_none() && !context.is_campaign(drift.campaign_id).await? {
                continue;
            }
            report.metrics_drift += 1;
            if report.drifting.len() < VerificationReport::MAX_LISTED {
                report.drifting.push(drift);
            }
        }
        report.is_done = true;
        yield report;
    }
}

impl Context {
    fn verify_step<L: LegacyRecord>(
        self,
        demoted: Arc<HashSet<ObjectId>>,
    ) -> impl Stream<Item = Result<VerificationReport>> + Send {
        self.source(L::STEP)
            .all_pages()
            .map_ok(move |page| (self.clone(), demoted.clone(), page))
            .and_then(|(context, demoted, page)| async move { context.verify_page::<L>(page, demoted).await })
    }

    async fn verify_page<L: LegacyRecord>(
        &self,
        page: Page,
        demoted: Arc<HashSet<ObjectId>>,
    ) -> Result<VerificationReport> {
        let targets = self.new_documents(L::STEP, page.object_ids()).await?;
        let quarantined = self.quarantined(L::STEP, &page).await?;
        let (vault, now) = (self.vault.clone(), self.connection.now());
        let look = move || {
            let mut report =
                VerificationReport { checked: number_of(page.documents.len()), ..Default::default() };
            for original in &page.documents {
                let id = original.get_object_id("_id").ok();
                let target = id.and_then(|id| targets.get(&id));
                let is_quarantined = quarantined.contains(&quarantine_id(L::STEP, original).to_string());
                let Some(target) = target else {
                    if is_quarantined {
                        report.quarantined += 1;
                    } else {
                        report.missing += 1;
                        report.add_problem(L::STEP, original, "missing");
                    }
                    continue;
                };
                let is_demoted = id.is_some_and(|id| demoted.contains(&id));
                let comparison = match read::<L>(original, &vault) {
                    Ok(record) => compare(&record, target, is_demoted, &vault, now),
                    Err(_) => Comparison::Differs("(document)".into()),
                };
                match comparison {
                    _ if is_quarantined => {
                        report.differing += 1;
                        report.add_problem(L::STEP, original, "also in quarantine");
                    }
                    Comparison::Same => report.same += 1,
                    Comparison::ChangedSince => report.changed_since += 1,
                    Comparison::Differs(path) => {
                        report.differing += 1;
                        report.add_problem(L::STEP, original, &path);
                    }
                }
            }
            report
        };
        // It ends early only when the runtime does.
        tokio::task::spawn_blocking(look).await.map_err(|_| Error::ShutDown)
    }

    /// The new documents of these ids.
    pub(crate) async fn new_documents(
        &self,
        step: MigrationStep,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<HashMap<ObjectId, RawDocumentBuf>> {
        Source::new(&self.connection, step.target().name()).by_id(ids).await
    }

    async fn is_campaign(&self, id: CampaignId) -> Result<bool> {
        let campaign = Query::all().is(field::CAMPAIGN_ID, id.to_string());
        self.connection.run(OPERATION, self.connection.campaigns.any(None, &campaign)).await
    }

    /// Those of the documents that are in quarantine, by their `_id`s there.
    async fn quarantined(&self, step: MigrationStep, page: &Page) -> Result<HashSet<String>> {
        let ids: Vec<_> = page.documents.iter().map(|document| quarantine_id(step, document)).collect();
        let find = async {
            let quarantine = self.quarantine();
            let found = quarantine.find(doc! { "_id": { "$in": ids } }).projection(doc! { "_id": 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = self.connection.run(OPERATION, find).await?;
        let id = |document: &Document| document.get_document("_id").ok().map(ToString::to_string);
        Ok(found.iter().filter_map(id).collect())
    }

    /// The mailboxes that are primary no more.
    pub(crate) async fn demoted(&self) -> Result<HashSet<ObjectId>> {
        let find = async { self.clashes().find(doc! {}).await?.try_collect::<Vec<_>>().await };
        let clashes = self.connection.run(OPERATION, find).await?;
        Ok(clashes.iter().flat_map(losers).map(|(id, _)| id).collect())
    }
}
