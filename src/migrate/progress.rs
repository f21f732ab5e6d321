use std::time::{Duration, Instant};

use serde::Serialize;

use super::MigrationStep;

/// The progress of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MigrationProgress {
    /// What is being done.
    #[serde(flatten)]
    pub phase: MigrationPhase,
    /// Documents of this phase that are done.
    pub done: u64,
    /// All documents of this phase, if their number is known.
    pub total: Option<u64>,
    /// Documents of this phase that were put in quarantine by this run.
    pub quarantined: u64,
    /// Documents per second since this run began the phase.
    pub docs_per_second: f64,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "phase", content = "of", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MigrationPhase {
    /// Another process migrates, and this run waits for it.
    Waiting,
    /// Indexes are created.
    Provisioning,
    /// An old collection is copied.
    Copying(MigrationStep),
    /// The primary mailbox of each user with several is chosen.
    Primaries,
    /// The metrics are computed.
    Metrics,
    /// The run is over.
    Finished(MigrationOutcome),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MigrationOutcome {
    /// Everything is migrated, or was before.
    Done,
    /// Everything is migrated: another process did it while this run waited.
    DoneByOther,
    /// The run was stopped. A later run resumes.
    Stopped,
}

/// Measures a phase.
pub(crate) struct Stopwatch {
    phase: MigrationPhase,
    total: Option<u64>,
    /// What was done before this run.
    before: u64,
    started: Instant,
}

impl Stopwatch {
    pub(crate) fn start(phase: MigrationPhase, before: u64, total: Option<u64>) -> Self {
        Self { phase, total, before, started: Instant::now() }
    }

    pub(crate) fn at(&self, done: u64, quarantined: u64) -> MigrationProgress {
        MigrationProgress {
            phase: self.phase,
            done,
            total: self.total.map(|total| total.max(done)),
            quarantined,
            docs_per_second: per_second(done.saturating_sub(self.before), self.started.elapsed()),
        }
    }

    pub(crate) fn millis(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl MigrationProgress {
    pub(crate) fn of(phase: MigrationPhase) -> Self {
        Stopwatch::start(phase, 0, None).at(0, 0)
    }
}

/// A rate; 0 where no time has passed.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
pub(crate) fn per_second(number: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
}
