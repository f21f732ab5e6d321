use std::fmt;

use campaign_store::{
    IndexState, MongoStore, ProvisionError, ProvisionOptions, ProvisionPlan, ValidatorMode,
};
use serde::Serialize;

use crate::args::{Provision, Validators};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::session::Session;

const ATTEMPTS: u32 = 5;

pub(super) async fn run(session: &Session, args: &Provision) -> Result<Answer, Failure> {
    let mongo = session.database.connect().await?;
    let options = ProvisionOptions::new().validators(match args.validators {
        Validators::Keep => ValidatorMode::Keep,
        Validators::Warn => ValidatorMode::Warn,
        Validators::Enforce => ValidatorMode::Enforce,
    });
    let plan = if args.plan { mongo.plan(&options).await? } else { apply(&mongo, &options).await? };
    Answer::of(&Provisioned { is_applied: !args.plan, is_in_sync: plan.is_in_sync(), plan })
}

/// Makes a plan and carries it out; a new one while others provision at the same time.
async fn apply(mongo: &MongoStore, options: &ProvisionOptions) -> Result<ProvisionPlan, Failure> {
    let mut attempts = 1;
    loop {
        let plan = mongo.plan(options).await?;
        match mongo.apply(&plan).await {
            Err(ProvisionError::PlanStale { .. }) if attempts < ATTEMPTS => attempts += 1,
            applied => return Ok(applied.map(|()| plan)?),
        }
    }
}

#[derive(Serialize)]
struct Provisioned {
    /// Whether the plan was carried out.
    is_applied: bool,
    /// Whether there was nothing to do.
    is_in_sync: bool,
    #[serde(flatten)]
    plan: ProvisionPlan,
}

impl Provisioned {
    /// Whether the plan cannot be carried out as it is.
    fn is_blocked(&self) -> bool {
        let mut indexes = self.plan.collections.iter().flat_map(|collection| &collection.indexes);
        indexes.any(|index| matches!(index.state, IndexState::Differs { .. }))
    }
}

impl fmt::Display for Provisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)?;
        f.write_str(match (self.is_in_sync, self.is_applied) {
            (true, _) => "There is nothing to do.",
            (false, true) => "Done.",
            (false, false) if self.is_blocked() => "The plan cannot be applied: see what differs.",
            (false, false) => "This is the plan. Nothing was changed.",
        })
    }
}

impl Report for Provisioned {
    fn exit(&self) -> Exit {
        if self.is_blocked() { Exit::Failed } else { Exit::Done }
    }
}
