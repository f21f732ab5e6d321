//! Every state that a plan finds, its forms for programs and for operators, and that planning only reads.

use bson::{Document, doc};
use campaign_store::schema::INDEXES;
use campaign_store::{Collection, IndexPlan, IndexState, ProvisionOptions, ProvisionPlan, ValidatorMode};
use serde_json::json;

use super::{commands_during, create_index, names_of, states_of};
use crate::support::database::TestDatabase;

async fn plan_beside(
    collection: Collection,
    indexes: &[Document],
    options: &ProvisionOptions,
) -> ProvisionPlan {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    for index in indexes {
        create_index(&driver, collection, index).await;
    }
    database.connect().await.plan(options).await.expect("a plan")
}

fn indexes(plan: &ProvisionPlan) -> impl Iterator<Item = &IndexPlan> {
    plan.collections.iter().flat_map(|plan| &plan.indexes)
}

fn drift(plan: &ProvisionPlan) -> Vec<String> {
    plan.drift().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn in_a_new_database_everything_is_to_be_created() {
    let plan = plan_beside(Collection::Users, &[], &ProvisionOptions::new()).await;
    assert!(indexes(&plan).all(|plan| matches!(plan.state, IndexState::Create { .. })), "{plan}");
    assert_eq!(indexes(&plan).count(), INDEXES.len());
    assert!(!plan.is_in_sync());
    let drift = drift(&plan);
    assert_eq!(drift.len(), INDEXES.len());
    assert_eq!(drift[0], "users: the index login_id_1 is missing");
}

#[tokio::test]
async fn after_provisioning_everything_matches() {
    let database = TestDatabase::new();
    let plan = database.provisioned().await.plan(&ProvisionOptions::new()).await.unwrap();
    assert!(indexes(&plan).all(|plan| plan.state == IndexState::Matches), "{plan}");
    assert!(plan.is_in_sync());
}

#[tokio::test]
async fn an_equal_index_under_another_name_is_adopted() {
    let index = doc! { "name": "by_login", "key": { "login_id": 1 }, "unique": true };
    let plan = plan_beside(Collection::Users, &[index], &ProvisionOptions::new()).await;
    let states = states_of(&plan, Collection::Users, "login_id_1");
    assert!(matches!(states[..], [IndexState::Adopted { existing, .. }] if existing == "by_login"), "{plan}");
    assert!(states_of(&plan, Collection::Users, "by_login").is_empty(), "{plan}");
    assert!(!drift(&plan).iter().any(|drift| drift.starts_with("users: ") && drift.contains("login_id")));
}

#[tokio::test]
async fn each_index_that_is_in_the_way_differs() {
    let indexes = [
        doc! { "name": "email_1", "key": { "user_name": 1 } },
        doc! { "name": "mine", "key": { "email": 1 }, "unique": true },
    ];
    let plan = plan_beside(Collection::Users, &indexes, &ProvisionOptions::new()).await;
    let states = states_of(&plan, Collection::Users, "email_1");
    assert!(matches!(states[..], [IndexState::Differs { .. }, IndexState::Differs { .. }]), "{plan}");
    assert_eq!(
        drift(&plan)[2..4],
        [
            "users: the index email_1 differs: key is { user_name: 1 }, not { email: 1 }; \
             unique is absent, not true; sparse is absent, not true",
            "users: the index email_1 is missing, and mine is in the way: sparse is absent, not true",
        ]
    );
}

#[tokio::test]
async fn an_index_that_the_schema_does_not_know_is_no_drift() {
    let index = doc! { "name": "odd", "key": { "is_active": -1 }, "expireAfterSeconds": 60 };
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    create_index(&database.driver().await, Collection::Users, &index).await;
    let plan = store.plan(&ProvisionOptions::new()).await.unwrap();
    let unknown = states_of(&plan, Collection::Users, "odd");
    let expected = "{ is_active: -1 }, expireAfterSeconds: 60";
    assert!(
        matches!(unknown[..], [IndexState::Unknown { definition, .. }] if definition == expected),
        "{plan}"
    );
    assert!(plan.is_in_sync());
}

#[tokio::test]
async fn a_named_index_is_to_be_dropped_and_the_declared_one_created() {
    let index = doc! { "name": "mine", "key": { "login_id": 1 } };
    let options = ProvisionOptions::new().drop_index(Collection::Users, "mine");
    let plan = plan_beside(Collection::Users, &[index], &options).await;
    assert!(matches!(states_of(&plan, Collection::Users, "login_id_1")[..], [IndexState::Create { .. }]));
    assert!(matches!(states_of(&plan, Collection::Users, "mine")[..], [IndexState::Drop { .. }]));
}

#[tokio::test]
async fn what_cannot_be_altered_in_place_still_differs() {
    let hidden = doc! { "name": "status_1", "key": { "status": 1 }, "hidden": true };
    let unique = doc! { "name": "user_id_1", "key": { "user_id": 1 }, "unique": true, "hidden": true };
    let expiring = doc! { "name": "start_time_1", "key": { "start_time": 1 }, "expireAfterSeconds": 60 };
    let options = ["status_1", "user_id_1", "start_time_1"]
        .into_iter()
        .fold(ProvisionOptions::new(), |options, name| options.alter_index(Collection::Campaigns, name));
    let plan = plan_beside(Collection::Campaigns, &[hidden, unique, expiring], &options).await;
    let state = |name| states_of(&plan, Collection::Campaigns, name)[0];
    assert!(matches!(state("status_1"), IndexState::Alter { .. }), "{plan}");
    assert!(matches!(state("user_id_1"), IndexState::Differs { .. }), "{plan}");
    assert!(matches!(state("start_time_1"), IndexState::Differs { .. }), "{plan}");
}

#[tokio::test]
async fn the_plan_has_a_form_for_programs_and_one_for_operators() {
    let database = TestDatabase::new();
    let driver = database.driver().await;
    for index in [
        doc! { "name": "by_login", "key": { "login_id": 1 }, "unique": true },
        doc! { "name": "email_1", "key": { "email": 1 }, "unique": true },
        doc! { "name": "odd", "key": { "user_name": 1 } },
        doc! { "name": "old", "key": { "user_name": -1 } },
    ] {
        create_index(&driver, Collection::Users, &index).await;
    }
    let options = ProvisionOptions::new()
        .drop_index(Collection::Users, "old")
        .drop_index(Collection::Users, "not there")
        .validators(ValidatorMode::Warn);
    let plan = database.connect().await.plan(&options).await.unwrap();
    let sparse = json!({ "option": "sparse", "found": "absent", "declared": "true" });
    assert_eq!(
        serde_json::to_value(&plan.collections[0]).unwrap(),
        json!({
            "collection": "users",
            "indexes": [
                { "index": "login_id_1", "state": "adopted", "existing": "by_login" },
                {
                    "index": "clerk_user_id_1",
                    "state": "create",
                    "definition": "{ clerk_user_id: 1 }, unique, sparse",
                },
                { "index": "email_1", "state": "differs", "existing": "email_1", "differences": [sparse] },
                {
                    "index": "is_active_1__id_1",
                    "state": "create",
                    "definition": "{ is_active: 1, _id: 1 }",
                },
                { "index": "old", "state": "drop", "definition": "{ user_name: -1 }" },
                { "index": "odd", "state": "unknown", "definition": "{ user_name: 1 }" },
            ],
            "validator": { "state": "absent", "set": "warn" },
        })
    );
    let text = plan.to_string();
    let users: Vec<_> = text.lines().take(8).collect();
    assert_eq!(
        users,
        [
            "users",
            "  adopted    login_id_1, which is there as by_login",
            "  create     clerk_user_id_1: { clerk_user_id: 1 }, unique, sparse",
            "  DIFFERS    email_1: email_1 is in the way: sparse is absent, not true",
            "  create     is_active_1__id_1: { is_active: 1, _id: 1 }",
            "  drop       old: { user_name: -1 }",
            "  unknown    odd: { user_name: 1 }",
            "  validator  absent; will warn",
        ]
    );
}

#[tokio::test]
async fn planning_and_watching_only_read_the_definitions() {
    let database = TestDatabase::new();
    let store = database.provisioned().await;
    database.driver().await.run_command(doc! { "dropIndexes": "users", "index": "email_1" }).await.unwrap();
    let options = ProvisionOptions::new().validators(ValidatorMode::Enforce);
    let commands = commands_during(&database, async {
        let plan = store.plan(&options).await.expect("a plan");
        assert_eq!(store.schema_drift(&options).await.expect("the drift"), plan.drift());
        assert_eq!(plan.drift().len(), 6, "{plan}");
    })
    .await;
    // The server does not profile the list of collections.
    assert_eq!(names_of(&commands), ["listIndexes"; 14]);
}
