//! The verification.

use std::collections::HashSet;
use std::sync::Arc;

use async_stream::try_stream;
use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use futures_util::TryStreamExt;
use futures_util::stream::{Stream, StreamExt};
use serde::Serialize;

use super::compare::{Comparison, compare};
use crate::collection::Collection;
use crate::document::Query;
use crate::document::campaign::field;
use crate::error::Error;
use crate::migrate::access::Access;
use crate::migrate::blocking::blocking;
use crate::migrate::copy::batch::read;
use crate::migrate::copy::target::Target;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::old::page::{Page, id_of, shown};
use crate::migrate::old::source::Source;
use crate::migrate::state::clashes::Clashes;
use crate::migrate::state::counts::number_of;
use crate::migrate::state::quarantine::Quarantine;
use crate::migrate::state::quarantined::quarantine_id;
use crate::migrate::{MigrationStep, Result};
use crate::model::{CampaignId, Drift};
use crate::mongo::tracking::Recounts;

/// The result of a verification, which reads every old document again and compares what it becomes with
/// the stored document, secrets included.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct VerificationReport {
    /// Old documents that were checked.
    pub checked: u64,
    /// Documents that were taken over and are the same, field by field.
    pub same: u64,
    /// Documents that were taken over and that the application has changed since.
    pub changed_since: u64,
    /// Documents in quarantine.
    pub quarantined: u64,
    /// Documents that are neither taken over nor in quarantine. The next run takes them over.
    pub missing: u64,
    /// Documents whose stored form differs, or that are both taken over and in quarantine.
    pub differing: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) documents that are missing or differ.
    pub problems: Vec<VerificationProblem>,
    /// Campaigns whose metrics differ from the sum of their tracking rows.
    pub metrics_drift: u64,
    /// The first [`MAX_LISTED`](Self::MAX_LISTED) of those campaigns.
    pub drifting: Vec<Drift>,
    /// Whether everything was checked.
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
    /// The most problems that are listed.
    pub const MAX_LISTED: usize = 1_000;

    /// Whether everything was checked and nothing is wrong.
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

/// Looks at every old document and at the metrics.
pub(crate) fn verify(access: Access) -> impl Stream<Item = Result<VerificationReport>> + Send {
    try_stream! {
        let mut report = VerificationReport::default();
        let demoted: Arc<HashSet<_>> = Arc::new(Clashes(&access).losers().await?.into_iter().collect());
        let mailboxes = verify_step::<LegacyMailbox>(access.clone(), demoted.clone()).boxed();
        let campaigns = verify_step::<LegacyCampaign>(access.clone(), demoted).boxed();
        let mut pages = mailboxes.chain(campaigns);
        while let Some(page) = pages.try_next().await? {
            report.add(page);
            yield report.clone();
        }
        let mut drifts = Recounts(access.connection().clone()).drift().await?.boxed();
        while let Some(drift) = drifts.next().await {
            let drift = match drift {
                // Rows that belong to no campaign have no metrics either.
                Err(Error::Corrupt { collection: Collection::EmailTracking, .. }) => continue,
                drift => drift?,
            };
            if drift.stored.is_none() && !is_campaign(&access, drift.campaign_id).await? {
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

fn verify_step<L: LegacyRecord>(
    access: Access,
    demoted: Arc<HashSet<ObjectId>>,
) -> impl Stream<Item = Result<VerificationReport>> + Send {
    Source::of(&access, L::STEP)
        .all_pages()
        .map_ok(move |page| (access.clone(), demoted.clone(), page))
        .and_then(|(access, demoted, page)| async move { verify_page::<L>(&access, page, demoted).await })
}

async fn verify_page<L: LegacyRecord>(
    access: &Access,
    page: Page,
    demoted: Arc<HashSet<ObjectId>>,
) -> Result<VerificationReport> {
    let targets = Target::of(access, L::STEP).by_id(page.object_ids()).await?;
    let quarantined = Quarantine(access).ids_of(L::STEP, &page).await?;
    let (vault, now) = (access.vault()?.clone(), access.now());
    blocking(move || {
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
    })
    .await
}

async fn is_campaign(access: &Access, id: CampaignId) -> Result<bool> {
    let campaign = Query::all().is(field::id, &id);
    let campaigns = access.table(Collection::Campaigns);
    access.run("migration.verify", campaigns.any(None, &campaign)).await
}
