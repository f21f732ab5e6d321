//! A deactivation that is under way while work is given out.

use std::time::Duration;

use bson::{Bson, doc};
use campaign_store::{CampaignPatch, CampaignStatus, Error, Repositories, contract};
use futures_util::future::BoxFuture;
use mongodb::Client;

use super::{Scene, error_of, new_campaign, new_mailbox, scene};
use crate::support::database::TestDatabase;
use crate::support::server;

/// Begins `work` while another process is changing a document, and lets that change happen.
async fn meanwhile<T: Send + 'static>(
    database: &TestDatabase,
    (collection, id): (&str, bson::oid::ObjectId),
    (field, value): (&str, Bson),
    work: BoxFuture<'static, T>,
) -> T {
    let client = Client::with_uri_str(server::uri()).await.expect("the test server answers");
    let mut session = client.start_session().await.expect("a session");
    session.start_transaction().await.expect("a transaction");
    let documents = client.database(&database.name).collection::<bson::Document>(collection);
    let change = doc! { "$set": { field: value } };
    let changed = documents.update_one(doc! { "_id": id }, change).session(&mut session).await;
    assert_eq!(changed.expect("an update").matched_count, 1);
    let work = tokio::spawn(work);
    // Whatever does not wait for the change has ended by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    session.commit_transaction().await.expect("a commit");
    work.await.expect("no panic")
}

async fn scheduled(store: &Repositories, scene: &Scene) -> bool {
    let campaign = store.campaigns.get(scene.campaign.id).await.expect("a look-up").expect("the campaign");
    campaign.status == CampaignStatus::Scheduled
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_not_given_to_a_user_who_is_just_being_deactivated() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let scene = scene(&store).await;
    let user = ("users", scene.user.id.as_object_id());
    let inactive = Error::inactive_user(scene.user.id);
    let off = || ("is_active", false.into());

    let (campaigns, new) = (store.campaigns.clone(), new_campaign(&scene.mailbox));
    let created = meanwhile(&database, user, off(), Box::pin(async move { campaigns.create(new).await }));
    assert_eq!(error_of(created.await), inactive);

    store.users.set_active(scene.user.id, true).await.unwrap();
    let (campaigns, id) = (store.campaigns.clone(), scene.campaign.id);
    let started = meanwhile(&database, user, off(), Box::pin(async move { campaigns.start(id).await }));
    assert_eq!(error_of(started.await), inactive);

    store.users.set_active(scene.user.id, true).await.unwrap();
    let campaigns = store.campaigns.clone();
    let claim = Box::pin(async move { campaigns.claim_due(contract::start(), 10).await });
    assert_eq!(meanwhile(&database, user, off(), claim).await.unwrap(), []);
    assert!(scheduled(&store, &scene).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_not_given_to_a_mailbox_that_is_just_failing() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let scene = scene(&store).await;
    let other = store.mailboxes.link(new_mailbox(&scene.user, "other")).await.unwrap();
    let (of_other, of_own) = (other.id.as_object_id(), scene.mailbox.id.as_object_id());
    let error = || ("status", "error".into());

    let (campaigns, campaign) = (store.campaigns.clone(), scene.campaign.clone());
    let patch = CampaignPatch::new().mailbox(other.id);
    let update = Box::pin(async move { campaigns.update(campaign.id, patch, campaign.updated_at).await });
    let refused = error_of(meanwhile(&database, ("mailboxes", of_other), error(), update).await);
    assert_eq!(refused, Error::unsendable_mailbox(other.id, "error"));

    let campaigns = store.campaigns.clone();
    let claim = Box::pin(async move { campaigns.claim_due(contract::start(), 10).await });
    assert_eq!(meanwhile(&database, ("mailboxes", of_own), error(), claim).await.unwrap(), []);
    assert!(scheduled(&store, &scene).await);
}
