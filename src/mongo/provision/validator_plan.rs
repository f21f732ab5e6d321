use bson::Document;
use serde::Serialize;

use super::ValidatorMode;
use crate::collection::Collection;
use crate::schema::validator_of;

/// The plan of a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ValidatorPlan {
    /// What is there.
    #[serde(flatten)]
    pub state: ValidatorState,
    /// What it will be set to; `None` if it stays as it is.
    pub set: Option<ValidatorMode>,
}

/// What there is of a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidatorState {
    /// There is none.
    Absent,
    /// It is that of the schema.
    #[non_exhaustive]
    Matches {
        /// The server's `validationLevel`: `off`, `moderate` or `strict`.
        level: String,
        /// The server's `validationAction`, such as `warn` or `error`.
        action: String,
    },
    /// It is another one, or that of another version of the schema.
    #[non_exhaustive]
    Differs {
        /// The server's `validationLevel`.
        level: String,
        /// The server's `validationAction`.
        action: String,
        /// The existing validator, as JSON.
        validator: String,
    },
}

impl ValidatorPlan {
    /// The plan for a collection that has these options.
    pub(super) fn new(collection: Collection, options: &Document, mode: ValidatorMode) -> Option<Self> {
        let declared = validator_of(collection)?;
        let text = |option, default: &str| options.get_str(option).unwrap_or(default).to_owned();
        let (level, action) = (text("validationLevel", "strict"), text("validationAction", "error"));
        let state = match options.get_document("validator") {
            Err(_) => ValidatorState::Absent,
            Ok(existing) if existing.is_empty() => ValidatorState::Absent,
            Ok(existing) if *existing == declared => ValidatorState::Matches { level, action },
            Ok(existing) => {
                let validator = existing.to_string();
                ValidatorState::Differs { level, action, validator }
            }
        };
        let set = (mode != ValidatorMode::Keep && state.mode() != Some(mode)).then_some(mode);
        Some(Self { state, set })
    }

    /// What is wrong with it: a foreign one is no problem unless the options say what it should be.
    pub(super) fn problem(&self) -> Option<String> {
        let mode = self.set?;
        Some(match &self.state {
            ValidatorState::Absent => "is missing".to_owned(),
            ValidatorState::Matches { level, action } => {
                format!("has the level {level} and the action {action}, and should {mode}")
            }
            ValidatorState::Differs { .. } => "differs from the schema".to_owned(),
        })
    }
}

impl ValidatorState {
    /// What the validator of the schema does, if it does anything.
    fn mode(&self) -> Option<ValidatorMode> {
        match self {
            Self::Matches { level, action } if level != "off" => {
                // Newer servers can also log what they refuse.
                let enforces = action.starts_with("error");
                Some(if enforces { ValidatorMode::Enforce } else { ValidatorMode::Warn })
            }
            _ => None,
        }
    }
}
