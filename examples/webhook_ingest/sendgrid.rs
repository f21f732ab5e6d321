//! SendGrid's Event Webhook: each call is an array of events.
//!
//! Based on <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>. The `custom_args` of
//! a message come back as fields of each of its events, so a message is sent with `"custom_args":
//! {"tracking_id": "…"}`.
//!
//! A real service checks `X-Twilio-Email-Event-Webhook-Signature` over the raw body first.

use campaign_store::BounceKind;
use serde::Deserialize;

use crate::payload::{Payload, Refused, Report, json, required, unix_time};

/// Recorded calls.
pub(crate) const CALLS: &[&str] = &[include_str!("fixtures/sendgrid/events.json")];

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event")]
    kind: String,
    timestamp: Option<f64>,
    sg_event_id: Option<String>,
    tracking_id: Option<String>,
    /// Only in a bounce: `bounce` if it is permanent, `blocked` if it is temporary.
    #[serde(rename = "type")]
    bounce_type: Option<String>,
    reason: Option<String>,
}

pub(crate) fn parse(body: &str) -> Result<Payload, Refused> {
    let mut payload = Payload::default();
    for event in json::<Vec<Event>>(body)? {
        let report = match event.kind.as_str() {
            "delivered" => Report::Delivered,
            "open" => Report::Opened,
            "click" => Report::Clicked,
            "bounce" => {
                let is_soft = event.bounce_type.as_deref() == Some("blocked");
                let kind = if is_soft { BounceKind::Soft } else { BounceKind::Hard };
                Report::Bounced(kind, event.reason.as_deref())
            }
            "unsubscribe" | "group_unsubscribe" => Report::Unsubscribed,
            "spamreport" => Report::Complained,
            _ => {
                payload.skip();
                continue;
            }
        };
        let at = unix_time(required("timestamp", event.timestamp)?)?;
        let id = required("sg_event_id", event.sg_event_id)?;
        payload.report(report, event.tracking_id.as_deref(), at, &id)?;
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use campaign_store::{Signal as Kind, TrackingEvent};

    use super::*;

    #[test]
    fn a_call_holds_events_of_many_emails() {
        let payload = parse(CALLS[0]).unwrap();
        let count = |kind| payload.events.iter().filter(|event| event.signal() == kind).count();
        let kinds = [
            Kind::Delivered,
            Kind::Opened,
            Kind::Clicked,
            Kind::Bounced,
            Kind::Unsubscribed,
            Kind::Complained,
        ];
        assert_eq!(kinds.map(count), [4, 4, 1, 2, 1, 1]);
        let bounces: Vec<_> = payload.events.iter().filter_map(TrackingEvent::bounce_kind).collect();
        assert!(bounces.contains(&BounceKind::Hard) && bounces.contains(&BounceKind::Soft));
        // processed, deferred, and the delivery of an e-mail that is not of a campaign
        assert_eq!(payload.skipped, 3);
        assert_eq!(payload.events[0].at().timestamp(), 1_773_650_003);
    }

    #[test]
    fn an_event_without_its_id_is_refused() {
        let id = "a0000000-0000-4000-8000-000000000001";
        let body = format!(r#"[{{"event": "open", "timestamp": 1, "tracking_id": "{id}"}}]"#);
        assert_eq!(parse(&body).unwrap_err(), Refused::Missing("sg_event_id"));
        assert!(matches!(parse("{}").unwrap_err(), Refused::Malformed { .. }));
    }
}
