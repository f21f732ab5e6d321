//! A database for one test.

#![expect(clippy::expect_used, reason = "no test can go on without its database")]

use std::sync::Arc;

use campaign_store::{
    ManualClock, MongoOptions, MongoStore, PasswordOptions, PasswordPolicy, ProvisionOptions, ValidatorMode,
    Vault, contract,
};
use mongodb::Client;
use mongodb::bson::Document;
use tokio::sync::OnceCell;

use super::{removal, server};

/// A database of its own, removed when the test is over, also by a panic.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    pub(crate) name: String,
    pub(crate) clock: Arc<ManualClock>,
    /// The plain driver's, from the first use on.
    client: OnceCell<Client>,
}

impl TestDatabase {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new(contract::start()));
        Self { name: server::database_name(), clock, client: OnceCell::new() }
    }

    /// With keys that all stores of tests have, and hashes that are almost no work.
    pub(crate) async fn options(&self) -> MongoOptions {
        let cheap = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
        let vault = contract::vault(&[contract::key(1, 1)]).await;
        let options = MongoOptions::new(server::uri(), &self.name).clock(self.clock.clone());
        options.vault(vault).passwords(cheap)
    }

    /// A store on the database. Every call makes connections of its own.
    pub(crate) async fn connect(&self) -> MongoStore {
        MongoStore::connect_with(self.options().await).await.expect("the test server answers")
    }

    /// A store with other keys.
    pub(crate) async fn connect_with_vault(&self, vault: &Vault) -> MongoStore {
        let connect = MongoStore::connect_with(self.options().await.vault(vault.clone()));
        connect.await.expect("the test server answers")
    }

    /// The same with the indexes of the schema.
    pub(crate) async fn provisioned(&self) -> MongoStore {
        let store = self.connect().await;
        store.provision().await.expect("a new database can be provisioned");
        store
    }

    /// The same with the validators of the schema in force.
    pub(crate) async fn validated(&self) -> MongoStore {
        let store = self.connect().await;
        let plan = store.plan(&ProvisionOptions::new().validators(ValidatorMode::Enforce)).await;
        store.apply(&plan.expect("a plan")).await.expect("a new database has no offenders");
        store
    }

    /// The database by the plain driver.
    pub(crate) async fn driver(&self) -> mongodb::Database {
        let client = self.client.get_or_try_init(|| Client::with_uri_str(server::uri())).await;
        client.expect("the test server answers").database(&self.name)
    }

    pub(crate) async fn collection(&self, name: &str) -> mongodb::Collection<Document> {
        self.driver().await.collection(name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        removal::remove(&self.name);
    }
}
