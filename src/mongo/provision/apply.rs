//! Carrying out a plan: first every check, then what is created, then what is changed or dropped.

use bson::{Document, doc};
use mongodb::error::Error as DriverError;

use super::difference::{IndexDifference, joined};
use super::plan::{CollectionPlan, IndexState, ProvisionPlan};
use super::{ProvisionOptions, ValidatorMode, duplicates, existing, read_plan, validators};
use crate::error::ProvisionError;
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, code_of, ours};
use crate::schema::{self, IndexSpec};

/// Carries out a plan that was just made.
pub(super) async fn apply(connection: &Connection, plan: &ProvisionPlan) -> DriverResult<()> {
    refuse_differences(plan)?;
    if plan.is_in_sync() {
        return Ok(());
    }
    let ProvisionPlan { collections, options } = plan;
    let steps: Vec<_> = collections.iter().map(|plan| Steps { connection, options, plan }).collect();
    for steps in &steps {
        steps.check().await?;
    }
    let mut waiting = Vec::new();
    for steps in &steps {
        waiting.push(steps.create_beside().await?);
    }
    for (steps, waiting) in steps.iter().zip(waiting) {
        steps.alter().await?;
        steps.drop().await?;
        steps.create(&waiting).await.map_err(|error| steps.stale_or(error))?;
        steps.set_validator().await?;
    }
    // The server also says yes where an index of this name came into being with other options.
    refuse_differences(&read_plan(connection, options).await?)
}

fn refuse_differences(plan: &ProvisionPlan) -> DriverResult<()> {
    for CollectionPlan { collection, indexes, .. } in &plan.collections {
        for index in indexes {
            if let IndexState::Differs { existing, differences } = &index.state {
                let (index, difference) = (existing.clone(), joined(differences));
                return Err(ours(ProvisionError::IndexDiffers {
                    collection: *collection,
                    index,
                    difference,
                }));
            }
        }
    }
    Ok(())
}

/// The steps in one collection.
struct Steps<'a> {
    connection: &'a Connection,
    options: &'a ProvisionOptions,
    plan: &'a CollectionPlan,
}

impl Steps<'_> {
    async fn check(&self) -> DriverResult<()> {
        for spec in self.missing().filter(|spec| spec.unique) {
            duplicates::refuse(self.connection, spec, self.options).await?;
        }
        if self.validator() == Some(ValidatorMode::Enforce) {
            validators::refuse_offenders(self.connection, self.plan.collection, self.options).await?;
        }
        Ok(())
    }

    /// Creates what can stand beside the indexes that are to be dropped, and gives the rest.
    async fn create_beside(&self) -> DriverResult<Vec<&'static IndexSpec>> {
        let (mut waiting, now): (Vec<_>, Vec<_>) =
            self.missing().partition(|spec| self.dropped().any(|name| name == spec.name));
        match self.create(&now).await {
            Ok(()) => {}
            Err(error) if is_clash(&error) && self.dropped().next().is_some() => waiting.extend(now),
            Err(error) => return Err(self.stale_or(error)),
        }
        Ok(waiting)
    }

    async fn create(&self, specs: &[&IndexSpec]) -> DriverResult<()> {
        if specs.is_empty() {
            return Ok(());
        }
        let indexes: Vec<_> = specs.iter().map(|spec| existing::declaration(spec)).collect();
        let command = doc! { "createIndexes": self.plan.collection.name(), "indexes": indexes };
        self.run(self.options.with_quorum(command)).await
    }

    async fn alter(&self) -> DriverResult<()> {
        for index in &self.plan.indexes {
            if let IndexState::Alter { existing, differences } = &index.state {
                let mut change = doc! { "name": existing };
                change.extend(differences.iter().map(IndexDifference::alteration));
                let command = doc! { "collMod": self.plan.collection.name(), "index": change };
                self.run(command).await.map_err(|error| self.stale_or(error))?;
            }
        }
        Ok(())
    }

    async fn drop(&self) -> DriverResult<()> {
        for index in self.dropped() {
            let command = doc! { "dropIndexes": self.plan.collection.name(), "index": index };
            self.run(command).await.map_err(|error| self.stale_or(error))?;
        }
        Ok(())
    }

    async fn set_validator(&self) -> DriverResult<()> {
        match self.validator() {
            Some(mode) => self.run(validators::setting(self.plan.collection, mode)).await,
            None => Ok(()),
        }
    }

    async fn run(&self, command: Document) -> DriverResult<()> {
        self.connection.database.run_command(self.options.limit(command)).await?;
        Ok(())
    }

    /// The declared indexes that are to be created.
    fn missing(&self) -> impl Iterator<Item = &'static IndexSpec> {
        schema::indexes_of(self.plan.collection).filter(|spec| {
            let is_missing = |state: &IndexState| matches!(state, IndexState::Create { .. });
            self.plan.indexes.iter().any(|index| index.index == spec.name && is_missing(&index.state))
        })
    }

    /// The names of the indexes that are to be dropped.
    fn dropped(&self) -> impl Iterator<Item = &str> {
        let dropped = self.plan.indexes.iter().filter(|index| matches!(index.state, IndexState::Drop { .. }));
        dropped.map(|index| index.index.as_str())
    }

    fn validator(&self) -> Option<ValidatorMode> {
        self.plan.validator.as_ref().and_then(|validator| validator.set)
    }

    /// What the server cannot do because it is no longer as the plan has it means a stale plan.
    fn stale_or(&self, error: DriverError) -> DriverError {
        const INDEX_NOT_FOUND: i32 = 27;
        if is_clash(&error) || code_of(&error) == Some(INDEX_NOT_FOUND) {
            return ours(ProvisionError::PlanStale { collection: self.plan.collection });
        }
        error
    }
}

/// Whether an index cannot stand beside another one: of the same keys, or of the same name.
fn is_clash(error: &DriverError) -> bool {
    const INDEX_OPTIONS_CONFLICT: i32 = 85;
    const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    matches!(code_of(error), Some(INDEX_OPTIONS_CONFLICT | INDEX_KEY_SPECS_CONFLICT))
}
