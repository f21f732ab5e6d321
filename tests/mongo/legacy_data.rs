//! The old databases of the migration tests are loaded as they were written.

use futures_util::TryStreamExt;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, Document, doc};

use crate::support::database::TestDatabase;
use crate::support::legacy::{COLLECTIONS, LegacyData, Sizes};

#[tokio::test]
async fn a_loaded_document_has_the_bytes_that_its_file_describes() {
    let database = TestDatabase::new();
    let legacy = LegacyData::generate(1, 0.5, Sizes::SMALL);
    let driver = database.driver().await;
    legacy.load(&driver).await;
    for name in COLLECTIONS {
        let collection = driver.collection::<RawDocumentBuf>(name);
        let loaded = collection.find(doc! {}).sort(doc! { "$natural": 1 }).await.unwrap();
        let loaded: Vec<_> = loaded.try_collect().await.unwrap();
        let written: Vec<RawDocumentBuf> =
            legacy.documents(name).map(|document| document.try_into().unwrap()).collect();
        assert!(loaded == written, "{name}");
        assert_eq!(legacy.truth["counts"][name], loaded.len());
    }
}

#[test]
fn documents_are_read_with_the_types_and_the_order_of_the_file() {
    let legacy = LegacyData::generate(1, 0.5, Sizes::SMALL);
    let text = std::fs::read_to_string(legacy.path("email_campaigns")).unwrap();
    for (line, document) in text.lines().zip(legacy.documents("email_campaigns")) {
        let by_value = Bson::try_from(serde_json::from_str::<serde_json::Value>(line).unwrap()).unwrap();
        assert_eq!(sorted(&document), sorted(by_value.as_document().unwrap()));
        let mut rest = line;
        for key in document.keys() {
            let quoted = format!("\"{key}\":");
            rest = rest.split_once(&quoted).expect("the fields in their order").1;
        }
    }
}

/// As text, because NaN is not equal to itself.
fn sorted(document: &Document) -> String {
    let mut fields: Vec<_> = document.iter().collect();
    fields.sort_by_key(|(key, _)| *key);
    format!("{fields:?}")
}
