//! The contract on MongoDB, with validators in force: they accept everything that the store writes.

#![expect(clippy::expect_used, reason = "the harness is part of the tests")]

use campaign_store::MongoStore;
use campaign_store::contract::{Harness, Opened};

use crate::support::database::TestDatabase;

struct OnMongo;

impl Harness for OnMongo {
    async fn open() -> Opened {
        let database = TestDatabase::new();
        let store = database.validated().await;
        let second = database.connect().await;
        let clock = database.clock.clone();
        let options = database.options().await;
        let opened = Opened::new(store, second, clock).guarded_by(database);
        opened.reopened_by(move |vault, passwords| {
            let options = options.clone().vault(vault).passwords(passwords);
            async move { MongoStore::connect_with(options).await.expect("the server answers").system() }
        })
    }
}

campaign_store::contract_tests!(
    harness = OnMongo,
    test = tokio::test(flavor = "multi_thread", worker_threads = 2)
);
