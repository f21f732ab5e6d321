//! Carrying out a plan: first every check, then what is created, then what is changed or dropped.

use bson::{Document, doc};
use mongodb::error::Error as DriverError;

use super::difference::{IndexDifference, joined};
use super::plan::{CollectionPlan, IndexState, ProvisionPlan};
use super::{ProvisionOptions, ValidatorMode, duplicates, existing, read_plan, validators};
use crate::error::ProvisionError;
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, code_of, is_duplicate, ours, refuse_write_concern_error};
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
    let mut broken = None;
    for steps in &steps {
        let created = steps.create_beside().await?;
        waiting.push(created.displaced);
        broken = broken.or(created.broken);
    }
    // Nothing is dropped while its replacement is missing.
    broken.map_or(Ok(()), Err)?;
    for (steps, waiting) in steps.iter().zip(waiting) {
        steps.alter().await?;
        steps.drop().await?;
        let created = steps.create(waiting).await?;
        created.broken.map_or(Ok(()), Err)?;
        if !created.displaced.is_empty() {
            return Err(steps.stale());
        }
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

    /// Creates what can stand beside the indexes that are to be dropped.
    async fn create_beside(&self) -> DriverResult<Created> {
        let is_dropped = |spec: &&IndexSpec| self.dropped().any(|name| name == spec.name);
        let (waiting, now): (Vec<_>, Vec<_>) = self.missing().partition(is_dropped);
        let mut created = self.create(now).await?;
        if !created.displaced.is_empty() && self.dropped().next().is_none() {
            return Err(self.stale());
        }
        created.displaced.extend(waiting);
        Ok(created)
    }

    /// Creates each unique index in a command of its own, then the others in one: an index that cannot be
    /// built takes all those of its command with it.
    async fn create(&self, specs: Vec<&'static IndexSpec>) -> DriverResult<Created> {
        let (unique, others): (Vec<_>, Vec<_>) = specs.into_iter().partition(|spec| spec.unique);
        let commands = unique.into_iter().map(|spec| vec![spec]).chain([others]);
        let mut created = Created::default();
        for specs in commands.filter(|specs| !specs.is_empty()) {
            match self.build(&specs).await {
                Err(error) if is_clash(&error) => created.displaced.extend(specs),
                Err(error) if is_duplicate(&error) => created.broken = created.broken.or(Some(error)),
                built => built.map_err(|error| self.stale_or(error))?,
            }
        }
        Ok(created)
    }

    /// Creates indexes in one command. It joins the builds of others: it waits for them, and builds itself
    /// what they did not finish.
    async fn build(&self, specs: &[&IndexSpec]) -> DriverResult<()> {
        let indexes: Vec<_> = specs.iter().map(|spec| self.declaration(spec)).collect();
        let command = doc! { "createIndexes": self.plan.collection.name(), "indexes": indexes };
        self.run(self.options.with_quorum(command)).await
    }

    /// The declared index, under the name that it is being built under.
    fn declaration(&self, spec: &IndexSpec) -> Document {
        let mut index = existing::declaration(spec);
        let plan = self.plan.indexes.iter().find(|plan| plan.index == spec.name);
        if let Some(IndexState::Building { existing }) = plan.map(|plan| &plan.state) {
            index.insert("name", existing);
        }
        index
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
        let database = &self.connection.database;
        let mut command = self.options.limit(command);
        // Raw commands ignore the database's write concern, and an index can be lost in a failover too.
        if let Some(concern) = database.write_concern() {
            command.insert("writeConcern", bson::serialize_to_bson(concern)?);
        }
        refuse_write_concern_error(&database.run_command(command).await?)
    }

    /// The declared indexes that are to be created, or waited for.
    fn missing(&self) -> impl Iterator<Item = &'static IndexSpec> {
        schema::indexes_of(self.plan.collection).filter(|spec| {
            self.plan.indexes.iter().any(|index| index.index == spec.name && index.state.is_missing())
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
        if is_clash(&error) || code_of(&error) == Some(INDEX_NOT_FOUND) { self.stale() } else { error }
    }

    fn stale(&self) -> DriverError {
        ours(ProvisionError::PlanStale { collection: self.plan.collection })
    }
}

/// What became of the indexes that were to be created, and were not.
#[derive(Default)]
struct Created {
    /// Those that cannot stand beside an index that is there.
    displaced: Vec<&'static IndexSpec>,
    /// The error of the first unique index that documents break.
    broken: Option<DriverError>,
}

/// Whether an index cannot stand beside another one: of the same keys, or of the same name.
fn is_clash(error: &DriverError) -> bool {
    const INDEX_OPTIONS_CONFLICT: i32 = 85;
    const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    matches!(code_of(error), Some(INDEX_OPTIONS_CONFLICT | INDEX_KEY_SPECS_CONFLICT))
}
