//! The database server that the tests of one process share.
//!
//! [`uri`] takes the first server that is available:
//!
//! 1. the one at `MONGODB_TEST_URI`, used as it is;
//! 2. a `mongod` of this machine: `MONGOD_BIN`, else the one on `PATH`;
//! 3. a container of `MONGODB_TEST_IMAGE`, else of `mongo:8.0`;
//! 4. the `mongod` inside a Python package, for x86-64 Linux without any of these.
//!
//! Except for the first, it is a new replica set of one member (transactions work) that accepts test commands
//! (`failCommand` works) and ends with the test process. `.ci/test` uses a process for each test: there
//! `tests/server` starts the server, and every test finds its URI.

pub(crate) mod binary;
mod container;
pub(crate) mod python;

use std::{
    env,
    error::Error,
    ffi::OsStr,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::process::CommandExt,
    process::{self, Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mongodb::{Client, bson::doc};

/// How long a server may take until it accepts writes.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// What a mongod logs (since version 4.4) once it listens on its port.
const LISTENING: &str = "Waiting for connections";

const HOW_TO_PROVIDE_ONE: &str = "provide one of: \
    MONGODB_TEST_URI (a running replica set's connection string), \
    MONGOD_BIN (the path of a mongod), \
    a Docker engine that has or can pull the image, \
    or a pip that reaches its package index";

type Attempt<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A server in use, with the processes that must be kept for as long as it is.
struct Server {
    uri: String,
    _processes: Vec<Child>,
}

/// Connection string of the server, which the first call in a process finds or starts.
///
/// # Panics
///
/// If no server can be had; the message says what was tried.
#[expect(clippy::panic, reason = "no test can go on without a server")]
pub(crate) fn uri() -> &'static str {
    // A failure is kept as well, so that only the first of many tests waits for it.
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    match SERVER.get_or_init(find_or_start) {
        Ok(server) => &server.uri,
        Err(reasons) => panic!("{reasons}"),
    }
}

/// A database name that no other test uses, in this process or another; under 38 characters.
pub(crate) fn database_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("test_{count}_{}", unique_suffix())
}

/// Differs from call to call, between processes and between machines that share a server.
fn unique_suffix() -> String {
    // The one source of random numbers in the standard library.
    let random = RandomState::new().build_hasher().finish();
    format!("{:x}_{random:x}", process::id())
}

fn find_or_start() -> Result<Server, String> {
    if let Ok(uri) = env::var("MONGODB_TEST_URI") {
        return Ok(Server { uri, _processes: Vec::new() });
    }
    // The caller may be inside a runtime, where another one can't be run.
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime to start a server in: {error}"))?;
        runtime.block_on(start())
    })
    .join()
    .unwrap_or_else(|_| Err("the start of a server panicked".to_owned()))
}

async fn start() -> Result<Server, String> {
    let mut reasons = Vec::new();
    match binary::start_installed().await {
        Ok(server) => return Ok(server),
        Err(error) => reasons.push(format!("mongod of this machine: {error}")),
    }
    match container::start().await {
        Ok(server) => return Ok(server),
        Err(error) => reasons.push(format!("container: {error}")),
    }
    match python::start().await {
        Ok(server) => return Ok(server),
        Err(error) => reasons.push(format!("mongod of a Python package: {error}")),
    }
    let tried = reasons.join("\n  ");
    Err(format!("no MongoDB server for the tests; tried:\n  {tried}\n{HOW_TO_PROVIDE_ONE}"))
}

/// Makes the new server at `address` the only member of a replica set and waits until it is
/// the primary. `member` is the server's address as it sees it itself.
///
/// Returns the connection string, with a direct connection: a container's member name would
/// mean nothing to the driver.
async fn initiate(address: &str, member: &str) -> Attempt<String> {
    let uri = format!("mongodb://{address}/?directConnection=true");
    initiate_at(&uri, member).await?;
    Ok(uri)
}

/// The same for a server that is reached by this connection string.
pub(crate) async fn initiate_at(uri: &str, member: &str) -> Attempt<()> {
    let client = Client::with_uri_str(uri).await?;
    let admin = client.database("admin");
    let config = doc! { "_id": "rs0", "members": [{ "_id": 0, "host": member }] };
    admin.run_command(doc! { "replSetInitiate": config }).await?;
    let deadline = Instant::now() + START_LIMIT;
    while !admin.run_command(doc! { "hello": 1 }).await?.get_bool("isWritablePrimary")? {
        if Instant::now() > deadline {
            return Err("it did not become the primary in time".into());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    client.shutdown().await;
    Ok(())
}

/// Starts a shell that runs `script`, with `argument` as its `$1`, once this process is gone.
///
/// It waits for the end of its standard input, a pipe that only the returned handle keeps
/// open. The system closes that pipe however this process ends, SIGKILL included.
fn after_exit(script: &str, argument: impl AsRef<OsStr>) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", &format!("read -r _; {script}"), "sh"])
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C and a test runner's time limit signal this process's whole group.
        .process_group(0)
        .spawn()
}

/// Runs a command to its end; what it wrote to standard error is the reason if it failed.
fn run(command: &mut Command) -> Attempt<()> {
    let output = command.stdin(Stdio::null()).output();
    let program = command.get_program().display();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}: {}", output.status, complaint.trim()).into())
}
