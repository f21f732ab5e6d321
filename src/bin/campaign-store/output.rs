//! What the program prints: a report as a text for people or as JSON for programs, or why there is
//! none.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;

/// What a command has found or done. Both forms come from the same data, so they cannot disagree.
pub(crate) trait Report: Serialize + Display {
    /// How the program ends with this report.
    fn exit(&self) -> Exit;
}

/// A report in both forms.
pub(crate) struct Answer {
    text: String,
    json: String,
    exit: Exit,
}

impl Answer {
    pub(crate) fn of(report: &impl Report) -> Result<Self, Failure> {
        let json = serde_json::to_string(report)?;
        Ok(Self { text: report.to_string(), json, exit: report.exit() })
    }
}

/// Prints the answer on standard output. A failure goes there as JSON, or else to standard error.
pub(crate) fn print(result: Result<Answer, Failure>, wants_json: bool) -> Exit {
    let (line, exit) = match result {
        Ok(answer) if wants_json => (answer.json, answer.exit),
        Ok(answer) => (answer.text.trim_end().to_owned(), answer.exit),
        Err(failure) => {
            let exit = failure.exit();
            let message = failure.to_string();
            if !wants_json {
                eprintln!("campaign-store: {message}");
                return exit;
            }
            (json!({ "error": { "message": message, "exit_code": exit.code() } }).to_string(), exit)
        }
    };
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => exit,
        // Standard output is closed.
        Err(_) => Exit::Failed,
    }
}
