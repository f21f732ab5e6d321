//! The program, run as an operator runs it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use campaign_store::contract;
use serde_json::Value;

use crate::support::database::TestDatabase;
use crate::support::server;

/// The exit codes that the program promises.
pub(crate) mod exit {
    pub(crate) const DONE: i32 = 0;
    pub(crate) const FAILED: i32 = 1;
    pub(crate) const WRONG_USE: i32 = 2;
    pub(crate) const QUARANTINED: i32 = 3;
    pub(crate) const LOCK_HELD: i32 = 4;
    pub(crate) const STOPPED: i32 = 130;
}

/// The program on a database of its own, with the keys that stores of tests have.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) database: TestDatabase,
    uri: String,
    keys: Option<String>,
}

impl Program {
    pub(crate) fn new() -> Self {
        let keys = Some(contract::key(1, 1));
        Self { database: TestDatabase::new(), uri: server::uri().to_owned(), keys }
    }

    pub(crate) fn at(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    pub(crate) fn with_keys(mut self, keys: &[String]) -> Self {
        self.keys = Some(keys.join(",")).filter(|keys| !keys.is_empty());
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_campaign-store"));
        command.args(args).env_clear();
        command.env("MONGODB_URI", &self.uri).env("MONGODB_DB", &self.database.name);
        if let Some(keys) = &self.keys {
            command.env("CAMPAIGN_STORE_KEYS", keys);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, which must be this one.
    pub(crate) fn text(&self, args: &[&str], exit: i32) -> Ended {
        Ended::of(self.command(args).output().expect("the program can be run"), exit)
    }

    /// The same with `--json`: gives the one object that is on standard output.
    pub(crate) fn json(&self, args: &[&str], exit: i32) -> Value {
        let args = [args, &["--json"]].concat();
        self.text(&args, exit).into_json()
    }

    /// Starts it.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().expect("the program can be run");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Running { child, stderr }
    }
}

/// The program at work.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.expect("kill can be run").success());
    }

    /// Waits until it writes a line with this text to standard error.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).expect("a pipe"), 0, "it never said: {text}");
        }
    }

    /// None for as long as it runs, or if a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("a child")?.code()
    }

    /// Kills it, unless it has ended by now: then its exit code.
    pub(crate) fn kill(mut self) -> Option<i32> {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child").code()
    }

    pub(crate) fn end(mut self, exit: i32) -> Ended {
        let rest = thread::spawn(move || {
            let mut rest = Vec::new();
            self.stderr.read_to_end(&mut rest).expect("a pipe");
            rest
        });
        let mut output = self.child.wait_with_output().expect("it ends");
        output.stderr = rest.join().expect("no panic");
        Ended::of(output, exit)
    }
}

/// What is left of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output, exit: i32) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let ended = Self { stdout: text(output.stdout), stderr: text(output.stderr) };
        assert_eq!(output.status.code(), Some(exit), "{}{}", ended.stdout, ended.stderr);
        ended.assert_discreet();
        ended
    }

    /// Legacy secrets start with `PLAIN-`, every address has an `@`, and so has a connection string
    /// with a password.
    fn assert_discreet(&self) {
        for output in [&self.stdout, &self.stderr] {
            for secret in ["PLAIN-", "@", server::uri(), &contract::key(1, 1)[2..], &contract::key(2, 2)[2..]]
            {
                assert!(!output.contains(secret), "{secret} in {output}");
            }
        }
    }

    pub(crate) fn into_json(self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).expect("JSON");
        assert!(value.is_object(), "{value}");
        value
    }
}
