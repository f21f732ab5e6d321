//! The contract on MongoDB.

use campaign_store::contract::{Harness, Opened};

use crate::support::database::TestDatabase;

struct OnMongo;

impl Harness for OnMongo {
    async fn open() -> Opened {
        let database = TestDatabase::new();
        let store = database.provisioned().await.repositories();
        let second = database.connect().await.repositories();
        let clock = database.clock.clone();
        Opened::new(store, second, clock).guarded_by(database)
    }
}

campaign_store::contract_tests!(
    harness = OnMongo,
    test = tokio::test(flavor = "multi_thread", worker_threads = 2)
);
