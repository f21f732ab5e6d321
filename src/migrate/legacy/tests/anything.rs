//! Documents that nobody thought of.

use bson::raw::{RawDocument, RawDocumentBuf, cstr};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Decimal128, Document, Regex, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{LegacyCampaign, LegacyMailbox, Mapped, campaign, date, mailbox, oid};

fn check<T>(mapped: Mapped<T>) {
    if let Err(reasons) = mapped {
        assert!(!reasons.is_empty());
        assert!(reasons.is_sorted());
        assert!(!format!("{reasons:?}").contains("canary"));
    }
}

fn check_both(document: &RawDocument) {
    check(LegacyMailbox::map(document));
    check(LegacyCampaign::map(document));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("canary".to_owned()),
        Just(oid(7).to_hex()),
        ".{0,20}",
        "[0-9.eE+-]{1,20}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][0-9:]{2,5})?)?",
    ]
}

fn value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        text().prop_map(Bson::String),
        text().prop_map(Bson::Symbol),
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<f64>().prop_map(Bson::Double),
        any::<bool>().prop_map(Bson::Boolean),
        any::<i64>().prop_map(date),
        any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(bytes.into())),
        any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(Decimal128::from_bytes(bytes))),
        any::<(u32, u32)>().prop_map(|(time, increment)| Bson::Timestamp(Timestamp { time, increment })),
        vec(any::<u8>(), 0..20)
            .prop_map(|bytes| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })),
        Just(Bson::Null),
        Just(Bson::Undefined),
        Just(Bson::MinKey),
        Just(Bson::MaxKey),
        Just(Bson::JavaScriptCode("canary".to_owned())),
        Just(Bson::RegularExpression(Regex { pattern: cstr!("canary").into(), options: cstr!("").into() })),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let key = prop_oneof![
            proptest::sample::select(vec![
                "$oid",
                "$date",
                "$numberLong",
                "$uuid",
                "password",
                "accessToken"
            ])
            .prop_map(str::to_owned),
            "[a-z_$]{0,6}",
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Bson::Array),
            vec((key, inner), 0..4).prop_map(|fields| Bson::Document(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let names: Vec<String> = mailbox()
        .into_iter()
        .chain(campaign())
        .map(|(name, _)| name)
        .chain(["credentials".to_owned()])
        .collect();
    prop_oneof![
        proptest::sample::select(names.clone()),
        proptest::sample::select(names).prop_map(|name| name.replace('_', "").to_uppercase()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_document_is_taken_or_has_a_reason(changes in vec((name(), value()), 0..4)) {
        for mut document in [Document::new(), mailbox(), campaign()] {
            document.extend(changes.clone());
            check_both(&RawDocumentBuf::try_from(document).unwrap());
        }
    }

    #[test]
    fn a_damaged_document_is_taken_or_has_a_reason(
        changes in vec((name(), value()), 0..3),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for mut document in [mailbox(), campaign()] {
            document.extend(changes.clone());
            let mut bytes = RawDocumentBuf::try_from(document).unwrap().into_bytes();
            for (place, byte) in &damage {
                // The outer length and the end stay, or there is no document to begin with.
                let place = 4 + place.index(bytes.len() - 5);
                bytes[place] = *byte;
            }
            check_both(RawDocument::from_bytes(&bytes).unwrap());
        }
    }

    #[test]
    fn bytes_are_taken_or_have_a_reason(body in vec(any::<u8>(), 0..80)) {
        let mut bytes = i32::try_from(body.len() + 5).unwrap().to_le_bytes().to_vec();
        bytes.extend(body);
        bytes.push(0);
        check_both(RawDocument::from_bytes(&bytes).unwrap());
    }
}
