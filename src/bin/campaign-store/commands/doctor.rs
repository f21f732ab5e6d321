use std::fmt;

use campaign_store::{
    Encryption, LoginReport, ProvisionOptions, ProvisionPlan, ServerInfo, Topology, ValidatorState, Warning,
};
use serde::Serialize;

use super::drift::MetricsDrift;
use super::keys::KeyCheck;
use super::logins;
use super::stuck::StuckCampaigns;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let vault = session.database.vault().await?;
    let mongo = session.database.open(vault.clone()).await?;
    let store = mongo.system();
    let mut problems = Problems::default();
    let server = problems.of("server", mongo.server_info().await)?;
    let warnings = mongo.warnings().to_vec();
    let schema = problems.of("indexes", mongo.plan(&ProvisionOptions::new()).await)?;
    let logins = problems.of("logins", mongo.check_logins(&session.interrupt.stop()).await)?;
    session.interrupt.check()?;
    let keys = match vault {
        Some(vault) => problems.of("keys", KeyCheck::run(session, &store, &vault).await)?,
        None => None,
    };
    let metrics = problems.of("metrics", MetricsDrift::find(session, &store).await)?;
    let campaigns = problems.of("campaigns", StuckCampaigns::find(session, &store).await)?;
    let mut diagnosis = Diagnosis {
        is_healthy: false,
        problems: Vec::new(),
        server,
        warnings,
        schema,
        logins,
        keys,
        metrics,
        campaigns,
    };
    problems.0.extend(diagnosis.findings());
    diagnosis.problems = problems.0;
    diagnosis.is_healthy = diagnosis.problems.is_empty();
    Answer::of(&diagnosis)
}

/// What is wrong, in words.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    /// What a check has found. One that fails is a problem and no end, but a signal is.
    fn of<T>(&mut self, what: &str, result: Result<T, impl Into<Failure>>) -> Result<Option<T>, Failure> {
        match result.map_err(Into::into) {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Stopped) => Err(Failure::Stopped),
            Err(failure) => {
                self.0.push(format!("{what} cannot be checked: {failure}"));
                Ok(None)
            }
        }
    }
}

#[derive(Serialize)]
struct Diagnosis {
    is_healthy: bool,
    problems: Vec<String>,
    server: Option<ServerInfo>,
    #[serde(skip)]
    warnings: Vec<Warning>,
    schema: Option<ProvisionPlan>,
    logins: Option<LoginReport>,
    /// None where no keys are given.
    keys: Option<KeyCheck>,
    metrics: Option<MetricsDrift>,
    campaigns: Option<StuckCampaigns>,
}

impl Diagnosis {
    fn findings(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.warnings.iter().map(Warning::to_string));
        let drift = self.schema.iter().flat_map(ProvisionPlan::drift);
        problems.extend(drift.map(|drift| drift.to_string()));
        problems.extend(self.logins.iter().filter_map(logins::problem));
        problems.extend(self.keys.iter().flat_map(KeyCheck::problems));
        problems.extend(self.metrics.iter().flat_map(MetricsDrift::problems));
        problems.extend(self.campaigns.iter().flat_map(StuckCampaigns::problems));
        problems
    }

    fn validators(&self) -> String {
        let plans = self.schema.iter().flat_map(|plan| &plan.collections);
        let states = plans.filter_map(|plan| {
            let state = match &plan.validator.as_ref()?.state {
                ValidatorState::Matches { action, .. } => action,
                ValidatorState::Differs { .. } => "of another schema",
                _ => "none",
            };
            Some(format!("{} {state}", plan.collection))
        });
        states.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            let topology = match server.topology {
                Topology::ReplicaSet => "replica set",
                Topology::Sharded => "sharded cluster",
                _ => "unknown",
            };
            writeln!(f, "server      MongoDB {}, {topology}", server.version)?;
            let encryption = match server.encryption {
                Encryption::None => "no TLS",
                Encryption::Unchecked => "TLS, certificate not checked",
                Encryption::Checked => "TLS",
                _ => "unknown",
            };
            let login = if server.is_logged_in { "logged in" } else { "no login" };
            writeln!(f, "connection  {encryption}, {login}")?;
        }
        if let Some(schema) = &self.schema {
            let state = if schema.is_in_sync() { "as in the schema" } else { "not as in the schema" };
            writeln!(f, "indexes     {state}")?;
            writeln!(f, "validators  {}", self.validators())?;
        }
        if let Some(logins) = &self.logins {
            let n = logins.not_in_stored_form();
            writeln!(f, "logins      {n} not in the stored form, of {} users", logins.users)?;
        }
        match &self.keys {
            Some(keys) => writeln!(f, "keys        {keys}")?,
            None => writeln!(f, "keys        not checked")?,
        }
        if let Some(metrics) = &self.metrics {
            writeln!(f, "metrics     {metrics}")?;
        }
        if let Some(campaigns) = &self.campaigns {
            writeln!(f, "campaigns   {campaigns}")?;
        }
        for problem in &self.problems {
            writeln!(f, "PROBLEM     {problem}")?;
        }
        f.write_str(if self.is_healthy { "Nothing is wrong." } else { "Something is wrong." })
    }
}

impl Report for Diagnosis {
    fn exit(&self) -> Exit {
        if self.is_healthy { Exit::Done } else { Exit::Failed }
    }
}
