//! The texts for operators.

use std::fmt;

use super::ValidatorMode;
use super::difference::joined;
use super::plan::{IndexPlan, IndexState, ProvisionPlan, SchemaDrift};
use super::validator_plan::{ValidatorPlan, ValidatorState};

impl fmt::Display for SchemaDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.index {
            Some(index) => write!(f, "{}: the index {index} {}", self.collection, self.problem),
            None => write!(f, "{}: the validator {}", self.collection, self.problem),
        }
    }
}

impl fmt::Display for ProvisionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plan in &self.collections {
            writeln!(f, "{}", plan.collection)?;
            for index in &plan.indexes {
                writeln!(f, "  {index}")?;
            }
            if let Some(validator) = &plan.validator {
                writeln!(f, "  {validator}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for IndexPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = &self.index;
        match &self.state {
            IndexState::Matches => write!(f, "matches    {index}"),
            IndexState::Adopted { existing } => write!(f, "adopted    {index}, which is there as {existing}"),
            IndexState::Building { existing } => write!(f, "building   {index}, as {existing}"),
            IndexState::Create { definition } => write!(f, "create     {index}: {definition}"),
            IndexState::Differs { existing, differences } => {
                write!(f, "DIFFERS    {index}: {existing} is in the way: {}", joined(differences))
            }
            IndexState::Alter { existing, differences } => {
                write!(f, "alter      {existing}: {}", joined(differences))
            }
            IndexState::Drop { definition } => write!(f, "drop       {index}: {definition}"),
            IndexState::Unknown { definition } => write!(f, "unknown    {index}: {definition}"),
        }
    }
}

impl fmt::Display for ValidatorMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        })
    }
}

impl fmt::Display for ValidatorPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            ValidatorState::Absent => f.write_str("validator  absent")?,
            ValidatorState::Matches { level, action } => write!(f, "validator  matches, {level}, {action}")?,
            ValidatorState::Differs { level, action, .. } => {
                write!(f, "validator  differs, {level}, {action}")?;
            }
        }
        self.set.map_or(Ok(()), |mode| write!(f, "; will {mode}"))
    }
}
