//! The contract on MongoDB without transactions.

#![expect(clippy::expect_used, reason = "the harness is part of the tests")]

use campaign_store::MongoStore;
use campaign_store::contract::{Harness, Opened};

use crate::support::database::TestDatabase;

struct OnStandalone;

impl Harness for OnStandalone {
    async fn open() -> Opened {
        let database = TestDatabase::new();
        database.provisioned().await;
        let store = database.connect_without_transactions().await.repositories();
        let second = database.connect_without_transactions().await.repositories();
        let clock = database.clock.clone();
        let options = database.options().await.without_transactions();
        let opened = Opened::new(store, second, clock).guarded_by(database);
        opened.reopened_by(move |vault, passwords| {
            let options = options.clone().vault(vault).passwords(passwords);
            async move { MongoStore::connect_with(options).await.expect("the server answers").repositories() }
        })
    }
}

campaign_store::contract_tests!(
    harness = OnStandalone,
    test = tokio::test(flavor = "multi_thread", worker_threads = 2),
    without = transactions
);
