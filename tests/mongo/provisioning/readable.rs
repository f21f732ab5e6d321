//! The validators accept what the store can read, and refuse what it cannot, field by field.

use bson::oid::ObjectId;
use bson::{Binary, Bson, DateTime, Decimal128, Document, doc};
use campaign_store::{
    CampaignFilter, Collection, Error, MailboxFilter, MetricsFilter, PageRequest, Store, TrackingFilter,
    UserFilter, ValidatorMode,
};

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

/// Whether the store can read the one document of a collection.
async fn is_readable(store: &Store, collection: Collection) -> bool {
    let page = PageRequest::default();
    let result = match collection {
        Collection::Users => store.users.list(&UserFilter::all(), &page).await.map(drop),
        Collection::Mailboxes => store.mailboxes.list(&MailboxFilter::all(), &page).await.map(drop),
        Collection::Campaigns => store.campaigns.list(&CampaignFilter::all(), &page).await.map(drop),
        Collection::CampaignMetrics => {
            store.campaign_metrics.list(&MetricsFilter::all(), &page).await.map(drop)
        }
        _ => store.email_tracking.list(&TrackingFilter::all(), &page).await.map(drop),
    };
    match result {
        Ok(()) => true,
        Err(Error::Corrupt { .. }) => false,
        Err(other) => panic!("{other}"),
    }
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
    let store = database.connect().await.repositories();
    let schema = TestDatabase::new();
    validators::set(&schema.connect().await, ValidatorMode::Warn).await.expect("validators");
    let schema = schema.driver().await;
    let mut wrong = Vec::new();
    let mut tried = 0;
    for collection in Collection::ALL {
        let validator =
            options_of(&schema, collection).await.get_document("validator").expect("a validator").clone();
        let rows = database.collection(collection.name()).await;
        let document = golden(collection);
        for field in document.keys().filter(|field| *field != "_id") {
            for value in values() {
                let mut changed = document.clone();
                match value.clone() {
                    None => drop(changed.remove(field)),
                    Some(value) => drop(changed.insert(field, value)),
                }
                rows.delete_many(doc! {}).await.expect("an answer");
                rows.insert_one(changed).await.expect("an answer");
                let accepted = rows.count_documents(validator.clone()).await.expect("an answer") == 1;
                let readable = is_readable(&store, collection).await;
                tried += 1;
                if accepted != readable && !is_known(field, value.as_ref(), accepted) {
                    wrong.push(format!(
                        "{collection}.{field}: {value:?}: accepted {accepted}, readable {readable}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 1_500, "{tried}");
}

/// Where the two are meant to differ.
fn is_known(field: &str, value: Option<&Bson>, accepted: bool) -> bool {
    match field {
        // It is read as absent. No program writes it any more.
        _ if value == Some(&Bson::Undefined) => !accepted,
        // A record is read without its secrets. What is no text is none.
        "password" | "access_token" | "refresh_token" => !accepted,
        // That a text is a UUID the database does not check.
        "campaign_id" | "tracking_id" => accepted && matches!(value, Some(Bson::String(_))),
        _ => false,
    }
}
