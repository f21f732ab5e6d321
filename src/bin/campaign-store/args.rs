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
    3  done, except for documents in quarantine
    4  another process migrates this database
  130  stopped by Ctrl-C or SIGTERM; the same command resumes

With --json standard output is one JSON object, even for errors: {\"error\": {…}}.
Progress goes to standard error.";

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

    /// Whether JSON is wanted, even where the arguments are wrong.
    pub(crate) fn want_json() -> bool {
        std::env::args_os().any(|argument| argument == OsStr::new(Self::JSON))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create missing indexes; never drops or changes one
    Provision(Provision),
    /// Copy the old mailboxes and campaigns into the new collections, and compute the metrics
    ///
    /// The old collections are only read. Documents that cannot be taken over go to quarantine, with a
    /// reason. A run that was stopped or killed resumes where it stopped.
    Migrate(Migrate),
    /// Compare every old document with its new one; writes nothing
    Verify,
    /// Retry the documents in quarantine
    RetryQuarantined,
    /// Remove the migrated documents that have not changed since
    Rollback(Confirmation),
    /// Rename the old collections to _legacy_…, and remove their secrets. It cannot be undone
    Finalise(Confirmation),
    /// Show the state of the migration, and what became of the old documents
    Status,
    /// Rewrite login ids and addresses of users to the form in which logins look them up
    ///
    /// Older programs stored them as they were typed. Those that several users would have are left, and listed
    /// by the ids of the users.
    Logins(Logins),
    /// Recount the tracking rows, and correct the metrics that are wrong
    Recount,
    /// Re-encrypt secrets with the primary key, which is the first one
    RotateKeys(RotateKeys),
    /// Check connection, topology, indexes, validators, logins, keys, metrics and campaigns
    ///
    /// It writes nothing. If keys are given, it opens every secret with them.
    Doctor,
}

#[derive(clap::Args)]
pub(crate) struct Provision {
    /// Show the plan, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// What validators do with documents that the schema does not allow
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
    /// Report what would become of every document, and write nothing
    #[arg(long, conflicts_with_all = ["verify", "wait", "max_bad_share"])]
    pub(crate) dry_run: bool,
    /// Verify after the run
    #[arg(long)]
    pub(crate) verify: bool,
    /// Stop when more than this share of a collection, 0 to 1, would go to quarantine [default: 0.5]
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_bad_share: Option<f64>,
    /// How long to wait while another process migrates
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub(crate) wait: Duration,
}

#[derive(clap::Args)]
pub(crate) struct Confirmation {
    /// Confirm
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(clap::Args)]
pub(crate) struct RotateKeys {
    /// Report what would be re-encrypted, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(clap::Args)]
pub(crate) struct Logins {
    /// Report what would be rewritten, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    // No clock can add more than a century.
    text.parse().map(|seconds: u32| Duration::from_secs(seconds.into()))
}
