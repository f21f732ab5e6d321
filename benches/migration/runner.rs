//! The process that runs the migration.

use std::process::{Command, Stdio};
use std::time::Instant;

use campaign_store::{Keyring, Migration, MigrationOptions, MongoOptions, MongoStore, Vault};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::world::World;
use crate::{Result, server};

const DATABASE: &str = "MIGRATION_DATABASE";
const URI: &str = "MIGRATION_URI";

/// The results of a run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) copy_per_s: f64,
    pub(crate) metrics_per_s: f64,
    pub(crate) peak_rss_mib: f64,
    pub(crate) seconds: f64,
}

/// The database to migrate; set only in the process that runs the migration.
pub(crate) fn database() -> Option<String> {
    std::env::var(DATABASE).ok()
}

/// Runs the migration in a separate process.
pub(crate) async fn run(world: &World) -> Result<Figures> {
    world.settle().await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.env(DATABASE, &world.name).env(URI, server::uri()).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err("the migration failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs the migration, and prints the figures.
pub(crate) async fn migrate(database: &str) -> Result<()> {
    let keys: Keyring = "1:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=".parse()?;
    let options = MongoOptions::new(std::env::var(URI)?, database).vault(Vault::open(keys).await?);
    let migration = Migration::new(&MongoStore::connect_with(options).await?)?;
    let started = Instant::now();
    let mut progress = migration.run(MigrationOptions::new());
    let mut rows = 0;
    while let Some(progress) = progress.try_next().await? {
        if matches!(progress.phase, campaign_store::MigrationPhase::Metrics) {
            rows = progress.done;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let report = migration.status().await?;
    let copy = report.collections.first().ok_or("no report")?;
    let figures = Figures {
        copy_per_s: copy.docs_per_second,
        metrics_per_s: f64::from(u32::try_from(rows)?) / report.metrics.seconds.max(0.001),
        peak_rss_mib: peak_rss_mib()?,
        seconds,
    };
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// The peak memory of this process, as the kernel reports it.
fn peak_rss_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
