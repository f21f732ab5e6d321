//! A replica set whose members fail on request: killed, paused, cut off from drivers, or behind the others.
//!
//! Every test has a cluster of its own, and only one at a time has any.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "no test can go on without its cluster")]

mod member;
mod proxy;
mod wire;

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Index;
use std::path::Path;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use futures_util::future::join_all;
use mongodb::Client;

pub(crate) use member::Member;
use proxy::Proxy;

use crate::support::server::binary::{self, Place};
use crate::support::server::python;

/// How long an election and the start of a member may take.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long the members do without a primary before one of them wants to be it.
const ELECTION_TIMEOUT_MILLIS: i32 = 2_000;
const HEARTBEAT_MILLIS: i32 = 500;
const CACHE_GB: &str = "0.25";

/// What a cluster is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) members: usize,
    /// Whether a [`Proxy`] stands in front of each member.
    pub(crate) is_proxied: bool,
    /// After how long the server ends a transaction that nobody ends.
    pub(crate) transaction_lifetime: Duration,
}

impl Default for Setup {
    /// Three members, and no proxies.
    fn default() -> Self {
        Self { members: 3, is_proxied: false, transaction_lifetime: Duration::from_secs(60) }
    }
}

/// A replica set of its own. Each member has the tag `member`, which is its number.
pub(crate) struct Cluster {
    members: Vec<Member>,
    _lock: File,
}

impl Cluster {
    /// Starts one, once nobody else has any.
    pub(crate) async fn start(setup: Setup) -> Self {
        let lock = tokio::task::spawn_blocking(lock).await.expect("no panic").expect("a file to lock");
        let mongod = tokio::task::spawn_blocking(|| binary::installed().map_or_else(python::mongod, Ok));
        let mongod = mongod.await.expect("no panic").expect("set MONGOD_BIN to the path of a mongod");
        let lifetime = setup.transaction_lifetime.as_secs();
        let arguments = vec![
            "--replSet=rs0".to_owned(),
            format!("--wiredTigerCacheSizeGB={CACHE_GB}"),
            format!("--setParameter=transactionLifetimeLimitSeconds={lifetime}"),
        ];
        let ports = free_ports(setup.members).expect("free ports");
        let members = ports.into_iter().map(|port| {
            let place = Place::new(&mongod, port).expect("a directory");
            Member::start(place, arguments.clone(), setup.is_proxied)
        });
        let cluster = Self { members: join_all(members).await, _lock: lock };
        cluster.initiate().await;
        cluster.settle().await;
        cluster
    }

    async fn initiate(&self) {
        let members = self.members.iter().zip(0_i32..).map(|(member, id)| {
            doc! { "_id": id, "host": member.address.to_string(), "tags": { "member": id.to_string() } }
        });
        let config = doc! {
            "_id": "rs0",
            "members": members.collect::<Vec<_>>(),
            "settings": {
                "electionTimeoutMillis": ELECTION_TIMEOUT_MILLIS,
                "heartbeatIntervalMillis": HEARTBEAT_MILLIS,
            },
        };
        self.members[0].run(doc! { "replSetInitiate": config }).await;
    }

    /// The connection string, with all members.
    pub(crate) fn uri(&self) -> String {
        let hosts: Vec<_> = self.members.iter().map(|member| member.address.to_string()).collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    }

    /// The plain driver.
    pub(crate) async fn client(&self) -> Client {
        Client::with_uri_str(self.uri()).await.expect("a client")
    }

    /// Waits until one member is the primary and all others that answer are secondaries; then no election
    /// is under way. Gives the number of the primary.
    ///
    /// A member that is killed or paused does not answer.
    pub(crate) async fn settle(&self) -> usize {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let answers = join_all(self.members.iter().map(Member::hello)).await;
            let is = |answer: &Option<Document>, what| {
                answer.as_ref().is_some_and(|answer| answer.get_bool(what).unwrap_or_default())
            };
            let mut primaries = (0..answers.len()).filter(|n| is(&answers[*n], "isWritablePrimary"));
            let (primary, other) = (primaries.next(), primaries.next());
            let ready = answers.iter().filter(|answer| {
                answer.is_none() || is(answer, "isWritablePrimary") || is(answer, "secondary")
            });
            match primary {
                Some(primary) if other.is_none() && ready.count() == answers.len() => return primary,
                _ => assert!(Instant::now() < deadline, "no primary in time: {answers:?}"),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The numbers of the secondaries.
    pub(crate) async fn secondaries(&self) -> Vec<usize> {
        let primary = self.settle().await;
        (0..self.members.len()).filter(|member| *member != primary).collect()
    }

    /// Waits until a secondary has all that the primary has at the time of the call.
    pub(crate) async fn catch_up(&self, secondary: usize) {
        let primary = self.settle().await;
        let deadline = Instant::now() + SETTLE_LIMIT;
        let newest = self[primary].applied().await;
        while self[secondary].applied().await < newest {
            assert!(Instant::now() < deadline, "member {secondary} does not catch up");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Makes the primary step down, and waits for the next one.
    pub(crate) async fn step_down(&self) -> usize {
        let primary = self.settle().await;
        // It does not stand for election for so many seconds.
        self[primary].run(doc! { "replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 4 }).await;
        self.settle().await
    }

    /// Drivers get no answers on their connections for data from now on, while their monitors do.
    pub(crate) fn black_hole(&self) {
        self.proxies().for_each(Proxy::black_hole);
    }

    /// Ends [`black_hole`](Self::black_hole).
    pub(crate) fn pass(&self) {
        self.proxies().for_each(Proxy::pass);
    }

    /// Resets all connections of drivers.
    pub(crate) fn reset(&self) {
        self.proxies().for_each(Proxy::reset);
    }

    fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.members.iter().map(|member| member.proxy.as_ref().expect("a cluster with proxies"))
    }
}

impl Index<usize> for Cluster {
    type Output = Member;

    fn index(&self, member: usize) -> &Member {
        &self.members[member]
    }
}

fn lock() -> io::Result<File> {
    let file = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Free ports below those that systems give to outgoing connections. Of those, another connection could have
/// one when a member restarts, and a connection to a killed member could reach itself.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    const FIRST: u16 = 20_000;
    const RANGE: u16 = 10_000;
    let start = u16::try_from(RandomState::new().hash_one(()) % u64::from(RANGE)).unwrap_or_default();
    let ports = (0..RANGE).map(|n| FIRST + (start + n) % RANGE);
    let free = ports.filter_map(|port| Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?)));
    // All are held until the last is found.
    let held: Vec<_> = free.take(count).collect();
    if held.len() < count {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}
