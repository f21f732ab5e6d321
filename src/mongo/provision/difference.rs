use std::fmt;

use bson::Bson;
use serde::Serialize;

/// What an option is where an index does not have it.
pub(super) const ABSENT: &str = "absent";

/// An option in which an index differs from the one that the schema declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexDifference {
    /// The option, such as `unique`; `key` for the indexed fields.
    pub option: &'static str,
    /// How the existing index has it.
    pub found: String,
    /// How the schema declares it.
    pub declared: String,
}

impl IndexDifference {
    /// The change that `collMod` makes of it.
    pub(super) fn alteration(&self) -> (String, Bson) {
        // Of these options only the time to live is ever declared, and it is zero.
        let declared =
            if self.option == "expireAfterSeconds" { Bson::Int32(0) } else { Bson::Boolean(false) };
        (self.option.to_owned(), declared)
    }

    /// Whether the server can change it in an index that exists.
    pub(super) fn is_alterable(&self) -> bool {
        match self.option {
            "hidden" | "prepareUnique" => true,
            "expireAfterSeconds" => self.found != ABSENT && self.declared != ABSENT,
            _ => false,
        }
    }
}

impl fmt::Display for IndexDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, found, declared } = self;
        write!(f, "{option} is {found}, not {declared}")
    }
}

/// Differences in one line.
pub(super) fn joined(differences: &[IndexDifference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
