//! The generator's databases, document by document, against the truth about them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use bson::RawDocumentBuf;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::migrate::legacy::reason::{Reason, Repair};
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::model::SecretField;

const DATES: [&str; 5] = ["start_time", "end_time", "last_used", "created_at", "updated_at"];

/// A database of the generator, removed when it is dropped.
struct Legacy(PathBuf);

impl Drop for Legacy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Legacy {
    fn new(seed: u32, mess: &str) -> Self {
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/legacy/generate.py");
        let legacy = Self(env::temp_dir().join(format!("legacy-{}-{seed}-{mess}", process::id())));
        let done = Command::new("python3")
            .arg(generator)
            .args(["--mailboxes", "600", "--campaigns", "600", "--tracking", "0", "--body", "0-300"])
            .args(["--mess", mess, "--seed", &seed.to_string(), "--out"])
            .arg(&legacy.0)
            .status()
            .expect("python3 runs");
        assert!(done.success());
        legacy
    }

    fn truth(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.0.join("truth.json")).unwrap()).unwrap()
    }

    fn documents(&self, collection: &str) -> Vec<RawDocumentBuf> {
        let lines = fs::read_to_string(self.0.join(collection).with_extension("jsonl")).unwrap();
        lines
            .lines()
            .map(|line| {
                let json: Map<String, Value> = serde_json::from_str(line).unwrap();
                RawDocumentBuf::try_from(bson::Document::try_from(json).unwrap()).unwrap()
            })
            .collect()
    }
}

#[test]
fn every_document_becomes_what_the_truth_says() {
    for (seed, mess) in [(1, "0"), (2, "0.25"), (3, "0.25"), (4, "1"), (5, "1"), (6, "1"), (7, "1")] {
        let legacy = Legacy::new(seed, mess);
        let truth = legacy.truth();
        compare(&legacy, &truth, "warm_up_emails_table", |document, truth, place| {
            match LegacyMailbox::map(document) {
                Err(reasons) => rejected(&reasons, truth, place),
                Ok(LegacyMailbox { mailbox, credentials, repairs }) => {
                    let mut record = serde_json::to_value(mailbox).unwrap();
                    let record = record.as_object_mut().unwrap();
                    let id = record.remove("mailbox_id").unwrap();
                    record.insert("_id".to_owned(), id);
                    taken(record, &repairs, truth, place);
                    let secrets: Map<String, Value> = SecretField::ALL
                        .iter()
                        .filter_map(|field| Some((field.to_string(), credentials.get(*field)?.into())))
                        .collect();
                    if truth["outcome"] != "quarantined" {
                        let none = Map::new();
                        let expected =
                            truth.get("secrets").map_or(&none, |secrets| secrets.as_object().unwrap());
                        assert_eq!(&secrets, expected, "{place}");
                    }
                }
            }
        });
        compare(&legacy, &truth, "email_campaigns", |document, truth, place| {
            match LegacyCampaign::map(document) {
                Err(reasons) => rejected(&reasons, truth, place),
                Ok(LegacyCampaign { object_id, campaign, repairs }) => {
                    assert_eq!(truth["_id"]["$oid"], object_id.to_hex(), "{place}");
                    let record = serde_json::to_value(campaign).unwrap();
                    taken(record.as_object().unwrap(), &repairs, truth, place);
                }
            }
        });
    }
}

fn compare(legacy: &Legacy, truth: &Value, collection: &str, check: impl Fn(&RawDocumentBuf, &Value, &str)) {
    let documents = legacy.documents(collection);
    let truths = truth["documents"][collection].as_array().unwrap();
    assert_eq!(documents.len(), truths.len());
    for (document, truth) in documents.iter().zip(truths) {
        let place = format!("{collection} {} {} of {}", truth["kind"], truth["_id"], legacy.0.display());
        check(document, truth, &place);
    }
}

fn rejected(reasons: &[Reason], truth: &Value, place: &str) {
    assert_eq!(truth["outcome"], "quarantined", "{place}: {reasons:?}");
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(codes, [truth["reason"].as_str().unwrap()], "{place}: {reasons:?}");
}

fn taken(record: &Map<String, Value>, repairs: &BTreeSet<Repair>, truth: &Value, place: &str) {
    // A clash takes two documents; in one alone there is nothing to see.
    if truth["outcome"] == "quarantined" {
        assert_eq!(truth["reason"], "duplicate", "{place}");
        return;
    }
    let is_lost_primary = truth["reason"] == "second_primary";
    let mut expected = canonical(truth["expect"].as_object().unwrap());
    if is_lost_primary {
        expected.insert("is_primary".to_owned(), true.into());
    }
    assert_eq!(canonical(record), expected, "{place}");

    let reason = truth["reason"].as_str().filter(|_| !is_lost_primary);
    let repairs: Vec<_> = repairs.iter().map(|repair| repair.as_str()).collect();
    assert_eq!(repairs, reason.into_iter().collect::<Vec<_>>(), "{place}");
}

/// With one form for each number and each date.
fn canonical(record: &Map<String, Value>) -> Map<String, Value> {
    let value = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Number(number) => number.as_f64().into(),
            Value::String(text) if DATES.contains(&key.as_str()) => {
                text.parse::<DateTime<Utc>>().unwrap().timestamp_millis().into()
            }
            other => other.clone(),
        };
        (key.clone(), value)
    };
    record.iter().map(value).collect()
}
