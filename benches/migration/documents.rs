//! What the old collections hold.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{DateTime, rawdoc};

pub(crate) const CAMPAIGNS: u32 = 1_000;
const START: i64 = 1_700_000_000_000;

pub(crate) fn id(kind: u8, n: u32) -> ObjectId {
    // In the order of their creation, like those of a program.
    let mut bytes = [0x65, 0x50, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn user(n: u32) -> ObjectId {
    id(1, n / 3)
}

pub(crate) fn mailbox(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    rawdoc! {
        "_id": id(2, n), "user_id": user(n), "email": format!("mailbox{n}@example.com"),
        "password": format!("PLAIN-password-{n:012x}"),
        "access_token": format!("PLAIN-access-{}", "a1".repeat(100)),
        "refresh_token": format!("PLAIN-refresh-{}", "b2".repeat(50)),
        "provider": "gmail", "user_profile": { "name": "Ada", "locale": "en", "verified": true },
        "is_primary": n.is_multiple_of(3), "is_active": true, "status": "active", "last_used": at,
        "created_at": at, "updated_at": at,
    }
}

fn campaign_id(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

pub(crate) fn campaign(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    rawdoc! {
        "_id": id(3, n), "campaign_id": campaign_id(n), "user_id": user(n), "mailbox_id": id(2, n),
        "campaign_name": format!("Campaign {n}"), "subject": "Hello", "message": "Flowers are out. ".repeat(20),
        "duration": 24, "start_time": at, "status": "completed", "total_recipients": 1_000,
        "created_at": at, "updated_at": at, "created_by": user(n),
    }
}

pub(crate) fn row(n: u32) -> RawDocumentBuf {
    let at = DateTime::from_millis(START + i64::from(n));
    let campaign = n % CAMPAIGNS;
    let mut row = rawdoc! {
        "_id": id(4, n), "tracking_id": format!("{n:08x}-0000-4000-9000-000000000000"),
        "campaign_id": campaign_id(campaign), "user_id": user(campaign), "mailbox_id": id(2, campaign),
        "sender_email": "ada@example.com", "recipient_email": format!("recipient{n}@example.com"),
        "subject": "Hello", "message": "Flowers are out. ".repeat(40), "sent_at": at, "delivered_at": at,
        "opens": i32::from(n.is_multiple_of(2)), "clicks": i32::from(n.is_multiple_of(6)), "replies": 0, "bounced": false,
        "unsubscribed": false, "created_at": at,
    };
    if n.is_multiple_of(2) {
        row.append(mongodb::bson::raw::cstr!("opened_at"), at);
    }
    row
}
