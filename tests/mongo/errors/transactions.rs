//! Changes of several documents whose transaction fails midway.

use std::time::Duration;

use bson::{Document, doc};
use campaign_store::{
    CampaignFilter, Collection, Error, MailboxFilter, MetricsFilter, PageRequest, SendOutcome,
};
use futures_util::TryStreamExt;

use super::connecting::in_time;
use super::fail_point::{Failing, times};
use super::{assert_unavailable, error_of, new_campaign, new_mailbox, new_sends, target};

/// A failure after which the server wants the whole transaction again.
fn transient() -> Document {
    doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] }
}

/// A failure that nothing helps against.
fn lasting() -> Document {
    doc! { "errorCode": 8 }
}

/// A commit that happens, though the server cannot say so.
fn unconfirmed() -> Document {
    doc! {
        "writeConcernError": { "code": 64, "errmsg": "waiting for canary" },
        "errorLabels": ["UnknownTransactionCommitResult"],
    }
}

impl Failing {
    /// Every document of the database, to see whether anything changed.
    async fn documents(&self) -> Vec<Vec<Document>> {
        let driver = self.database.driver().await;
        let mut documents = Vec::new();
        for collection in Collection::ALL {
            let found = driver.collection(collection.name()).find(doc! {}).sort(doc! { "_id": 1 }).await;
            documents.push(found.expect("a look-up").try_collect().await.expect("all documents"));
        }
        documents
    }

    async fn sent(&self) -> u64 {
        let metrics = self.sound.campaign_metrics.get(self.scene.campaign.id).await;
        metrics.expect("a look-up").expect("the metrics").totals.sent
    }

    /// The same for the inserts into one collection.
    async fn fail_inserts(&self, collection: Collection, mut failure: Document) {
        failure.insert("namespace", format!("{}.{}", self.database.name, collection));
        self.fail("alwaysOn", &["insert"], failure).await;
    }

    /// Records two sends, and checks that both are there once and counted once.
    async fn record_two_sends(&self) {
        let sends = new_sends(&self.scene.campaign, &["a", "b"]);
        let outcomes = self.store.email_tracking.record_sends(sends.clone()).await;
        assert_eq!(outcomes.expect("the outcomes"), [SendOutcome::Recorded; 2]);
        assert_eq!(self.sent().await, 2);
        let rows = self.database.collection("email_tracking").await;
        assert_eq!(rows.count_documents(doc! {}).await.expect("a count"), 2);
        let again = self.store.email_tracking.record_sends(sends).await;
        assert_eq!(again.expect("the outcomes"), [SendOutcome::AlreadyRecorded; 2]);
        assert_eq!(self.sent().await, 2);
    }
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_the_records_are_written_once() {
    let db = Failing::new().await;
    db.fail(times(2), &["insert"], transient()).await;
    let campaign = db.store.campaigns.create(new_campaign(&db.scene.mailbox)).await.unwrap();
    let all = db.sound.campaigns.list(&CampaignFilter::all(), &PageRequest::default()).await.unwrap();
    assert_eq!(all.items, [db.scene.campaign.clone(), campaign]);
    let metrics =
        db.sound.campaign_metrics.list(&MetricsFilter::all(), &PageRequest::default()).await.unwrap();
    assert_eq!(metrics.items.len(), 2);
}

#[tokio::test]
async fn sends_are_counted_once_after_a_transient_failure_of_any_command() {
    for command in ["find", "findAndModify", "insert", "commitTransaction"] {
        let db = Failing::new().await;
        db.fail(times(2), &[command], transient()).await;
        db.record_two_sends().await;
    }
}

#[tokio::test]
async fn sends_are_counted_once_after_a_commit_of_unknown_outcome() {
    let db = Failing::new().await;
    db.fail(times(2), &["commitTransaction"], unconfirmed()).await;
    db.record_two_sends().await;
}

#[tokio::test]
async fn sends_are_counted_once_after_a_connection_that_broke_in_the_commit() {
    let db = Failing::new().await;
    db.fail(times(3), &["commitTransaction"], doc! { "closeConnection": true }).await;
    db.record_two_sends().await;
}

#[tokio::test]
async fn sends_are_counted_once_after_a_connection_that_broke_before_the_commit() {
    let db = Failing::new().await;
    db.fail(times(2), &["insert"], doc! { "closeConnection": true }).await;
    db.record_two_sends().await;
}

#[tokio::test]
async fn a_campaign_whose_metrics_cannot_be_written_is_not_there_either() {
    for failure in [lasting(), doc! { "closeConnection": true }] {
        let db = Failing::with_timeout(Duration::from_secs(1)).await;
        let before = db.documents().await;
        db.fail_inserts(Collection::CampaignMetrics, failure.clone()).await;
        let error =
            in_time(async { error_of(db.store.campaigns.create(new_campaign(&db.scene.mailbox)).await) })
                .await;
        if failure == lasting() {
            assert_eq!(error, Error::backend("campaigns.create", Some(8)));
        } else {
            assert_unavailable(&error, &target().await);
        }
        db.stop().await;
        assert_eq!(db.documents().await, before);
    }
}

#[tokio::test]
async fn sends_whose_rows_cannot_be_written_are_not_counted() {
    let db = Failing::new().await;
    let before = db.documents().await;
    db.fail_inserts(Collection::EmailTracking, lasting()).await;
    let sends = new_sends(&db.scene.campaign, &["a", "b"]);
    let error = error_of(db.store.email_tracking.record_sends(sends).await);
    assert_eq!(error, Error::backend("email_tracking.record_sends", Some(8)));
    db.stop().await;
    assert_eq!(db.documents().await, before);
}

#[tokio::test]
async fn a_switch_that_fails_half_way_leaves_the_primary_mailbox_primary() {
    let db = Failing::new().await;
    let second = db.sound.mailboxes.link(new_mailbox(&db.scene.user, "second")).await.unwrap();
    let before = db.documents().await;
    db.fail(doc! { "skip": 1 }, &["findAndModify"], lasting()).await;
    let error = error_of(db.store.mailboxes.set_primary(second.id).await);
    assert_eq!(error, Error::backend("mailboxes.set_primary", Some(8)));
    db.fail(doc! { "skip": 1 }, &["findAndModify"], lasting()).await;
    let third = new_mailbox(&db.scene.user, "third").primary();
    let error = error_of(db.store.mailboxes.link(third).await);
    assert_eq!(error, Error::backend("mailboxes.link", Some(8)));
    db.stop().await;
    assert_eq!(db.documents().await, before);
}

#[tokio::test]
async fn an_unlinking_without_an_heir_leaves_the_mailbox_linked() {
    let db = Failing::new().await;
    let unused = db.sound.mailboxes.link(new_mailbox(&db.scene.user, "unused").primary()).await.unwrap();
    let before = db.documents().await;
    db.fail("alwaysOn", &["findAndModify"], lasting()).await;
    let error = error_of(db.store.mailboxes.unlink(unused.id).await);
    assert_eq!(error, Error::backend("mailboxes.unlink", Some(8)));
    db.stop().await;
    assert_eq!(db.documents().await, before);
    let mailboxes = db.store.mailboxes.list(&MailboxFilter::all(), &PageRequest::default()).await.unwrap();
    assert_eq!(mailboxes.items.len(), 2);
}

#[tokio::test]
async fn a_transaction_that_never_gets_through_is_unavailable_in_time() {
    for (commands, failure) in [
        (["insert"], transient()),
        (["commitTransaction"], transient()),
        (["commitTransaction"], doc! { "closeConnection": true }),
        (["commitTransaction"], unconfirmed()),
        (["commitTransaction"], doc! { "errorCode": 91, "errorLabels": ["RetryableWriteError"] }),
    ] {
        let db = Failing::with_timeout(Duration::from_secs(1)).await;
        db.fail("alwaysOn", &commands, failure.clone()).await;
        let create = db.store.campaigns.create(new_campaign(&db.scene.mailbox));
        let error = in_time(async { error_of(create.await) }).await;
        assert_unavailable(&error, &target().await);
        db.stop().await;
        // It may have been done all the same, but then as a whole.
        let campaigns = db.database.collection("campaigns").await.count_documents(doc! {}).await.unwrap();
        let metrics = db.database.collection("campaign_metrics").await;
        assert_eq!(metrics.count_documents(doc! {}).await.unwrap(), campaigns, "{failure}");
    }
}
