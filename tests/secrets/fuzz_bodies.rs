//! The bodies of the fuzz targets, with random input.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use campaign_store::fuzzing;
use proptest::prelude::*;

/// A stored document of each collection, whose texts are all canaries.
fn documents() -> [Document; 5] {
    let (id, at) = (ObjectId::from_bytes([1; 12]), DateTime::from_millis(1_767_603_600_123));
    let uuid = "0196f3a0-1111-7000-8000-000000000001";
    [
        doc! {
            "_id": id, "user_name": "canary", "login_id": "canary", "password": "canary", "clerk_user_id": "canary",
            "email": "canary@example.com", "created_at": at, "updated_at": at, "is_active": true, "last_login": at,
        },
        doc! {
            "_id": id, "user_id": id, "email": "canary@example.com", "provider": "canary", "password": "enc1.1.canary",
            "access_token": "canary", "refresh_token": "canary", "user_profile": { "canary": [{ "canary": 1.5 }] },
            "is_primary": true, "is_active": true, "status": "active", "last_used": at, "created_at": at,
            "updated_at": at,
        },
        doc! {
            "_id": id, "campaign_id": uuid, "user_id": id, "mailbox_id": id, "campaign_name": "canary",
            "subject": "canary", "message": "canary", "duration": 24.0, "start_time": at, "end_time": at,
            "status": "scheduled", "total_recipients": 1_i64, "created_at": at, "updated_at": at, "created_by": id,
        },
        doc! {
            "_id": id, "campaign_id": uuid, "user_id": id, "mailbox_id": id, "total_sent": 1_i64, "total_opened": 1,
            "open_rate": 100.0, "last_updated": at, "created_at": at,
        },
        doc! {
            "_id": id, "tracking_id": uuid, "campaign_id": uuid, "user_id": id, "mailbox_id": id,
            "sender_email": "canary@example.com", "recipient_email": "canary@example.com", "subject": "canary",
            "message": "canary", "sent_at": at, "opens": 1_i64, "bounced": false, "bounce_reason": "canary",
            "created_at": at,
        },
    ]
}

fn bytes_of(document: &Document) -> Vec<u8> {
    document.to_vec().expect("a document can be written")
}

#[test]
fn a_document_that_is_cut_off_is_refused_without_showing_it() {
    for document in documents() {
        let bytes = bytes_of(&document);
        for len in 0..=bytes.len() {
            let mut cut = bytes[..len].to_vec();
            fuzzing::document(&cut);
            // 110: with a length that fits, so that more of it is read.
            if let (Some(head), Ok(len)) = (cut.get_mut(..4), i32::try_from(len)) {
                head.copy_from_slice(&len.to_le_bytes());
            }
            fuzzing::document(&cut);
            if let Some(last) = cut.last_mut() {
                *last = 0;
            }
            fuzzing::document(&cut);
        }
    }
}

#[test]
fn every_changed_byte_of_a_document_is_read_without_a_panic() {
    for document in documents() {
        let mut bytes = bytes_of(&document);
        for at in 4..bytes.len() {
            let sound = bytes[at];
            for value in [0, 1, 2, 3, 5, 7, 0x0b, 0x13, 0x7f, 0x80, 0xff, sound ^ 1, sound ^ 0x10] {
                bytes[at] = value;
                fuzzing::document(&bytes);
            }
            bytes[at] = sound;
        }
    }
}

proptest! {
    #[test]
    fn envelopes(input in prop_oneof![
        "\\PC{0,300}",
        "[0-9.]{0,3}[A-Za-z0-9_-]{0,400}",
        prop::collection::vec(any::<char>(), 0..500).prop_map(String::from_iter),
    ]) {
        fuzzing::envelope(input.as_bytes());
    }

    #[test]
    fn password_hashes(input in prop_oneof![
        "\\PC{0,300}",
        "m=[0-9]{1,6},t=[0-9]{1,2},p=[0-9]\\$[A-Za-z0-9+/]{10,90}\\$[A-Za-z0-9+/]{20,90}",
        "(m|t|p)=[-+0-9]{0,11}(,(m|t|p|data|keyid)=[0-9A-Za-z]{0,5}){0,4}(\\$[A-Za-z0-9+/=]{0,50}){0,4}",
    ]) {
        fuzzing::password_hash(input.as_bytes());
    }

    #[test]
    fn login_ids(input in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        prop::collection::vec(any::<char>(), 0..200).prop_map(|text| String::from_iter(text).into_bytes()),
        "[A-Za-zİıſK.@ ]{0,260}".prop_map(String::into_bytes),
    ]) {
        fuzzing::login_id(&input);
    }

    #[test]
    fn changed_documents(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = bytes_of(&documents()[which]);
        for (at, value) in changes {
            let at = at.index(bytes.len() - 5) + 4;
            bytes[at] = value;
        }
        fuzzing::document(&bytes);
    }

    #[test]
    fn any_bytes_as_a_document(mut bytes in prop::collection::vec(any::<u8>(), 5..300)) {
        let len = i32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        *bytes.last_mut().unwrap() = 0;
        fuzzing::document(&bytes);
    }
}
