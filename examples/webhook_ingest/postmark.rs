//! Postmark's webhooks: each call is one record, and its `RecordType` names the kind.
//!
//! Based on the pages of <https://postmarkapp.com/developer/webhooks/webhooks-overview>. The `Metadata` of a
//! message comes back with each record. A reply has none, because it arrives through the inbound webhook. A
//! message is therefore sent with `Reply-To: <inbound hash>+<tracking id>@…`, and the part after the plus
//! comes back as `MailboxHash`.
//!
//! Except for bounces, records have no id of their own, so one is made of the fields that do not change when
//! a record is repeated. A real service protects its URL with basic authentication.

use campaign_store::BounceKind;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::payload::{Payload, Refused, Report, json, required};

/// Recorded calls.
pub(crate) const CALLS: &[&str] = &[
    include_str!("fixtures/postmark/delivery_bob.json"),
    include_str!("fixtures/postmark/delivery_carol.json"),
    include_str!("fixtures/postmark/delivery_erin.json"),
    include_str!("fixtures/postmark/open_bob.json"),
    include_str!("fixtures/postmark/open_bob_again.json"),
    include_str!("fixtures/postmark/open_carol.json"),
    include_str!("fixtures/postmark/click_bob.json"),
    include_str!("fixtures/postmark/bounce_soft.json"),
    include_str!("fixtures/postmark/bounce_hard.json"),
    include_str!("fixtures/postmark/spam_complaint.json"),
    include_str!("fixtures/postmark/subscription_change_carol.json"),
    include_str!("fixtures/postmark/subscription_change_dave.json"),
    include_str!("fixtures/postmark/inbound_bob.json"),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    #[serde(rename = "RecordType")]
    kind: Option<String>,
    #[serde(rename = "MessageID")]
    message_id: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(alias = "DeliveredAt", alias = "ReceivedAt", alias = "BouncedAt", alias = "ChangedAt")]
    at: Option<DateTime<Utc>>,
    /// Only in a bounce.
    #[serde(rename = "Type")]
    bounce_type: Option<String>,
    details: Option<String>,
    /// Only in a change of the subscription.
    suppress_sending: Option<bool>,
    suppression_reason: Option<String>,
    /// Only in an inbound message.
    mailbox_hash: Option<String>,
    date: Option<String>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    tracking_id: Option<String>,
}

pub(crate) fn parse(body: &str) -> Result<Payload, Refused> {
    let record = json::<Record>(body)?;
    let mut payload = Payload::default();
    let Some(report) = report_of(&record) else {
        payload.skip();
        return Ok(payload);
    };
    let (at, tracking_id) = match report {
        Report::Replied => (sent_date(record.date.as_deref())?, record.mailbox_hash.as_deref()),
        _ => (required("the time", record.at)?, record.metadata.tracking_id.as_deref()),
    };
    let kind = record.kind.as_deref().unwrap_or("Inbound");
    let id = format!("{kind}/{}/{}", record.message_id, at.timestamp_micros());
    payload.report(report, tracking_id.filter(|id| !id.is_empty()), at, &id)?;
    Ok(payload)
}

fn report_of(record: &Record) -> Option<Report<'_>> {
    let Some(kind) = record.kind.as_deref() else {
        return record.mailbox_hash.is_some().then_some(Report::Replied);
    };
    match (kind, record.bounce_type.as_deref()) {
        ("Delivery", _) => Some(Report::Delivered),
        ("Open", _) => Some(Report::Opened),
        ("Click", _) => Some(Report::Clicked),
        ("Bounce", Some("HardBounce" | "BadEmailAddress")) => {
            Some(Report::Bounced(BounceKind::Hard, record.details.as_deref()))
        }
        ("Bounce", Some("SoftBounce" | "Transient" | "DnsError")) => {
            Some(Report::Bounced(BounceKind::Soft, record.details.as_deref()))
        }
        ("SpamComplaint", _) => Some(Report::Complained),
        // Suppressions after a bounce or a complaint have their own records.
        ("SubscriptionChange", _) => (record.suppress_sending == Some(true)
            && record.suppression_reason.as_deref() == Some("ManualSuppression"))
        .then_some(Report::Unsubscribed),
        _ => None,
    }
}

/// The `Date` of an e-mail.
fn sent_date(date: Option<&str>) -> Result<DateTime<Utc>, Refused> {
    let date = DateTime::parse_from_rfc2822(required("Date", date)?);
    required("a Date by RFC 5322", date.ok()).map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use campaign_store::Signal as Kind;

    use super::*;

    fn kind(body: &str) -> Option<Kind> {
        parse(body).unwrap().events.first().map(campaign_store::TrackingEvent::signal)
    }

    #[test]
    fn each_record_type_is_known() {
        assert_eq!(kind(CALLS[0]), Some(Kind::Delivered));
        assert_eq!(kind(CALLS[3]), Some(Kind::Opened));
        assert_eq!(kind(CALLS[6]), Some(Kind::Clicked));
        assert_eq!(kind(CALLS[9]), Some(Kind::Complained));
        assert_eq!(kind(CALLS[10]), Some(Kind::Unsubscribed));
    }

    #[test]
    fn a_bounce_is_hard_or_soft_and_it_is_told_once() {
        let bounce_kind = |n: usize| parse(CALLS[n]).unwrap().events[0].bounce_kind();
        assert_eq!([7, 8].map(bounce_kind), [Some(BounceKind::Soft), Some(BounceKind::Hard)]);
        assert_eq!(kind(CALLS[11]), None, "the subscription change that a hard bounce brings about");
    }

    #[test]
    fn a_reply_is_known_by_the_address_that_it_went_to() {
        let reply = &parse(CALLS[12]).unwrap().events[0];
        assert_eq!(reply.signal(), Kind::Replied);
        assert_eq!(reply.tracking_id().to_string(), "c0000000-0000-4000-8000-000000000001");
        assert_eq!(reply.at().to_rfc3339(), "2026-03-16T10:15:01+00:00");
    }

    #[test]
    fn an_open_and_the_next_one_are_two_events() {
        let [first, again] = [3, 4].map(|n| parse(CALLS[n]).unwrap().events.remove(0));
        assert_ne!(first, again);
        assert_eq!(parse(CALLS[3]).unwrap().events, [first]);
    }
}
