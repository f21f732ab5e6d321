//! The arguments.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::database::Database;

const EXAMPLES: &str = "\
Examples:
  export MONGODB_URI=mongodb://localhost MONGODB_DB=outreach
  export CAMPAIGN_STORE_KEYS=\"1:$(openssl rand -base64 32)\"
  campaign-store doctor
  campaign-store provision --plan
  campaign-store migrate --dry-run
  campaign-store migrate --verify --json

Exit codes:
    0  done
    1  failed, or a check found something wrong
    2  wrong arguments, environment or keys; nothing was done
    3  done, but for documents in quarantine
    4  somebody else migrates this database
  130  stopped by Ctrl-C or SIGTERM; the same command goes on

With --json standard output is one JSON object, also for errors: {\"error\": {…}}.
How far the work is goes to standard error.";

/// Provisions, migrates and inspects the database of a campaign store
#[derive(Parser)]
#[command(name = "campaign-store", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    const JSON: &str = "--json";

    /// The arguments of this process, or why they are none: help was asked for, or they are wrong.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::try_parse()
    }

    /// Whether JSON is wanted, also by arguments that cannot be understood.
    pub(crate) fn want_json() -> bool {
        std::env::args_os().any(|argument| argument == OsStr::new(Self::JSON))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create the indexes that are missing; never drops or changes one
    Provision(Provision),
    /// Copy the old mailboxes and campaigns into the new collections, and compute the metrics
    ///
    /// The old collections are only read. What cannot be taken over goes to quarantine, with a reason.
    /// It can be repeated, and goes on where it stopped.
    Migrate(Migrate),
    /// Compare every old document with what it became; writes nothing
    Verify,
    /// Try the documents in quarantine once more
    RetryQuarantined,
    /// Remove what was migrated and not changed since
    Rollback(Confirmation),
    /// Rename the old collections to _legacy_…, and remove the secrets from them. There is no way back
    Finalise(Confirmation),
    /// How far the migration is, and what became of the old documents
    Status,
    /// Count the tracking rows anew, and correct the metrics that are wrong
    Recount,
    /// Seal anew, with the first key, what other keys sealed
    RotateKeys(RotateKeys),
    /// Look for what is wrong: connection, topology, indexes, validators, keys, metrics, campaigns
    ///
    /// It writes nothing. Keys, where they are given, are tried on every secret.
    Doctor,
}

#[derive(clap::Args)]
pub(crate) struct Provision {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// What the validators of the collections do with documents that the schema does not allow
    #[arg(long, value_enum, default_value = "keep")]
    pub(crate) validators: Validators,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Validators {
    /// Validators stay as they are
    Keep,
    /// The server accepts them and writes a line into its log
    Warn,
    /// The server refuses them
    Enforce,
}

#[derive(clap::Args)]
pub(crate) struct Migrate {
    /// Say what would become of every document, and write nothing
    #[arg(long, conflicts_with_all = ["verify", "wait", "max_bad_share"])]
    pub(crate) dry_run: bool,
    /// Verify when it is done
    #[arg(long)]
    pub(crate) verify: bool,
    /// Stop when more than this share of a collection, 0 to 1, would go to quarantine [default: 0.5]
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_bad_share: Option<f64>,
    /// How long to wait while somebody else migrates
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub(crate) wait: Duration,
}

#[derive(clap::Args)]
pub(crate) struct Confirmation {
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(clap::Args)]
pub(crate) struct RotateKeys {
    /// Say what would be sealed anew, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    // Longer than a century no clock can add.
    text.parse().map(|seconds: u32| Duration::from_secs(seconds.into()))
}
