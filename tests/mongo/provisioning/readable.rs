//! The validators accept what the store can read, and refuse what it cannot, field by field.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{Binary, Bson, DateTime, Decimal128, Document, doc};
use campaign_store::{
    CampaignFilter, Collection, Error, MailboxFilter, RecordStream, Repositories, Result, TrackingFilter,
    UserFilter, ValidatorMode,
};
use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{options_of, validators};
use crate::support::database::TestDatabase;

/// The stored form of a record that has every field, from its golden file.
fn golden(collection: Collection) -> Document {
    let path = format!("{}/tests/golden/{collection}.full.json", env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(path).expect("the golden file");
    text = text.replace("\"<campaign>\"", "\"0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa\"");
    for name in ["own id", "user", "mailbox", "owner", "creator"] {
        text = text.replace(&format!("<{name}>"), "0123456789abcdef01234567");
    }
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let Ok(Bson::Document(mut document)) = Bson::try_from(value) else { panic!("{collection}") };
    // Secrets are not in the golden files.
    match collection {
        Collection::Users => drop(document.insert("password", "$argon2id$")),
        Collection::Mailboxes => {
            document
                .extend(doc! { "password": "enc1.a", "access_token": "enc1.b", "refresh_token": "enc1.c" });
        }
        _ => {}
    }
    document
}

/// Those of the documents that the store cannot read.
async fn unreadable(store: &Repositories, collection: Collection, documents: u32) -> HashSet<ObjectId> {
    let results: Vec<Result<()>> = match collection {
        Collection::Users => drain(store.users.stream(&UserFilter::all())).await,
        Collection::Mailboxes => drain(store.mailboxes.stream(&MailboxFilter::all())).await,
        Collection::Campaigns => drain(store.campaigns.stream(&CampaignFilter::all())).await,
        Collection::EmailTracking => drain(store.email_tracking.stream(&TrackingFilter::all())).await,
        _ => {
            let mut results = Vec::new();
            for n in 0..documents {
                let metrics = store.campaign_metrics.get(uuid(n).into()).await;
                results.push(metrics.map(|metrics| assert!(metrics.is_some())));
            }
            results
        }
    };
    assert_eq!(results.len(), documents as usize, "{collection}");
    let id_of = |error: Error| match error {
        Error::Corrupt { id, .. } => ObjectId::parse_str(id).expect("an id"),
        other => panic!("{other}"),
    };
    results.into_iter().filter_map(Result::err).map(id_of).collect()
}

async fn drain<T>(stream: impl Future<Output = Result<RecordStream<T>>>) -> Vec<Result<()>> {
    stream.await.expect("a stream").map(|record| record.map(drop)).collect().await
}

fn object_id(n: u32) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn uuid(n: u32) -> Uuid {
    Uuid::from_u128(n.into())
}

/// What a field could hold; `None` for nothing at all.
fn values() -> Vec<Option<Bson>> {
    let values: Vec<Bson> = vec![
        Bson::Null,
        Bson::Undefined,
        "some text".into(),
        "active".into(),
        7.into(),
        (-7).into(),
        7_i64.into(),
        i64::MAX.into(),
        7.0.into(),
        (-0.0).into(),
        0.5.into(),
        (-0.5).into(),
        f64::NAN.into(),
        f64::INFINITY.into(),
        f64::NEG_INFINITY.into(),
        true.into(),
        ObjectId::from_bytes([7; 12]).into(),
        DateTime::from_millis(7).into(),
        doc! { "a": 1 }.into(),
        Bson::Array(vec!["a".into()]),
        Decimal128::from_bytes([0; 16]).into(),
        Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![7] }.into(),
        Bson::Symbol("active".to_owned()),
    ];
    std::iter::once(None).chain(values.into_iter().map(Some)).collect()
}

#[tokio::test]
async fn what_the_store_can_read_is_what_the_validators_accept() {
    let database = TestDatabase::new();
    let store = database.connect().await.system();
    let schema = TestDatabase::new();
    validators::set(&schema.connect().await, ValidatorMode::Warn).await.expect("validators");
    let schema = schema.driver().await;
    for collection in Collection::ALL {
        let mut fields = Vec::new();
        let mut documents = Vec::new();
        let golden = golden(collection);
        // By its campaign a metrics record is found here.
        let is_key = |field: &str| collection == Collection::CampaignMetrics && field == "campaign_id";
        for field in golden.keys().filter(|field| *field != "_id" && !is_key(field)) {
            for value in values() {
                let n = u32::try_from(fields.len()).expect("a number");
                let mut document = golden.clone();
                document.insert("_id", object_id(n));
                if collection == Collection::CampaignMetrics {
                    document.insert("campaign_id", uuid(n).to_string());
                }
                match value.clone() {
                    None => drop(document.remove(field)),
                    Some(value) => drop(document.insert(field, value)),
                }
                fields.push((object_id(n), field.clone(), value));
                documents.push(document);
            }
        }
        let rows = database.collection(collection.name()).await;
        rows.insert_many(documents).await.expect("an answer");
        let options = options_of(&schema, collection).await;
        let refused = doc! { "$nor": [options.get_document("validator").expect("a validator")] };
        let refused: Vec<Document> =
            rows.find(refused).await.expect("an answer").try_collect().await.expect("an answer");
        let refused: HashSet<_> =
            refused.iter().map(|document| document.get_object_id("_id").expect("an id")).collect();
        let documents = u32::try_from(fields.len()).expect("a number");
        let unreadable = unreadable(&store, collection, documents).await;
        assert!(refused.len() > fields.len() / 4, "{collection}: {}", refused.len());
        for (id, field, value) in fields {
            let (accepted, readable) = (!refused.contains(&id), !unreadable.contains(&id));
            assert!(
                accepted == readable || is_known(&field, value.as_ref(), accepted),
                "{collection}.{field}: {value:?}: accepted {accepted}, readable {readable}"
            );
        }
    }
}

/// Where the two are meant to differ.
fn is_known(field: &str, value: Option<&Bson>, accepted: bool) -> bool {
    match field {
        // It is read as absent. No program writes it any more.
        _ if value == Some(&Bson::Undefined) => !accepted,
        // A record is read without its secrets. What is no text is none.
        // That a text is a UUID the database does not check.
        "campaign_id" | "tracking_id" => accepted && matches!(value, Some(Bson::String(_))),
        // What other programs left in rows is read, and the validator warns of it.
        "password" | "access_token" | "refresh_token" | "delivered_at" | "opened_at" | "clicked_at"
        | "replied_at" | "opens" | "clicks" | "replies" | "bounced" | "unsubscribed" | "unsubscribed_at" => {
            !accepted
        }
        _ => false,
    }
}
