//! Failures injected into the test server.

use std::time::Duration;

use bson::{Bson, Document, doc};
use campaign_store::{MongoOptions, MongoStore, Repositories};
use futures_util::TryStreamExt;
use mongodb::Client;

use super::{Scene, scene};
use crate::support::database::TestDatabase;
use crate::support::fail_command::FailCommand;
use crate::support::server;

/// A store whose connections the server knows by a name, to fail their commands and no others'.
pub(super) struct Failing {
    pub(super) store: Repositories,
    pub(super) scene: Scene,
    /// The same database, whose commands do not fail.
    pub(super) sound: Repositories,
    pub(super) database: TestDatabase,
    failures: Failures,
}

/// The failures of the connections of one name.
pub(crate) struct Failures {
    name: String,
    admin: mongodb::Database,
    _alone: FailCommand,
}

impl Failing {
    /// Its calls have time enough for many failures, on a busy machine too.
    pub(super) async fn new() -> Self {
        Self::with_limits(Duration::from_secs(10), Duration::from_secs(60)).await
    }

    pub(super) async fn with_timeout(timeout: Duration) -> Self {
        Self::with_limits(timeout, Duration::from_secs(10)).await
    }

    async fn with_limits(timeout: Duration, call: Duration) -> Self {
        let database = TestDatabase::new();
        let failures = Failures::of(&database.name).await;
        let sound = database.provisioned().await.system();
        let scene = scene(&sound).await;
        let uri = with_app_name(server::uri(), &database.name);
        let options = MongoOptions::new(uri, &database.name).timeout(timeout).operation_timeout(call);
        let store = MongoStore::connect_with(options.clock(database.clock.clone()))
            .await
            .expect("the test server answers");
        Self { store: store.system(), scene, sound, database, failures }
    }

    /// Lets the commands of these names fail as `failure` says.
    pub(super) async fn fail(&self, mode: impl Into<Bson>, commands: &[&str], failure: Document) {
        self.failures.fail(mode, commands, failure).await;
    }

    /// Lets no command fail any more.
    pub(super) async fn stop(&self) {
        self.failures.stop().await;
    }
}

impl Failures {
    /// Of connections that have `name`. One test at a time has them.
    pub(crate) async fn of(name: &str) -> Self {
        let alone = FailCommand::take().await;
        let client = Client::with_uri_str(server::uri()).await.expect("the test server answers");
        Self { name: name.to_owned(), admin: client.database("admin"), _alone: alone }
    }

    /// Lets the commands of these names fail as `failure` says.
    pub(crate) async fn fail(&self, mode: impl Into<Bson>, commands: &[&str], failure: Document) {
        let mut data = doc! { "failCommands": commands, "appName": &self.name };
        data.extend(failure);
        self.set(doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data }).await;
    }

    /// Lets no command fail any more, and ends the transactions that were left open. The server
    /// would keep their locks for a minute.
    pub(crate) async fn stop(&self) {
        self.set(doc! { "configureFailPoint": "failCommand", "mode": "off" }).await;
        let stages = [
            doc! { "$currentOp": { "allUsers": true, "idleSessions": true } },
            doc! { "$match": { "type": "idleSession", "appName": &self.name } },
            doc! { "$project": { "lsid.id": 1 } },
        ];
        let open = self.admin.aggregate(stages).await.expect("the sessions");
        let open: Vec<_> = open.try_collect().await.expect("the sessions");
        let open: Vec<_> = open.iter().filter_map(|session| session.get("lsid").cloned()).collect();
        // An empty list would mean every session, those of the other tests too.
        if !open.is_empty() {
            self.set(doc! { "killSessions": open }).await;
        }
    }

    async fn set(&self, command: Document) {
        self.admin.run_command(command).await.expect("a server with enableTestCommands=1");
    }
}

pub(super) fn times(n: i32) -> Document {
    doc! { "times": n }
}

pub(crate) fn with_app_name(uri: &str, name: &str) -> String {
    let separator = match uri.trim_start_matches("mongodb://") {
        rest if rest.contains('?') => "&",
        rest if rest.contains('/') => "?",
        _ => "/?",
    };
    // A server that only claims to be no primary is found again at the next heartbeat.
    format!("{uri}{separator}appName={name}&serverMonitoringMode=poll&heartbeatFrequencyMS=500")
}
