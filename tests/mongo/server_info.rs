//! What a store reports about its server.

use campaign_store::Topology;

use crate::support::database::TestDatabase;

#[tokio::test]
async fn a_store_tells_what_it_is_connected_to() {
    let database = TestDatabase::new();
    let info = database.connect().await.server_info().await.unwrap();
    let build_info =
        database.driver().await.run_command(mongodb::bson::doc! { "buildInfo": 1 }).await.unwrap();
    assert_eq!(info.version, build_info.get_str("version").unwrap());
    assert_eq!(info.topology, Topology::ReplicaSet);
}
