//! What a store reports about its server.

use campaign_store::{Encryption, MongoStore, Topology, Warning};

use crate::support::database::TestDatabase;
use crate::support::server;

#[tokio::test]
async fn a_store_tells_what_it_is_connected_to() {
    let database = TestDatabase::new();
    let info = database.connect().await.server_info().await.unwrap();
    let build_info =
        database.driver().await.run_command(mongodb::bson::doc! { "buildInfo": 1 }).await.unwrap();
    assert_eq!(info.version, build_info.get_str("version").unwrap());
    assert_eq!(info.topology, Topology::ReplicaSet);
}

/// `0.0.0.0` leads to this machine, and does not look like it.
#[tokio::test]
async fn a_server_on_another_machine_without_tls_and_login_is_warned_of() {
    let database = TestDatabase::new();
    let store = database.connect().await;
    assert_eq!(store.warnings(), []);
    let info = store.server_info().await.unwrap();
    assert_eq!((info.encryption, info.is_logged_in), (Encryption::None, false));
    let elsewhere = server::uri().replacen("127.0.0.1", "0.0.0.0", 1).replacen("localhost", "0.0.0.0", 1);
    let store = MongoStore::connect(elsewhere, &database.name).await.unwrap();
    assert_eq!(store.warnings(), [Warning::Unencrypted, Warning::NoLogin]);
    for warning in store.warnings() {
        assert!(warning.to_string().starts_with("the server is on another machine"), "{warning}");
    }
}
