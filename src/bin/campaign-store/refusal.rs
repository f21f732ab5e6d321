//! What is said about arguments that cannot be understood. They are not repeated: the one in the wrong
//! place can be a connection string.

use std::fmt;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};

/// The answer to arguments that are no command: help, if that was asked for.
pub(crate) fn answer(refusal: &Error) -> Result<Answer, Failure> {
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Answer::of(&Help { help: refusal.render().to_string() })
        }
        _ => Err(Failure::WrongUse(format!("{}; see campaign-store --help", message(refusal)))),
    }
}

#[derive(Serialize)]
struct Help {
    help: String,
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.help)
    }
}

impl Report for Help {
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

fn message(refusal: &Error) -> String {
    let known = |kind| refusal.get(kind).and_then(name);
    match refusal.kind() {
        ErrorKind::UnknownArgument => match known(ContextKind::SuggestedArg) {
            Some(similar) => format!("an argument is not known; a similar one is {similar}"),
            None => "an argument is not known".to_owned(),
        },
        ErrorKind::InvalidSubcommand => match known(ContextKind::SuggestedSubcommand) {
            Some(similar) => format!("the command is not known; a similar one is {similar}"),
            None => "the command is not known".to_owned(),
        },
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing".to_owned()
        }
        ErrorKind::ArgumentConflict => match known(ContextKind::InvalidArg) {
            Some(argument) => format!("{argument} is given twice or beside one that excludes it"),
            None => "the arguments exclude each other".to_owned(),
        },
        // All others are about an argument that the program declares.
        _ => match known(ContextKind::InvalidArg) {
            Some(argument) => format!("{argument}: the value is missing or not valid"),
            None => "the arguments cannot be understood".to_owned(),
        },
    }
}

fn name(value: &ContextValue) -> Option<String> {
    match value {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.first().cloned(),
        _ => None,
    }
}
