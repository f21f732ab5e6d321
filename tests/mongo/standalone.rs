//! The contract on MongoDB without transactions.

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
        Opened::new(store, second, clock).guarded_by(database)
    }
}

campaign_store::contract_tests!(
    harness = OnStandalone,
    test = tokio::test(flavor = "multi_thread", worker_threads = 2),
    without = transactions
);
