//! Invalid uses, and the messages about them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use campaign_store::contract;

use crate::program::{Program, exit};

const SECRET: &str = "mongodb://ada:hunter2@db.example/";

#[tokio::test]
async fn wrong_arguments_are_refused_and_never_repeated() {
    let program = Program::new();
    for args in [
        &[][..],
        &["--json-lines"],
        &["migrat"],
        &[SECRET],
        &["migrate", SECRET],
        &["migrate", "--url", SECRET],
        &["rollback", "--yes=hunter2"],
        &["migrate", "--wait", SECRET],
        &["migrate", "--wait", "-1"],
        &["migrate", "--wait"],
        &["migrate", "--max-bad-share", "hunter2"],
        &["migrate", "--max-bad-share", "1.5"],
        &["migrate", "--max-bad-share", "NaN"],
        &["migrate", "--dry-run", "--verify"],
        &["provision", "--validators", "hunter2"],
        &["status", "--uri", "hunter2"],
        &["status", "--db", "hunter2/"],
        &["status", "--uri"],
        &["rollback"],
        &["finalise"],
    ] {
        let text = program.text(args, exit::WRONG_USE);
        assert_eq!(text.stdout, "", "{args:?}");
        assert!(text.stderr.starts_with("campaign-store: "), "{args:?}: {}", text.stderr);
        let json = program.text(&[&["--json"], args].concat(), exit::WRONG_USE);
        assert_eq!(json.stderr, "", "{args:?}");
        for output in [&text.stderr, &json.stdout] {
            assert!(!output.contains("hunter2"), "{args:?}: {output}");
        }
        assert_eq!(json.into_json()["error"]["exit_code"], exit::WRONG_USE, "{args:?}");
    }
}

#[tokio::test]
async fn a_similar_command_is_named() {
    let program = Program::new();
    assert!(program.text(&["migrat"], exit::WRONG_USE).stderr.contains("migrate"));
    assert!(program.text(&["migrate", "--dry-rum"], exit::WRONG_USE).stderr.contains("--dry-run"));
}

#[tokio::test]
async fn help_names_every_command_and_exit_code() {
    let output = Program::new().command(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for command in [
        "provision",
        "migrate",
        "verify",
        "retry-quarantined",
        "rollback",
        "finalise",
        "status",
        "logins",
        "recount",
        "rotate-keys",
        "doctor",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    for code in ["0  done", "1  failed", "2  wrong", "3  done", "4  another process", "130  stopped"] {
        assert!(help.contains(code), "{code}: {help}");
    }
    assert_eq!(output.status.code(), Some(exit::DONE));
    let version = Program::new().json(&["--version"], exit::DONE);
    assert!(version["help"].as_str().unwrap().contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn without_a_server_a_database_or_keys_the_missing_one_is_named() {
    let program = Program::new();
    for (variable, flag) in
        [("MONGODB_URI", "--uri"), ("MONGODB_DB", "--db"), ("CAMPAIGN_STORE_KEYS", "--keys-file")]
    {
        let output = program.command(&["migrate"]).env_remove(variable).output().unwrap();
        assert_eq!(output.status.code(), Some(exit::WRONG_USE));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(variable) && stderr.contains(flag), "{stderr}");
    }
    let broken = program.with_keys(&["1:hunter2".to_owned()]);
    let error = broken.text(&["migrate"], exit::WRONG_USE).stderr;
    assert!(error.contains("keys cannot be used") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    // Port 1 is reserved, and nothing listens on it.
    let program = Program::new().at("mongodb://ada:hunter2@127.0.0.1:1/");
    let running = program.start(&["doctor"]);
    let error = program.json(&["status"], exit::FAILED);
    assert!(error["error"]["message"].as_str().unwrap().contains("unavailable"), "{error}");
    let text = running.end(exit::FAILED);
    for output in [&text.stderr, &error.to_string()] {
        assert!(!output.contains("hunter2") && !output.contains("ada"), "{output}");
    }
}

#[tokio::test]
async fn keys_can_come_from_a_file_that_only_its_owner_reads() {
    let program = Program::new().with_keys(&[]);
    let file = KeysFile::new(&format!("# the first one seals\n{}\n", contract::key(2, 2)), 0o600);
    program.text(&["migrate", "--keys-file", file.path()], exit::DONE);
    let report = program.json(&["doctor", "--keys-file", file.path()], exit::DONE);
    assert_eq!(report["keys"]["keys"][0][0], 2, "{report}");

    let exposed = KeysFile::new(&contract::key(1, 1), 0o644);
    let refused = program.text(&["migrate", "--keys-file", exposed.path()], exit::WRONG_USE).stderr;
    assert!(refused.contains("chmod 600"), "{refused}");
    let missing = program.json(&["migrate", "--keys-file", "/no/such/file"], exit::WRONG_USE);
    assert!(!missing.to_string().contains("such"), "{missing}");
}

/// A file that is removed with it.
struct KeysFile(PathBuf);

impl KeysFile {
    fn new(text: &str, mode: u32) -> Self {
        let name = crate::support::server::database_name();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("keys");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for KeysFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
