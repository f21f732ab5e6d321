//! Retiring the old collections.

use std::collections::{BTreeMap, BTreeSet};

use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::stream::{StreamExt, TryStreamExt};
use serde::Serialize;

use crate::error::{Error, MigrationError};
use crate::migrate::access::Access;
use crate::migrate::legacy::is_secret_name;
use crate::migrate::old::source::Source;
use crate::migrate::state::lease::{Lease, held};
use crate::migrate::state::ledger::Ledger;
use crate::migrate::{MigrationOptions, MigrationStep, Result};

const OPERATION: &str = "migration.finalise";

/// The result of finalising.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct FinaliseReport {
    /// The old collections that were renamed, and their new names.
    pub renamed: BTreeMap<&'static str, &'static str>,
    /// Documents from which secrets were removed.
    pub scrubbed: u64,
}

pub(crate) async fn finalise(access: &Access, options: &MigrationOptions) -> Result<FinaliseReport> {
    let lease = Lease::acquire(access, options.lease).await?.map_err(held)?;
    let report = lease.returned_after(retire(access, &lease).await).await?;
    lease.release().await?;
    Ok(report)
}

async fn retire(access: &Access, lease: &Lease) -> Result<FinaliseReport> {
    let ledger = Ledger(access);
    if !ledger.entry(None).await?.is_done {
        return Err(MigrationError::NotMigrated);
    }
    ledger.take_over(lease.token()).await?;
    // From now on there is no way back, even when this is cut off.
    ledger.note(None, lease.token(), doc! { "$set": { "is_finalised": true } }).await?;
    let mut report = FinaliseReport::default();
    for step in MigrationStep::ALL {
        lease.require()?;
        if rename(access, step).await? {
            report.renamed.insert(step.source(), step.retired_source());
        }
        report.scrubbed += scrub(access, step).await?;
    }
    Ok(report)
}

/// Renames the old collection, if it still has its name.
async fn rename(access: &Access, step: MigrationStep) -> Result<bool> {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    let database = &access.connection().database;
    let name = |collection: &str| format!("{}.{collection}", database.name());
    let rename = doc! { "renameCollection": name(step.source()), "to": name(step.retired_source()) };
    let renamed = async { access.connection().admin().run_command(rename).await };
    match access.run(OPERATION, renamed).await {
        Ok(_) => Ok(true),
        Err(MigrationError::Store(Error::Backend { code: Some(NAMESPACE_NOT_FOUND), .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the secrets from the old collection.
async fn scrub(access: &Access, step: MigrationStep) -> Result<u64> {
    if step != MigrationStep::Mailboxes {
        return Ok(0);
    }
    // They go by many spellings of their names.
    let mut names = BTreeSet::new();
    let mut pages = Source::new(access, step.retired_source()).all_pages().boxed();
    while let Some(page) = pages.try_next().await? {
        let keys = page.documents.iter().flat_map(RawDocumentBuf::iter).filter_map(Result::ok);
        let keys = keys.map(|(name, _)| name.as_str()).filter(|name| is_secret_name(name));
        names.extend(keys.map(str::to_owned));
    }
    if names.is_empty() {
        return Ok(0);
    }
    let holding: Vec<_> = names.iter().map(|name| doc! { name: { "$exists": true } }).collect();
    let names: Document = names.iter().map(|name| (name.to_owned(), true.into())).collect();
    let retired = access.collection::<Document>(step.retired_source());
    let scrub = async { retired.update_many(doc! { "$or": holding }, doc! { "$unset": names }).await };
    Ok(access.run(OPERATION, scrub).await?.modified_count)
}
