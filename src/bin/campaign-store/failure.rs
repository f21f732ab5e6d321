use campaign_store::{Error, Invalid, KeyError, MigrationError, ProvisionError};
use thiserror::Error as ThisError;

use crate::exit::Exit;

/// Why there is no answer. Its text shows nothing that was typed, stored or secret.
#[derive(Debug, ThisError)]
pub(crate) enum Failure {
    /// The arguments or the environment are wrong.
    #[error("{0}")]
    WrongUse(String),
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Provision(ProvisionError),
    #[error(transparent)]
    Migration(MigrationError),
    /// By a signal, before there was anything to report.
    #[error("stopped; the same command resumes")]
    Stopped,
    /// The operating system gives no threads or no signals.
    #[error("this process cannot run: {0}")]
    Process(std::io::Error),
    #[error("the result cannot be written as JSON")]
    Output(#[from] serde_json::Error),
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::WrongUse(_) | Self::Keys(_) | Self::Store(Error::Invalid(_) | Error::Keys(_)) => {
                Exit::WrongUse
            }
            Self::Migration(MigrationError::LeaseHeld { .. }) => Exit::LockHeld,
            Self::Stopped => Exit::Stopped,
            Self::Store(_) | Self::Provision(_) | Self::Migration(_) | Self::Process(_) | Self::Output(_) => {
                Exit::Failed
            }
        }
    }
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Store(error) => Self::Store(error),
            error => Self::Provision(error),
        }
    }
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::Store(error) => Self::Store(error),
            error => Self::Migration(error),
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Store(invalid.into())
    }
}
