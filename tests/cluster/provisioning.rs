//! Provisioning while another process builds an index.

use std::time::Duration;

use bson::{Document, doc};
use campaign_store::schema::INDEXES;
use campaign_store::{Collection, Error, MongoStore, ProvisionError, ProvisionOptions};
use futures_util::TryStreamExt;
use mongodb::Database;
use tokio::task::JoinHandle;

use crate::scene::{connect, database, options};
use crate::support::cluster::{Cluster, Setup};

/// Where a build stops after the server has begun to list its index.
const HELD_BUILD: &str = "hangAfterSettingUpIndexBuild";
const UNIQUE: &str = "tracking_id_1";
/// Longer than provisioning takes when it need not wait.
const HELD_UP: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(60);

/// A database in which one process builds the unique index of `email_tracking`, and does not get on.
struct Held {
    cluster: Cluster,
    database: Database,
    first: JoinHandle<Result<(), ProvisionError>>,
    /// That of another process.
    store: MongoStore,
}

impl Held {
    async fn build() -> Self {
        Self::build_by(async |cluster, _| {
            let store = connect(options(&cluster.uri()).await).await;
            tokio::spawn(async move { store.provision().await })
        })
        .await
    }

    async fn build_by(
        build: impl AsyncFnOnce(&Cluster, Database) -> JoinHandle<Result<(), ProvisionError>>,
    ) -> Self {
        // The fail point holds up every build of an index, so the server must be one of its own.
        let cluster = Cluster::start(Setup { members: 1, ..Setup::default() }).await;
        let database = database(&cluster.client().await);
        // The index of an empty collection is there at once.
        rows(&database).insert_one(doc! { "tracking_id": "a" }).await.unwrap();
        cluster[0].fail_at(HELD_BUILD, doc! {}).await;
        let first = build(&cluster, database.clone()).await;
        cluster[0].reach(HELD_BUILD).await;
        let store = connect(options(&cluster.uri()).await).await;
        Self { cluster, database, first, store }
    }

    /// Provisions from the other process, and checks that there is no answer while the index is built.
    async fn provision(&self) -> JoinHandle<Result<(), ProvisionError>> {
        let store = self.store.clone();
        let mut second = tokio::spawn(async move { store.provision().await });
        let early = tokio::time::timeout(HELD_UP, &mut second).await;
        assert!(early.is_err(), "an answer before the index is built: {early:?}");
        second
    }
}

fn rows(database: &Database) -> mongodb::Collection<Document> {
    database.collection(Collection::EmailTracking.name())
}

/// The names of the indexes of `email_tracking`, without that of `_id`.
async fn indexes(database: &Database) -> Vec<String> {
    let indexes: Vec<_> = rows(database).list_indexes().await.unwrap().try_collect().await.unwrap();
    let names = indexes.into_iter().filter_map(|index| index.options?.name);
    names.filter(|name| name != "_id_").collect()
}

/// How many indexes the schema has for `email_tracking`.
fn declared() -> usize {
    INDEXES.iter().filter(|index| index.collection == Collection::EmailTracking).count()
}

async fn end(run: JoinHandle<Result<(), ProvisionError>>) -> Result<(), ProvisionError> {
    tokio::time::timeout(LIMIT, run).await.expect("an end").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_another_process_builds_is_waited_for() {
    let held = Held::build().await;
    let plan = held.store.plan(&ProvisionOptions::new()).await.unwrap();
    let line = format!("building   {UNIQUE}, as {UNIQUE}");
    assert!(plan.to_string().contains(&line), "{plan}");
    let problem = format!("email_tracking: the index {UNIQUE} is still being built");
    assert!(plan.drift().iter().any(|drift| drift.to_string() == problem), "{:?}", plan.drift());

    let second = held.provision().await;
    held.cluster[0].pass(HELD_BUILD).await;
    end(held.first).await.unwrap();
    end(second).await.unwrap();
    assert_eq!(indexes(&held.database).await.len(), declared());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_built_under_another_name_is_waited_for_and_adopted() {
    let held = Held::build_by(async |_, database| {
        let index = doc! { "name": "mine", "key": { "tracking_id": 1 }, "unique": true };
        let command = doc! { "createIndexes": "email_tracking", "indexes": [index] };
        tokio::spawn(async move {
            database.run_command(command).await.map(drop).map_err(|error| panic!("{error}"))
        })
    })
    .await;
    let second = held.provision().await;
    held.cluster[0].pass(HELD_BUILD).await;
    end(held.first).await.unwrap();
    end(second).await.unwrap();
    let built = indexes(&held.database).await;
    assert!(built.contains(&"mine".to_owned()) && !built.contains(&UNIQUE.to_owned()), "{built:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_ends_at_the_limit_and_the_build_goes_on() {
    let held = Held::build().await;
    let limited = ProvisionOptions::new().max_time(Duration::from_secs(1));
    let plan = held.store.plan(&limited).await.unwrap();
    let ended = tokio::time::timeout(LIMIT, held.store.apply(&plan)).await.expect("an end");
    assert!(matches!(ended, Err(ProvisionError::Store(Error::Unavailable { .. }))), "{ended:?}");
    held.cluster[0].pass(HELD_BUILD).await;
    end(held.first).await.unwrap();
    assert_eq!(indexes(&held.database).await.len(), declared());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_is_an_error_and_takes_no_other_index_with_it() {
    let held = Held::build().await;
    let second = held.provision().await;
    rows(&held.database).insert_one(doc! { "tracking_id": "a" }).await.unwrap();
    held.cluster[0].pass(HELD_BUILD).await;
    for run in [held.first, second] {
        let ended = end(run).await;
        assert!(
            matches!(&ended, Err(ProvisionError::Store(Error::Unique { index, .. })) if index == UNIQUE),
            "{ended:?}"
        );
    }
    let built = indexes(&held.database).await;
    assert_eq!(built.len(), declared() - 1, "{built:?}");
    assert!(!built.contains(&UNIQUE.to_owned()));
}
