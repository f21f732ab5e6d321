use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Decimal128, Document, doc, rawdoc};

use super::{LegacyCampaign, MILLIS, date, map_campaign, oid, reasons};
use crate::migrate::legacy::reason::{Rejection, Repair};
use crate::model::CampaignStatus;

const HOUR: i64 = 3_600_000;

fn taken(changes: Document) -> (crate::model::Campaign, Vec<Repair>) {
    let LegacyCampaign { object_id, campaign, repairs } = map_campaign(changes).unwrap();
    assert_eq!(object_id, oid(3));
    (campaign, repairs.into_iter().collect())
}

#[test]
fn a_sound_campaign_is_taken_as_it_is() {
    let (campaign, repairs) = taken(doc! {});
    assert_eq!(repairs, []);
    assert_eq!(campaign.end_time.timestamp_millis(), MILLIS + 24 * HOUR);
    assert_eq!(campaign.total_recipients, 7);
}

#[test]
fn everything_that_is_missing_is_told() {
    let missing = LegacyCampaign::map(&rawdoc! {}).unwrap_err();
    assert!(missing.iter().all(|reason| reason.bson_type == "missing"));
    let codes: Vec<_> = missing.iter().map(|reason| (reason.code.as_str(), reason.path)).collect();
    let expected = [
        ("invalid_id", "_id"),
        ("invalid_user_id", "user_id"),
        ("invalid_mailbox_id", "mailbox_id"),
        ("invalid_date", "start_time"),
        ("invalid_duration", "duration"),
        ("missing_subject", "subject"),
        ("invalid_name", "campaign_name"),
        ("invalid_message", "message"),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn an_identity_is_a_uuid_in_any_form() {
    let (sound, _) = taken(doc! {});
    let bytes = sound.id.as_uuid().as_bytes().to_vec();
    for value in [
        Bson::from(" 0191D2A5-6D9C-7CC0-A1F3-3B1F5AD2E1AA "),
        "{0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa}".into(),
        "0191d2a56d9c7cc0a1f33b1f5ad2e1aa".into(),
        doc! { "$uuid": "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa" }.into(),
        Binary { subtype: BinarySubtype::Uuid, bytes: bytes.clone() }.into(),
    ] {
        let (campaign, repairs) = taken(doc! { "campaign_id": &value });
        assert_eq!((campaign.id, repairs), (sound.id, vec![Repair::NormalisedCampaignId]), "{value}");
    }
    for value in [
        Bson::from(""),
        "camp-17".into(),
        17.into(),
        oid(7).into(),
        // The bytes could be in any of three orders.
        Binary { subtype: BinarySubtype::UuidOld, bytes: bytes.clone() }.into(),
        Binary { subtype: BinarySubtype::Generic, bytes }.into(),
    ] {
        let found = reasons(map_campaign(doc! { "campaign_id": &value }));
        assert_eq!(found, [(Rejection::InvalidCampaignId, "campaign_id")], "{value}");
    }
}

#[test]
fn ids_of_others_are_checked() {
    let hex = Bson::from(oid(9).to_hex());
    let (campaign, repairs) = taken(doc! { "user_id": &hex, "mailbox_id": &hex, "created_by": &hex });
    assert_eq!(campaign.created_by, campaign.user_id);
    assert_eq!(repairs, [Repair::ConvertedId]);
    let found = reasons(map_campaign(doc! { "user_id": 7, "mailbox_id": 7, "created_by": "ada" }));
    let expected = [
        (Rejection::InvalidUserId, "created_by"),
        (Rejection::InvalidUserId, "user_id"),
        (Rejection::InvalidMailboxId, "mailbox_id"),
    ];
    assert_eq!(found, expected);
    assert_eq!(reasons(map_campaign(doc! { "_id": oid(3).to_hex() })), [(Rejection::InvalidId, "_id")]);
}

#[test]
fn durations_are_numbers_of_hours() {
    let decimal = |text: &str| Bson::Decimal128(text.parse::<Decimal128>().unwrap());
    for (value, hours, is_converted) in [
        (Bson::from(1.5), 1.5, false),
        (2_i64.into(), 2.0, false),
        (" 24.0 ".into(), 24.0, true),
        (decimal("1.5"), 1.5, true),
        (decimal("2E+1"), 20.0, true),
        (doc! { "$numberDouble": "0.5" }.into(), 0.5, true),
    ] {
        let (campaign, repairs) = taken(doc! { "duration": &value, "end_time": Bson::Null });
        assert_eq!(campaign.duration.as_hours().to_bits(), f64::to_bits(hours), "{value}");
        assert_eq!(repairs.contains(&Repair::ConvertedDuration), is_converted, "{value}");
    }
    for value in [
        Bson::from("24h"),
        "24,5".into(),
        "".into(),
        "NaN".into(),
        "inf".into(),
        "9".repeat(1_000).into(),
        "-1".into(),
        8_785.into(),
        i64::MIN.into(),
        f64::INFINITY.into(),
        decimal("NaN"),
        decimal("Infinity"),
        decimal("1E+6000"),
        true.into(),
        date(MILLIS),
        doc! { "hours": 24 }.into(),
    ] {
        let found = reasons(map_campaign(doc! { "duration": &value }));
        assert_eq!(found, [(Rejection::InvalidDuration, "duration")], "{value}");
    }
}

#[test]
fn an_end_follows_from_start_and_duration() {
    for value in [date(MILLIS), "soon".into(), date(253_402_214_400_000), 7.into()] {
        let (campaign, repairs) = taken(doc! { "end_time": &value });
        assert_eq!(campaign.end_time.timestamp_millis(), MILLIS + 24 * HOUR);
        assert_eq!(repairs, [Repair::RecomputedEndTime], "{value}");
    }
    let (_, repairs) = taken(doc! { "end_time": MILLIS + 24 * HOUR });
    assert_eq!(repairs, [Repair::ConvertedDate]);
}

#[test]
fn a_duration_follows_from_start_and_end() {
    let derived = |end: Bson| map_campaign(doc! { "duration": Bson::Null, "end_time": end });
    let campaign = derived(date(MILLIS + HOUR / 2)).unwrap();
    assert_eq!(campaign.campaign.duration.as_hours().to_bits(), 0.5_f64.to_bits());
    assert_eq!(campaign.repairs, [Repair::DerivedDuration].into());
    let campaign = derived((MILLIS + HOUR).into()).unwrap();
    assert_eq!(campaign.repairs, [Repair::DerivedDuration, Repair::ConvertedDate].into());
    for (end, code, path) in [
        (date(MILLIS), Rejection::InvalidDuration, "duration"),
        (date(MILLIS - HOUR), Rejection::InvalidDuration, "duration"),
        (date(MILLIS + 8_785 * HOUR), Rejection::InvalidDuration, "duration"),
        ("soon".into(), Rejection::InvalidDate, "end_time"),
    ] {
        assert_eq!(reasons(derived(end)), [(code, path)]);
    }
    // Without a start nothing more can be said.
    let found = reasons(map_campaign(doc! { "duration": Bson::Null, "start_time": "soon" }));
    assert_eq!(found, [(Rejection::InvalidDate, "start_time")]);
}

#[test]
fn no_state_sets_a_campaign_going() {
    use CampaignStatus::{Active, Cancelled, Completed, Paused, Scheduled};
    for (text, status, repair) in [
        ("ACTIVE", Active, Repair::NormalisedStatus),
        (" Scheduled", Scheduled, Repair::NormalisedStatus),
        ("Canceled", Cancelled, Repair::NormalisedStatus),
        ("done", Completed, Repair::NormalisedStatus),
        ("in_progress", Paused, Repair::InterruptedStatus),
        ("In Progress", Paused, Repair::InterruptedStatus),
        ("SENDING", Paused, Repair::InterruptedStatus),
        ("queued", Paused, Repair::UnknownStatus),
        ("", Paused, Repair::UnknownStatus),
    ] {
        let (campaign, repairs) = taken(doc! { "status": text });
        assert_eq!((campaign.status, repairs), (status, vec![repair]), "{text}");
    }
    assert_eq!(taken(doc! { "status": Bson::Null }).0.status, Scheduled);
    for value in [Bson::from(1), true.into(), vec!["active"].into()] {
        assert_eq!(reasons(map_campaign(doc! { "status": value })), [(Rejection::InvalidStatus, "status")]);
    }
}

#[test]
fn counts_are_whole_numbers() {
    for (value, repairs) in [
        (Bson::from(250.0), vec![]),
        (250_i64.into(), vec![]),
        (" 250 ".into(), vec![Repair::ConvertedCount]),
        ("250.0".into(), vec![Repair::ConvertedCount]),
        (doc! { "$numberLong": "250" }.into(), vec![Repair::ConvertedCount]),
    ] {
        let (campaign, found) = taken(doc! { "total_recipients": &value });
        assert_eq!((campaign.total_recipients, found), (250, repairs), "{value}");
    }
    for value in [
        Bson::from(-1),
        0.5.into(),
        f64::NAN.into(),
        1e300.into(),
        "many".into(),
        "1,000".into(),
        vec!["ada@example.com"].into(),
    ] {
        let found = reasons(map_campaign(doc! { "total_recipients": &value }));
        assert_eq!(found, [(Rejection::InvalidCount, "total_recipients")], "{value}");
    }
}

#[test]
fn texts_are_trimmed_but_never_shortened() {
    let (campaign, repairs) = taken(doc! { "campaign_name": " Spring ", "subject": "Hello\u{a0}" });
    assert_eq!((campaign.campaign_name.as_str(), campaign.subject.as_str()), ("Spring", "Hello"));
    assert_eq!(repairs, [Repair::TrimmedText]);
    for message in ["", " \n", "  kept as it is\r\n"] {
        let (campaign, repairs) = taken(doc! { "message": message });
        assert_eq!((campaign.message.as_str(), repairs), (message, vec![]));
    }
    for (field, value, code) in [
        ("subject", Bson::from(""), Rejection::InvalidSubject),
        ("subject", "x".repeat(999).into(), Rejection::InvalidSubject),
        ("subject", vec!["Hello"].into(), Rejection::InvalidSubject),
        ("subject", Bson::Null, Rejection::MissingSubject),
        ("campaign_name", "a\nb".into(), Rejection::InvalidName),
        ("campaign_name", "x".repeat(256).into(), Rejection::InvalidName),
        ("campaign_name", Bson::Null, Rejection::InvalidName),
        ("message", 7.into(), Rejection::InvalidMessage),
        ("message", "a\0b".into(), Rejection::InvalidMessage),
        ("message", "x".repeat(1024 * 1024 + 1).into(), Rejection::InvalidMessage),
        ("message", Bson::Null, Rejection::InvalidMessage),
    ] {
        assert_eq!(reasons(map_campaign(doc! { field: value })), [(code, field)]);
    }
}
