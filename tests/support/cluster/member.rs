//! A member of a replica set that fails on request.

#![expect(clippy::expect_used, reason = "no test can go on without its cluster")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::{Document, Timestamp, doc};
use mongodb::{Client, Database};

use super::proxy::Proxy;
use crate::support::server::binary::Place;

/// How long a member that is well may take to answer a question about itself.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const FAIL_POINT_LIMIT_MILLIS: i32 = 10_000;
/// Stops the applier of a secondary: it knows of writes, and does not carry them out.
const STOPPED_APPLIER: &str = "rsSyncApplyStop";

/// A member.
pub(crate) struct Member {
    running: Arc<Running>,
    /// Where drivers and the other members find it.
    pub(crate) address: SocketAddr,
    pub(crate) proxy: Option<Proxy>,
    /// Straight to the member, past the proxy.
    admin: Database,
}

struct Running {
    place: Place,
    arguments: Vec<String>,
    process: Mutex<Child>,
}

impl Member {
    pub(super) async fn start(place: Place, arguments: Vec<String>, is_proxied: bool) -> Self {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, place.port));
        let running = tokio::task::spawn_blocking(move || {
            let process = Mutex::new(place.run(&arguments).expect("a member that starts"));
            Arc::new(Running { place, arguments, process })
        });
        let proxy = if is_proxied { Some(Proxy::start(server).await.expect("a proxy")) } else { None };
        let uri = format!("mongodb://{server}/?directConnection=true&serverSelectionTimeoutMS=5000");
        Self {
            address: proxy.as_ref().map_or(server, |proxy| proxy.address),
            proxy,
            admin: Client::with_uri_str(uri).await.expect("a client").database("admin"),
            running: running.await.expect("no panic"),
        }
    }

    /// Ends it as a loss of power would, but for what the system has yet to write.
    pub(crate) fn kill(&self) {
        let mut process = self.running.process();
        process.kill().expect("a running member");
        process.wait().expect("a child");
    }

    /// Starts it again after a [`kill`](Self::kill), with the data that it had.
    pub(crate) async fn restart(&self) {
        let running = self.running.clone();
        let started = tokio::task::spawn_blocking(move || {
            let process = running.place.run(&running.arguments).expect("a member that starts again");
            *running.process() = process;
        });
        started.await.expect("no panic");
    }

    /// Stops it where it is. Its connections stay open, and nobody answers on them.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it run on after a [`pause`](Self::pause).
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Stops what it copies from the primary: as a secondary it shows the data of now from here on.
    pub(crate) async fn stop_replication(&self) {
        self.fail_at(STOPPED_APPLIER, doc! {}).await;
        self.reach(STOPPED_APPLIER).await;
    }

    pub(crate) async fn resume_replication(&self) {
        self.pass(STOPPED_APPLIER).await;
    }

    /// Switches a fail point on, for good.
    pub(crate) async fn fail_at(&self, fail_point: &str, data: Document) {
        self.run(doc! { "configureFailPoint": fail_point, "mode": "alwaysOn", "data": data }).await;
    }

    /// Waits until a fail point that is on was reached.
    pub(crate) async fn reach(&self, fail_point: &str) {
        let limit = FAIL_POINT_LIMIT_MILLIS;
        self.run(doc! { "waitForFailPoint": fail_point, "timesEntered": 1, "maxTimeMS": limit }).await;
    }

    /// Switches a fail point off.
    pub(crate) async fn pass(&self, fail_point: &str) {
        self.run(doc! { "configureFailPoint": fail_point, "mode": "off" }).await;
    }

    /// What it says about itself, if it answers.
    pub(crate) async fn hello(&self) -> Option<Document> {
        let hello = self.admin.run_command(doc! { "hello": 1 });
        tokio::time::timeout(ANSWER_LIMIT, hello.into_future()).await.ok()?.ok()
    }

    /// The time of the last operation that it has.
    pub(super) async fn applied(&self) -> Timestamp {
        let hello = self.hello().await.expect("a member that answers");
        let last = hello.get_document("lastWrite").and_then(|last| last.get_document("opTime"));
        last.and_then(|last| last.get_timestamp("ts")).expect("a member of a replica set")
    }

    /// Runs a command on its database `admin`.
    pub(crate) async fn run(&self, command: Document) -> Document {
        self.admin.run_command(command).await.expect("a member that answers")
    }

    fn signal(&self, name: &str) {
        let id = self.running.process().id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill can be run").success());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
