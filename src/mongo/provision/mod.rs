//! Indexes and validators: planning, applying, watching.

mod apply;
mod diff;
mod difference;
mod duplicates;
mod existing;
pub(super) mod logins;
mod options;
mod plan;
mod text;
mod validator_plan;
mod validators;

use std::time::Duration;

use bson::Bson;

pub use difference::IndexDifference;
pub use logins::{LoginCollision, LoginReport};
pub use options::{CommitQuorum, ProvisionOptions, ValidatorMode};
pub use plan::{CollectionPlan, IndexPlan, IndexState, ProvisionPlan, SchemaDrift};
pub use validator_plan::{ValidatorPlan, ValidatorState};

use super::connection::Connection;
use super::error::{DriverResult, ours};
use crate::collection::Collection;
use crate::error::{Offenders, ProvisionError};
use crate::schema;

/// The result of planning and applying.
type Result<T> = std::result::Result<T, ProvisionError>;

/// How long it may take to read indexes and options.
const READ_LIMIT: Duration = Duration::from_secs(60);
/// How long all of it may take. A single command has the limit of the options.
const LIMIT: Duration = Duration::from_secs(24 * 3_600);

/// Makes a plan.
pub(super) async fn plan(connection: &Connection, options: &ProvisionOptions) -> Result<ProvisionPlan> {
    connection.run_for(READ_LIMIT, "provision.plan", read_plan(connection, options)).await
}

/// Creates what is missing, if nothing that exists differs.
pub(crate) async fn provision(connection: &Connection) -> Result<()> {
    let work = async {
        let plan = read_plan(connection, &ProvisionOptions::new()).await?;
        apply::apply(connection, &plan).await
    };
    connection.run_for(LIMIT, "provision", work).await
}

/// Creates what is missing, but for the indexes that a load of `collections` only makes slower.
pub(crate) async fn provision_for_load(connection: &Connection, collections: &[Collection]) -> Result<()> {
    let work = async {
        let mut plan = read_plan(connection, &ProvisionOptions::new()).await?;
        for plan in plan.collections.iter_mut().filter(|plan| collections.contains(&plan.collection)) {
            let collection = plan.collection;
            let is_unique =
                |name: &str| schema::indexes_of(collection).any(|index| index.name == name && index.unique);
            plan.indexes.retain(|index| !index.state.is_missing() || is_unique(&index.index));
        }
        apply::apply(connection, &plan).await
    };
    connection.run_for(LIMIT, "provision", work).await
}

/// Carries out a plan, if the database is still as it was when the plan was made.
pub(super) async fn apply(connection: &Connection, plan: &ProvisionPlan) -> Result<()> {
    let work = async {
        let now = read_plan(connection, &plan.options).await?;
        let mut both = plan.collections.iter().zip(&now.collections);
        match both.find(|(then, now)| then != now) {
            Some((then, _)) => Err(ours(ProvisionError::PlanStale { collection: then.collection })),
            None => apply::apply(connection, plan).await,
        }
    };
    connection.run_for(LIMIT, "provision.apply", work).await
}

/// The documents that the validators would refuse, of the collections that have any.
pub(super) async fn offenders(connection: &Connection, options: &ProvisionOptions) -> Result<Vec<Offenders>> {
    let work = async {
        let mut all = Vec::new();
        for collection in Collection::ALL {
            all.extend(validators::offenders_of(connection, collection, options).await?);
        }
        Ok(all)
    };
    connection.run_for(LIMIT, "provision.offenders", work).await
}

async fn read_plan(connection: &Connection, options: &ProvisionOptions) -> DriverResult<ProvisionPlan> {
    Ok(ProvisionPlan::new(&existing::read(connection).await?, options))
}

/// The `_id` of a document as a text.
fn id_text(id: Option<&Bson>) -> String {
    match id {
        Some(Bson::ObjectId(id)) => id.to_hex(),
        Some(Bson::String(id)) => id.clone(),
        Some(id) => id.to_string(),
        None => "unknown".to_owned(),
    }
}

/// A count as the server gives it.
fn whole(count: Option<&Bson>) -> u64 {
    match count {
        Some(Bson::Int32(count)) => u64::try_from(*count).unwrap_or_default(),
        Some(Bson::Int64(count)) => u64::try_from(*count).unwrap_or_default(),
        _ => 0,
    }
}
