//! Old documents in shapes that the generator does not produce.

use campaign_store::{MigrationOptions, MigrationOutcome};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{RawArrayBuf, RawDocumentBuf};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, Timestamp, doc, rawdoc};
use uuid::Uuid;

use super::world::{CAMPAIGNS, MAILBOXES, World, run};
use crate::support::legacy::Sizes;

async fn empty() -> World {
    World::new(1, 0.0, Sizes { mailboxes: 0, campaigns: 0, tracking: 0 }).await
}

fn mailbox(id: impl Into<Bson>, email: &str) -> Document {
    doc! {
        "_id": id, "user_id": ObjectId::from_bytes([7; 12]), "email": email, "password": "PLAIN-1",
        "provider": "gmail", "is_primary": false, "is_active": true, "status": "active",
        "created_at": DateTime::from_millis(1_700_000_000_000), "updated_at": DateTime::from_millis(1_700_000_000_000),
    }
}

fn campaign(mailbox: ObjectId, status: &str, campaign_id: &str) -> Document {
    let at = DateTime::from_millis(1_700_000_000_000);
    let user = ObjectId::from_bytes([7; 12]);
    doc! {
        "campaign_id": campaign_id, "user_id": user, "mailbox_id": mailbox, "campaign_name": "Spring",
        "subject": "Hello", "message": "Flowers", "duration": 24, "start_time": at, "status": status,
        "total_recipients": 3, "created_at": at, "updated_at": at, "created_by": user,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_every_type_are_read_and_none_is_passed_over() {
    let world = empty().await;
    let mut ids: Vec<Bson> = vec![
        Bson::Null,
        Bson::MinKey,
        Bson::MaxKey,
        1.into(),
        2_i64.into(),
        2.5.into(),
        "text".into(),
        doc! { "a": 1 }.into(),
        true.into(),
        DateTime::now().into(),
        Timestamp { time: 1, increment: 1 }.into(),
        Binary { subtype: mongodb::bson::spec::BinarySubtype::Uuid, bytes: vec![1; 16] }.into(),
        Bson::Decimal128("7.5".parse().unwrap()),
    ];
    // Enough of several types that pages end among each.
    ids.extend((0..1_100).map(|n| Bson::from(format!("mb_{n:06}"))));
    ids.extend((10..1_110).map(Bson::from));
    let odd = ids.len() as u64;
    ids.extend((0..1_200).map(|_| Bson::ObjectId(ObjectId::new())));
    let documents = ids.iter().enumerate().map(|(n, id)| mailbox(id.clone(), &format!("a{n}@example.com")));
    world.database.collection(MAILBOXES).await.insert_many(documents).await.unwrap();
    let options = MigrationOptions::new().max_bad_share(1.0).unwrap();
    run(&world.migration(), options).await.unwrap();
    let report = world.migration().status().await.unwrap();
    let copy = &report.collections[0];
    assert_eq!((copy.migrated, copy.quarantined()), (1_200, odd));
    assert!(copy.adds_up());
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_still_needs_a_mailbox_that_is_gone_is_put_aside() {
    let world = empty().await;
    let (there, gone) = (ObjectId::new(), ObjectId::new());
    world.database.collection(MAILBOXES).await.insert_one(mailbox(there, "a@example.com")).await.unwrap();
    let id = |n: u8| format!("00000000-0000-4000-8000-0000000000{n:02}");
    let campaigns = [
        campaign(there, "scheduled", &id(1)),
        campaign(gone, "scheduled", &id(2)),
        campaign(gone, "sending", &id(3)),
        campaign(gone, "completed", &id(4)),
        campaign(gone, "cancelled", &id(5)),
    ];
    world.database.collection(CAMPAIGNS).await.insert_many(campaigns).await.unwrap();
    let report = world.migrate().await;
    let taken: Vec<_> = world.all("campaigns").await;
    assert_eq!(taken.len(), 3);
    let quarantined: Vec<_> = report.collections[1].quarantined.iter().collect();
    assert_eq!(quarantined, [(&campaign_store::Rejection::UnknownMailbox, &2)]);
    assert!(report.collections[1].adds_up());
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_the_application_linked_meanwhile_goes_before() {
    let world = empty().await;
    world.store.provision().await.unwrap();
    let user = ObjectId::from_bytes([7; 12]);
    let mut own = mailbox(ObjectId::new(), "a@example.com");
    own.insert("is_primary", true);
    own.remove("password");
    world.database.collection("mailboxes").await.insert_one(&own).await.unwrap();
    let mut other = mailbox(ObjectId::new(), "b@example.com");
    other.insert("is_primary", true);
    let same = mailbox(ObjectId::new(), "a@example.com");
    world.database.collection(MAILBOXES).await.insert_many([other, same]).await.unwrap();

    let report = world.migrate().await;
    let mailboxes = world.all("mailboxes").await;
    let primary: Vec<_> =
        mailboxes.iter().filter(|mailbox| mailbox.get_bool("is_primary").unwrap()).collect();
    assert_eq!(primary, [&own], "of {user}");
    assert_eq!(mailboxes.len(), 2);
    assert_eq!(report.collections[0].repaired[&campaign_store::Repair::SecondPrimary], 1);
    assert_eq!(report.collections[0].quarantined[&campaign_store::Rejection::Duplicate], 1);
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bson_is_put_aside_as_it_is() {
    let world = empty().await;
    let good = mailbox(ObjectId::new(), "a@example.com");
    let mut bytes = mongodb::bson::serialize_to_vec(&mailbox(ObjectId::new(), "b@example.com")).unwrap();
    // No UTF-8, which servers store without looking.
    let at = bytes.windows(5).position(|window| window == b"gmail").unwrap();
    bytes[at] = 0xff;
    let broken = RawDocumentBuf::from_bytes(bytes).unwrap();
    let driver = world.database.driver().await;
    driver.collection::<Document>(MAILBOXES).insert_one(good).await.unwrap();
    driver.collection::<RawDocumentBuf>(MAILBOXES).insert_one(broken).await.unwrap();
    let report = world.migrate().await;
    let copy = &report.collections[0];
    assert_eq!((copy.migrated, copy.quarantined()), (1, 1));
    assert!(copy.quarantined.contains_key(&campaign_store::Rejection::MalformedBson), "{copy:?}");
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_cannot_be_read_are_put_aside_wherever_a_page_would_end() {
    let world = empty().await;
    // In the order of the index: 990 that can be read, 5,200 that cannot, and after them the good ones.
    let id = |n: u32| doc! { "_id": format!("{}{n:04}", if n < 990 { 'a' } else { '~' }) };
    let documents = (0..6_190).map(|n| {
        let mut bytes = mongodb::bson::serialize_to_vec(&id(n)).unwrap();
        if let Some(at) = bytes.iter().position(|byte| *byte == b'~') {
            bytes[at] = 0xff;
        }
        RawDocumentBuf::from_bytes(bytes).unwrap()
    });
    let documents: Vec<_> = documents.collect();
    let driver = world.database.driver().await;
    for documents in documents.chunks(1_000) {
        // The driver's own insert would look at the ids.
        let mut array = RawArrayBuf::new();
        for document in documents {
            array.push(document.clone());
        }
        driver.run_raw_command(rawdoc! { "insert": MAILBOXES, "documents": array }).await.unwrap();
    }
    let good: Vec<_> = (0..100).map(|n| mailbox(ObjectId::new(), &format!("a{n}@example.com"))).collect();
    world.database.collection(MAILBOXES).await.insert_many(good).await.unwrap();

    let lenient = MigrationOptions::new().max_bad_share(1.0).unwrap();
    assert_eq!(run(&world.migration(), lenient).await.unwrap(), MigrationOutcome::Done);
    let report = world.migration().status().await.unwrap();
    let copy = &report.collections[0];
    assert_eq!((copy.source, copy.migrated, copy.quarantined()), (6_290, 100, 6_190));
    assert!(copy.adds_up());
    let verified = world.verify().await;
    assert!(verified.is_ok(), "{verified:?}");
    assert_eq!((verified.checked, verified.quarantined), (6_290, 6_190));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_old_database_is_nothing_to_do() {
    let world = empty().await;
    let report = world.migrate().await;
    assert!(report.is_done && report.collections.iter().all(|copy| copy.source == 0));
    assert!(world.verify().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_are_copied_in_smaller_pages() {
    let world = empty().await;
    let there = ObjectId::new();
    world.database.collection(MAILBOXES).await.insert_one(mailbox(there, "a@example.com")).await.unwrap();
    let mut campaigns = Vec::new();
    for n in 0..40_u8 {
        let mut large = campaign(there, "completed", &format!("00000000-0000-4000-8000-0000000000{n:02}"));
        // The last ones are beyond what a message can be.
        let size = if n < 35 { 1024 * 1024 } else { 15_900_000 };
        large.insert("message", "x".repeat(size));
        campaigns.push(large);
    }
    for campaigns in campaigns.chunks(3) {
        world.database.collection(CAMPAIGNS).await.insert_many(campaigns).await.unwrap();
    }
    let report = world.migrate().await;
    let copy = &report.collections[1];
    assert_eq!((copy.migrated, copy.quarantined()), (35, 5));
    assert!(copy.quarantined.contains_key(&campaign_store::Rejection::InvalidMessage), "{copy:?}");
    assert!(world.verify().await.is_ok());
}

/// Rows that spell the id of their campaign in different ways count together, and those of no campaign for none.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_rows_of_every_spelling() {
    let world = empty().await;
    let there = ObjectId::new();
    world.database.collection(MAILBOXES).await.insert_one(mailbox(there, "a@example.com")).await.unwrap();
    let (one, other) = (Uuid::from_u128(0xabcd_ef01), Uuid::from_u128(0xabcd_ef02));
    let campaigns = [one, other].map(|id| campaign(there, "completed", &id.to_string()));
    world.database.collection(CAMPAIGNS).await.insert_many(campaigns).await.unwrap();
    let binary = |id: Uuid| Binary { subtype: BinarySubtype::Uuid, bytes: id.as_bytes().to_vec() };
    let rows: Vec<Bson> = [
        vec![Bson::from(one.to_string()); 5],
        vec![one.to_string().to_uppercase().into(); 3],
        vec![format!("{:x}", one.simple()).into(); 2],
        // As many as of all other spellings.
        vec![binary(one).into(); 10],
        vec![binary(other).into(); 4],
        vec!["camp-17".into(), Bson::Null, 7.into()],
    ]
    .concat();
    let at = DateTime::from_millis(1_700_000_000_000);
    let rows = rows.into_iter().enumerate().map(|(n, id)| {
        doc! {
            "tracking_id": Uuid::from_u128(n as u128).to_string(), "campaign_id": id,
            "user_id": ObjectId::from_bytes([7; 12]), "mailbox_id": there, "sender_email": "a@example.com",
            "recipient_email": format!("r{n}@example.com"), "subject": "Hello", "message": "Flowers",
            "sent_at": at, "created_at": at, "opened_at": at,
        }
    });
    world.database.collection("email_tracking").await.insert_many(rows).await.unwrap();
    let report = world.migrate().await;
    assert_eq!((report.metrics.campaigns, report.metrics.unattributed_rows), (2, 3));
    for (id, rows) in [(one, 20), (other, 4)] {
        let metrics = world.store.system().campaign_metrics.get(id.into()).await.unwrap().unwrap();
        assert_eq!((metrics.totals.sent, metrics.totals.opened), (rows, rows));
    }
    assert!(world.verify().await.is_ok());
}
