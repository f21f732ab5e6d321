//! A server from a `mongod` executable.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use super::{Attempt, LISTENING, POLL_INTERVAL, START_LIMIT, Server, after_exit, initiate, unique_suffix};

const PORT_TAKEN: &str = "Address already in use";
const TRIES: u32 = 3;
/// A directory in memory, on Linux.
const IN_MEMORY: &str = "/dev/shm";
/// A run of all tests takes less than 1 GiB.
const ENOUGH_KIB: u64 = 4 << 20;

/// Starts the mongod that `MONGOD_BIN` names, else the one on `PATH`.
pub(super) async fn start_installed() -> Attempt<Server> {
    start(&installed().ok_or("MONGOD_BIN is not set and PATH has no mongod")?).await
}

/// The mongod that `MONGOD_BIN` names, else the one on `PATH`.
pub(crate) fn installed() -> Option<PathBuf> {
    if let Some(mongod) = env::var_os("MONGOD_BIN") {
        return Some(mongod.into());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join("mongod"))
        .find(|mongod| mongod.is_file())
}

/// Starts `mongod` on a free port, with a fresh directory for its data.
pub(super) async fn start(mongod: &Path) -> Attempt<Server> {
    let mut tries = 1;
    loop {
        match start_once(mongod).await {
            // Another process was faster to take the port that was free a moment ago.
            Err(error) if tries < TRIES && error.to_string().contains(PORT_TAKEN) => tries += 1,
            result => {
                return result.map_err(|error| format!("{}: {error}", mongod.display()).into());
            }
        }
    }
}

async fn start_once(mongod: &Path) -> Attempt<Server> {
    let (address, processes) = run_once(mongod, &[MEMBER])?;
    Ok(Server { uri: initiate(&address, &address).await?, _processes: processes })
}

/// Makes a mongod a member of a replica set, once that is initiated.
pub(crate) const MEMBER: &str = "--replSet=rs0";

/// Starts a mongod with further arguments, and says its address.
pub(crate) fn run_once(mongod: &Path, more: &[&str]) -> Attempt<(String, Vec<Child>)> {
    let place = Place::new(mongod, free_port()?)?;
    let mut arguments = vec![
        "--wiredTigerCacheSizeGB=1",
        // Hundreds of databases come and go. What was dropped must not stay open for five minutes, or
        // the server runs out of files. But a recount reads at a snapshot for as long as it counts.
        "--setParameter=minSnapshotHistoryWindowInSeconds=10",
        // Only a checkpoint closes what was dropped.
        "--syncdelay=5",
        // What a killed process leaves locked is free again after so many seconds instead of 60.
        "--setParameter=transactionLifetimeLimitSeconds=10",
    ];
    arguments.extend(more);
    let process = place.run(&arguments)?;
    Ok((format!("127.0.0.1:{}", place.port), vec![place.cleaner, process]))
}

/// Where a mongod keeps its data and listens. After its end it can run there again.
pub(crate) struct Place {
    mongod: PathBuf,
    directory: PathBuf,
    pub(crate) port: u16,
    /// Ends the mongod and removes the directory once this process is gone, or the place is dropped.
    cleaner: Child,
}

impl Place {
    pub(crate) fn new(mongod: &Path, port: u16) -> Attempt<Self> {
        let directory = in_memory().join(format!("campaign-store-test-{}", unique_suffix()));
        fs::create_dir_all(directory.join("data"))?;
        // First the one that cleans up, so that there is no moment in which nobody would.
        let cleaner = after_exit(r#"kill -9 "$(cat "$1/pid")"; sleep 1; rm -rf "$1""#, &directory)?;
        Ok(Self { mongod: mongod.to_owned(), directory, port, cleaner })
    }

    /// Starts the mongod, and waits until it listens.
    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Attempt<Child> {
        let log = self.directory.join("log");
        let mut process = self.spawn(arguments, &File::create(&log)?)?;
        wait_until_listening(&mut process, &log)?;
        Ok(process)
    }

    /// Runs mongod by way of a shell that first notes the process id for the cleaner. Where the
    /// cleaner has already removed the directory, mongod is not run.
    fn spawn(&self, arguments: &[impl AsRef<OsStr>], log: &File) -> io::Result<Child> {
        Command::new("sh")
            .args(["-c", r#"ulimit -n "$(ulimit -Hn)"; echo $$ >"$0/pid" && exec "$@""#])
            .args([&self.directory, &self.mongod])
            .args([OsStr::new("--dbpath"), self.directory.join("data").as_os_str()])
            .args(["--port", &self.port.to_string(), "--bind_ip", "127.0.0.1", "--nounixsocket"])
            .args(["--setParameter", "enableTestCommands=1"])
            // The removal of a database waits for the next write of the journal: by default 100 ms.
            .args(["--journalCommitInterval", "1"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
    }
}

/// Where the data go: into memory if there is room, since the disk is half of what a new database costs.
fn in_memory() -> PathBuf {
    match free_kib(IN_MEMORY) {
        Some(free) if free >= ENOUGH_KIB => IN_MEMORY.into(),
        _ => env::temp_dir(),
    }
}

fn free_kib(directory: &str) -> Option<u64> {
    let output = Command::new("df").args(["-Pk", directory]).stderr(Stdio::null()).output().ok()?;
    let table = String::from_utf8(output.stdout).ok()?;
    table.lines().last()?.split_whitespace().nth(3)?.parse().ok()
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn wait_until_listening(process: &mut Child, log: &Path) -> Attempt<()> {
    let deadline = Instant::now() + START_LIMIT;
    while !fs::read_to_string(log)?.contains(LISTENING) {
        if let Some(status) = process.try_wait()? {
            return Err(format!("{status}: {}", complaints(&fs::read_to_string(log)?)).into());
        }
        if Instant::now() > deadline {
            return Err("it did not listen on its port in time".into());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// The log's errors, and what the shell or the dynamic loader wrote (mongod's lines are JSON).
fn complaints(log: &str) -> String {
    log.lines()
        .filter(|line| !line.starts_with('{') || line.contains(r#""s":"E""#) || line.contains(r#""s":"F""#))
        .collect::<Vec<_>>()
        .join("; ")
}
