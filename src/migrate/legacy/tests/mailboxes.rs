use bson::oid::ObjectId;
use bson::raw::{RawBson, RawDocument, cstr};
use bson::{Bson, Decimal128, Timestamp, doc, rawdoc};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{LegacyMailbox, MILLIS, date, mailbox, map_mailbox, oid, reasons, repairs, with};
use crate::migrate::legacy::reason::{Rejection, Repair};
use crate::model::{MailboxStatus, Provider, SecretField};

fn at(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}

fn taken(changes: bson::Document) -> LegacyMailbox {
    map_mailbox(changes).unwrap()
}

#[test]
fn a_sound_mailbox_is_taken_as_it_is() {
    let sound = taken(doc! {});
    assert_eq!(repairs(&sound), []);
    assert_eq!(sound.mailbox.last_used, at(MILLIS));
    assert_eq!(sound.credentials.get(SecretField::AccessToken), Some("PLAIN-2"));
    assert_eq!(sound.credentials.get(SecretField::RefreshToken), None);
}

#[test]
fn what_has_a_default_can_be_absent() {
    let absent = Bson::Null;
    let bare =
        taken(doc! { "is_primary": &absent, "is_active": &absent, "status": &absent, "last_used": absent });
    assert_eq!(repairs(&bare), []);
    assert!(!bare.mailbox.is_primary && bare.mailbox.is_active);
    assert_eq!((bare.mailbox.status, bare.mailbox.last_used), (MailboxStatus::Active, None));
}

#[test]
fn a_name_has_many_spellings() {
    for name in ["userId", "UserID", "USER_ID", "user-id", "userid"] {
        let mailbox = taken(doc! { "user_id": Bson::Null, name: oid(9) });
        assert_eq!(mailbox.mailbox.user_id.as_object_id(), oid(9));
        assert_eq!(repairs(&mailbox), [Repair::RenamedFields], "{name}");
    }
    for name in ["id", "_user_id", "user.id", "user", "owner"] {
        assert_eq!(repairs(&taken(doc! { name: oid(9) })), [], "{name}");
    }
}

#[test]
fn a_field_under_two_names_must_have_one_value() {
    assert_eq!(repairs(&taken(doc! { "userId": oid(2) })), [Repair::RenamedFields]);
    assert_eq!(reasons(map_mailbox(doc! { "userId": oid(9) })), [(Rejection::ConflictingFields, "user_id")]);
    // The same to a reader, but not the same value.
    assert_eq!(
        reasons(map_mailbox(doc! { "userId": oid(2).to_hex() })),
        [(Rejection::ConflictingFields, "user_id")]
    );
    let mut document = with(mailbox(), doc! {});
    document.append(cstr!("userId"), RawBson::Null);
    assert_eq!(repairs(&LegacyMailbox::map(&document).unwrap()), []);
}

#[test]
fn a_field_that_is_there_twice_is_a_conflict() {
    for again in [Bson::from("ada@example.com"), "eve@example.com".into(), Bson::Null] {
        let mut document = with(mailbox(), doc! {});
        document.append(cstr!("email"), RawBson::try_from(again).unwrap());
        assert_eq!(reasons(LegacyMailbox::map(&document)), [(Rejection::ConflictingFields, "email")]);
    }
}

#[test]
fn broken_bson_is_malformed() {
    let damaged = |needle: &[u8], with: &[u8]| {
        let mut bytes = super::with(mailbox(), doc! { "note": "extra" }).into_bytes();
        let place = bytes.windows(needle.len()).position(|part| part == needle).unwrap();
        bytes[place..place + with.len()].copy_from_slice(with);
        LegacyMailbox::map(RawDocument::from_bytes(&bytes).unwrap())
    };
    for (needle, with) in [
        (&b"ada@example.com"[..], &b"\xff\xfe"[..]),
        (b"is_primary", b"\xff"),
        (b"\x02email\0", b"\x66"),
        (b"\x10\0\0\0ada@", b"\x7f\xff\xff\x7f"),
    ] {
        assert_eq!(reasons(damaged(needle, with)), [(Rejection::MalformedBson, "(document)")]);
    }
    // What nobody reads does no harm.
    assert_eq!(repairs(&damaged(b"extra", b"\xff").unwrap()), []);
}

#[test]
fn everything_that_is_wrong_is_told_the_identity_first() {
    let changes = doc! {
        "is_active": "perhaps", "password": 7, "status": 1, "created_at": "yesterday", "email": ["a@b.c"],
        "user_id": "canary", "provider": "", "user_profile": "canary", "_id": "canary",
    };
    let rejection = map_mailbox(changes).unwrap_err();
    assert!(!format!("{rejection:?}").contains("canary"));
    let types: Vec<_> =
        rejection.iter().map(|reason| (reason.code.as_str(), reason.path, reason.bson_type)).collect();
    let expected = [
        ("invalid_id", "_id", "string"),
        ("invalid_user_id", "user_id", "string"),
        ("invalid_email", "email", "array"),
        ("invalid_date", "created_at", "string"),
        ("invalid_provider", "provider", "string"),
        ("invalid_secret", "password", "int"),
        ("invalid_profile", "user_profile", "string"),
        ("invalid_status", "status", "int"),
        ("invalid_bool", "is_active", "string"),
    ];
    assert_eq!(types, expected);
    let missing = LegacyMailbox::map(&rawdoc! {}).unwrap_err();
    assert!(missing.iter().all(|reason| reason.bson_type == "missing"));
    let codes: Vec<_> = missing.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(codes, ["invalid_id", "invalid_user_id", "invalid_email", "invalid_provider"]);
}

#[test]
fn dates_have_many_forms() {
    let seconds = MILLIS / 1_000;
    for value in [
        Bson::from("2025-01-02T03:04:05.678Z"),
        "2025-01-02T03:04:05.678".into(),
        "2025-01-02 03:04:05.678900".into(),
        "2025-01-02T05:04:05.678+02:00".into(),
        "2025-01-02T05:04:05.678+0200".into(),
        "2025-01-02 05:04:05.678 +02".into(),
        " 2025-01-02 03:04:05.678 UTC ".into(),
        MILLIS.into(),
        (MILLIS * 1_000 + 999).into(),
        (MILLIS * 1_000_000).into(),
        1_735_787_045.678.into(),
        1_735_787_045_678.0.into(),
        "1735787045678".into(),
        "1735787045.678".into(),
        Bson::Decimal128("1735787045678".parse::<Decimal128>().unwrap()),
        doc! { "$date": "2025-01-02T03:04:05.678Z" }.into(),
        doc! { "$date": MILLIS }.into(),
        doc! { "$date": { "$numberLong": "1735787045678" } }.into(),
    ] {
        let mailbox = taken(doc! { "last_used": &value });
        assert_eq!(mailbox.mailbox.last_used, at(MILLIS), "{value}");
        assert_eq!(repairs(&mailbox), [Repair::ConvertedDate], "{value}");
    }
    for value in [
        Bson::from("2025-01-02T03:04:05Z"),
        "Thu Jan 02 2025 05:04:05 GMT+0200 (Eastern European Standard Time)".into(),
        "Thu, 02 Jan 2025 03:04:05 GMT".into(),
        Bson::Int32(seconds.try_into().unwrap()),
        seconds.into(),
        Bson::Timestamp(Timestamp { time: seconds.try_into().unwrap(), increment: 7 }),
    ] {
        let mailbox = taken(doc! { "updated_at": &value });
        assert_eq!(Some(mailbox.mailbox.updated_at), at(seconds * 1_000), "{value}");
        assert_eq!(repairs(&mailbox), [Repair::ConvertedDate], "{value}");
    }
    let day = taken(doc! { "last_used": "2025-01-02" });
    assert_eq!(day.mailbox.last_used, at(MILLIS / 86_400_000 * 86_400_000));
}

#[test]
fn what_could_be_two_dates_or_is_none_is_rejected() {
    for value in [
        Bson::from("04/05/2024"),
        "yesterday".into(),
        "2024-02-30T00:00:00Z".into(),
        "Fri Jan 02 2025 05:04:05 GMT+0200".into(),
        "null".into(),
        "2024".into(),
        "x".repeat(1_000_000).into(),
        7.into(),
        (-MILLIS).into(),
        i64::MAX.into(),
        f64::NAN.into(),
        f64::INFINITY.into(),
        1e300.into(),
        true.into(),
        vec![date(MILLIS)].into(),
        doc! { "$date": { "$date": MILLIS } }.into(),
        doc! { "$date": MILLIS, "zone": "CET" }.into(),
        doc! { "$numberDate": MILLIS }.into(),
        date(i64::MAX),
        date(i64::MIN),
        // Before and after the years that are plausible.
        date(1_104_537_599_999),
        date(2_240_611_200_000),
        "1999-12-31T00:00:00Z".into(),
        "2077-01-01T00:00:00Z".into(),
    ] {
        for field in ["last_used", "created_at"] {
            let found = reasons(map_mailbox(doc! { field: &value }));
            assert_eq!(found, [(Rejection::InvalidDate, field)], "{value}");
        }
    }
}

#[test]
fn a_mark_for_never_is_no_date() {
    for value in [
        date(0),
        date(-62_135_596_800_000),
        0.into(),
        0.0.into(),
        "0".into(),
        "".into(),
        "1970-01-01T00:00:00Z".into(),
        "0001-01-01T00:00:00".into(),
        "9999-12-31T23:59:59.999Z".into(),
        "9999-12-31".into(),
    ] {
        let mailbox = taken(doc! { "last_used": &value });
        assert_eq!(mailbox.mailbox.last_used, None, "{value}");
        assert_eq!(repairs(&mailbox), [Repair::ClearedDate], "{value}");
        // A record was made at some time.
        assert_eq!(
            reasons(map_mailbox(doc! { "updated_at": &value })),
            [(Rejection::InvalidDate, "updated_at")],
            "{value}"
        );
    }
}

#[test]
fn a_time_of_creation_comes_from_an_id_that_has_one() {
    let absent = doc! { "created_at": Bson::Null, "updated_at": Bson::Null };
    let derived = taken(absent.clone());
    assert_eq!(repairs(&derived), [Repair::DerivedCreatedAt, Repair::DerivedUpdatedAt]);
    assert_eq!(derived.mailbox.created_at, derived.mailbox.updated_at);
    let mut timeless = absent;
    timeless.insert("_id", ObjectId::from_bytes([0; 12]));
    assert_eq!(reasons(map_mailbox(timeless)), [(Rejection::InvalidDate, "created_at")]);
}

#[test]
fn booleans_have_a_fixed_table() {
    for (value, expected) in [
        (Bson::from(" True "), true),
        ("yes".into(), true),
        ("on".into(), true),
        ("1".into(), true),
        (1.0.into(), true),
        ("FALSE".into(), false),
        ("no".into(), false),
        ("off".into(), false),
        (0_i64.into(), false),
        (doc! { "$numberInt": "0" }.into(), false),
    ] {
        let mailbox = taken(doc! { "is_active": &value });
        assert_eq!(mailbox.mailbox.is_active, expected, "{value}");
        assert_eq!(repairs(&mailbox), [Repair::ConvertedBool], "{value}");
    }
    for value in [Bson::from(""), "perhaps".into(), 2.into(), (-1).into(), f64::NAN.into(), doc! {}.into()] {
        assert_eq!(
            reasons(map_mailbox(doc! { "is_active": value })),
            [(Rejection::InvalidBool, "is_active")]
        );
    }
}

#[test]
fn ids_are_sound_or_hexadecimal() {
    for value in [Bson::from(oid(9).to_hex().to_uppercase()), doc! { "$oid": oid(9).to_hex() }.into()] {
        let mailbox = taken(doc! { "user_id": value });
        assert_eq!(mailbox.mailbox.user_id.as_object_id(), oid(9));
        assert_eq!(repairs(&mailbox), [Repair::ConvertedId]);
    }
    for value in [Bson::from("abc"), 17.into(), doc! { "$oid": 7 }.into(), doc! { "id": oid(9) }.into()] {
        assert_eq!(reasons(map_mailbox(doc! { "user_id": value })), [(Rejection::InvalidUserId, "user_id")]);
    }
    assert_eq!(reasons(map_mailbox(doc! { "_id": oid(1).to_hex() })), [(Rejection::InvalidId, "_id")]);
}

#[test]
fn addresses_are_checked_and_not_guessed() {
    for value in
        [Bson::from("Ada <ada@example.com>"), "".into(), "a b@example.com".into(), vec!["a@b.c"].into()]
    {
        assert_eq!(reasons(map_mailbox(doc! { "email": value })), [(Rejection::InvalidEmail, "email")]);
    }
    let huge = format!("{}@example.com", "a".repeat(5_000_000));
    assert_eq!(reasons(map_mailbox(doc! { "email": huge })), [(Rejection::InvalidEmail, "email")]);
}

#[test]
fn states_and_providers_have_many_names() {
    for (text, status, repair) in [
        (" ERROR ", MailboxStatus::Error, Repair::NormalisedStatus),
        ("warming", MailboxStatus::Inactive, Repair::UnknownStatus),
        ("", MailboxStatus::Inactive, Repair::UnknownStatus),
    ] {
        let mailbox = taken(doc! { "status": text });
        assert_eq!((mailbox.mailbox.status, repairs(&mailbox)), (status, vec![repair]), "{text}");
    }
    for (text, provider) in [
        ("Microsoft 365", Provider::Outlook),
        ("GoogleMail", Provider::Gmail),
        ("Zoho", Provider::new("zoho").unwrap()),
    ] {
        let mailbox = taken(doc! { "provider": text });
        assert_eq!(
            (mailbox.mailbox.provider, mailbox.repairs),
            (provider, [Repair::NormalisedProvider].into())
        );
    }
    for value in [Bson::from(7), "a\nb".into(), "x".repeat(65).into(), Bson::Null] {
        let found = reasons(map_mailbox(doc! { "provider": value }));
        assert_eq!(found, [(Rejection::InvalidProvider, "provider")]);
    }
}

#[test]
fn nested_secrets_come_out() {
    let nested = |object: bson::Document| map_mailbox(doc! { "credentials": object });
    let mailbox =
        nested(doc! { "Password": "PLAIN-1", "refresh_token": "PLAIN-3", "type": "oauth" }).unwrap();
    assert_eq!(repairs(&mailbox), [Repair::UnnestedSecret]);
    assert_eq!(mailbox.credentials.get(SecretField::Password), Some("PLAIN-1"));
    assert_eq!(mailbox.credentials.get(SecretField::RefreshToken), Some("PLAIN-3"));
    assert_eq!(repairs(&nested(doc! { "password": Bson::Null }).unwrap()), []);
    assert_eq!(
        reasons(nested(doc! { "password": "PLAIN-9", "accessToken": 7 })),
        [(Rejection::ConflictingFields, "password"), (Rejection::InvalidSecret, "access_token")]
    );
    assert_eq!(
        reasons(nested(doc! { "accessToken": "PLAIN-2", "access_token": "PLAIN-9" })),
        [(Rejection::ConflictingFields, "access_token")]
    );
    assert_eq!(
        reasons(map_mailbox(doc! { "credentials": "canary" })),
        [(Rejection::InvalidSecret, "credentials")]
    );
}

#[test]
fn secrets_are_texts_within_bounds() {
    let empty = taken(doc! { "password": "" });
    assert_eq!(repairs(&empty), [Repair::EmptySecret]);
    assert_eq!(empty.credentials.get(SecretField::Password), None);
    let sealed = taken(doc! { "password": "enc1.1.AAAA", "refresh_token": "enc1." });
    assert_eq!(repairs(&sealed), []);
    assert_eq!(sealed.credentials.get(SecretField::Password), Some("enc1.1.AAAA"));
    for value in [
        Bson::from(7),
        vec!["x"].into(),
        doc! { "token": "x" }.into(),
        "a b".into(),
        "x".repeat(16_385).into(),
    ] {
        let found = reasons(map_mailbox(doc! { "refresh_token": value }));
        assert_eq!(found, [(Rejection::InvalidSecret, "refresh_token")]);
    }
}

#[test]
fn a_profile_is_what_json_can_hold() {
    let plain = taken(doc! { "user_profile": { "n": 7, "list": [true, 0.5, { "a": Bson::Null }] } });
    assert_eq!(repairs(&plain), []);
    let expected = json!({ "n": 7, "list": [true, 0.5, { "a": null }] });
    assert_eq!(Some(plain.mailbox.user_profile.unwrap().as_json()), expected.as_object());

    let rich = taken(doc! { "user_profile": { "ids": [oid(9)], "since": date(MILLIS) } });
    assert_eq!(repairs(&rich), [Repair::ConvertedProfile]);
    let expected = json!({ "ids": [oid(9).to_hex()], "since": "2025-01-02T03:04:05.678Z" });
    assert_eq!(Some(rich.mailbox.user_profile.unwrap().as_json()), expected.as_object());

    let twice = rawdoc! { "a": 1, "b": { "c": 1, "c": 2 } };
    let deep = (0..40).fold(doc! {}, |inner, _| doc! { "a": inner });
    for value in [
        Bson::from("{}"),
        vec![1].into(),
        doc! { "a": f64::NAN }.into(),
        doc! { "a": [Bson::Undefined] }.into(),
        doc! { "a": date(i64::MAX) }.into(),
        doc! { "a": Bson::MaxKey }.into(),
        doc! { "$a": 1 }.into(),
        doc! { "a": "x".repeat(70_000) }.into(),
        deep.into(),
    ] {
        let found = reasons(map_mailbox(doc! { "user_profile": &value }));
        assert_eq!(found, [(Rejection::InvalidProfile, "user_profile")], "{value}");
    }
    let mut document = with(mailbox(), doc! {});
    document.append(cstr!("user_profile"), twice);
    assert_eq!(reasons(LegacyMailbox::map(&document)), [(Rejection::InvalidProfile, "user_profile")]);
}
