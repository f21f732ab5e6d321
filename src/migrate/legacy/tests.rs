//! The mapping against the catalogue of legacy shapes, and against shapes beyond it.

mod anything;
mod campaigns;
mod catalogue;
mod mailboxes;

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};

use super::reason::{Rejection, Repair};
use super::{LegacyCampaign, LegacyMailbox, Mapped};

/// 2025-01-02 03:04:05.678
const MILLIS: i64 = 1_735_787_045_678;

fn oid(last: u8) -> ObjectId {
    ObjectId::from_bytes([0x67, 0x76, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}

fn date(millis: i64) -> Bson {
    Bson::DateTime(bson::DateTime::from_millis(millis))
}

/// A sound mailbox.
fn mailbox() -> Document {
    doc! {
        "_id": oid(1), "user_id": oid(2), "email": "ada@example.com", "password": "PLAIN-1",
        "access_token": "PLAIN-2", "provider": "gmail", "is_primary": true, "is_active": true,
        "status": "active", "last_used": date(MILLIS), "created_at": date(MILLIS), "updated_at": date(MILLIS),
    }
}

/// A sound campaign of 24 hours.
fn campaign() -> Document {
    doc! {
        "_id": oid(3), "campaign_id": "0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa", "user_id": oid(2),
        "mailbox_id": oid(1), "campaign_name": "Spring", "subject": "Hello", "message": "Text",
        "duration": 24, "start_time": date(MILLIS), "end_time": date(MILLIS + 86_400_000),
        "status": "scheduled", "total_recipients": 7, "created_at": date(MILLIS),
        "updated_at": date(MILLIS), "created_by": oid(2),
    }
}

/// A document with some fields changed; one that is set to null is left out.
fn with(mut document: Document, changes: Document) -> RawDocumentBuf {
    for (key, value) in changes {
        if value == Bson::Null {
            document.remove(key);
        } else {
            document.insert(key, value);
        }
    }
    RawDocumentBuf::try_from(document).unwrap()
}

fn map_mailbox(changes: Document) -> Mapped<LegacyMailbox> {
    LegacyMailbox::map(&with(mailbox(), changes))
}

fn map_campaign(changes: Document) -> Mapped<LegacyCampaign> {
    LegacyCampaign::map(&with(campaign(), changes))
}

/// What is wrong, as code and path.
fn reasons<T>(mapped: Mapped<T>) -> Vec<(Rejection, &'static str)> {
    mapped.err().expect("a rejection").iter().map(|reason| (reason.code, reason.path)).collect()
}

fn repairs(mailbox: &LegacyMailbox) -> Vec<Repair> {
    mailbox.repairs.iter().copied().collect()
}
