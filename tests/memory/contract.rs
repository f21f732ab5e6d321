//! The contract on the in-memory store.

use std::sync::Arc;

use campaign_store::contract::{self, Harness, Opened};
use campaign_store::{ManualClock, MemoryStore};

struct InMemory;

impl Harness for InMemory {
    async fn open() -> Opened {
        let clock = Arc::new(ManualClock::new(contract::start()));
        let store = MemoryStore::with_clock(clock.clone());
        let opened = Opened::new(store.clone(), store.clone(), clock);
        opened.reopened_by(move |vault, passwords| {
            let store = store.clone().with_vault(vault).with_passwords(passwords);
            async move { store.system() }
        })
    }
}

campaign_store::contract_tests!(harness = InMemory, test = tokio::test);
