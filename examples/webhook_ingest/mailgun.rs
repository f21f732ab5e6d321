//! Mailgun's webhooks: each call is one event under `event-data`.
//!
//! Based on <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads>. The
//! variables of a message (`v:tracking_id` when it is sent) come back as `user-variables`; a message without
//! variables has an empty array there instead of an object.
//!
//! A real service checks the HMAC in `signature` first.

use campaign_store::BounceKind;
use serde::Deserialize;
use serde_json::Value;

use crate::payload::{Payload, Refused, Report, json, unix_time};

/// Recorded calls.
pub(crate) const CALLS: &[&str] = &[
    include_str!("fixtures/mailgun/accepted.json"),
    include_str!("fixtures/mailgun/delivered_bob.json"),
    include_str!("fixtures/mailgun/delivered_carol.json"),
    include_str!("fixtures/mailgun/delivered_erin.json"),
    include_str!("fixtures/mailgun/opened_bob.json"),
    include_str!("fixtures/mailgun/opened_bob_again.json"),
    include_str!("fixtures/mailgun/opened_carol.json"),
    include_str!("fixtures/mailgun/clicked_bob.json"),
    include_str!("fixtures/mailgun/failed_temporary.json"),
    include_str!("fixtures/mailgun/failed_permanent.json"),
    include_str!("fixtures/mailgun/unsubscribed_carol.json"),
    include_str!("fixtures/mailgun/complained_erin.json"),
];

#[derive(Deserialize)]
struct Call {
    #[serde(rename = "event-data")]
    event: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    #[serde(rename = "event")]
    kind: String,
    id: String,
    timestamp: f64,
    #[serde(default)]
    user_variables: Value,
    severity: Option<String>,
    delivery_status: Option<DeliveryStatus>,
}

#[derive(Deserialize)]
struct DeliveryStatus {
    message: Option<String>,
}

pub(crate) fn parse(body: &str) -> Result<Payload, Refused> {
    let event = json::<Call>(body)?.event;
    let reason = event.delivery_status.as_ref().and_then(|status| status.message.as_deref());
    let mut payload = Payload::default();
    let report = match event.kind.as_str() {
        "delivered" => Report::Delivered,
        "opened" => Report::Opened,
        "clicked" => Report::Clicked,
        "failed" if event.severity.as_deref() == Some("permanent") => {
            Report::Bounced(BounceKind::Hard, reason)
        }
        "failed" => Report::Bounced(BounceKind::Soft, reason),
        "unsubscribed" => Report::Unsubscribed,
        "complained" => Report::Complained,
        _ => {
            payload.skip();
            return Ok(payload);
        }
    };
    let tracking_id = event.user_variables.get("tracking_id").and_then(Value::as_str);
    payload.report(report, tracking_id, unix_time(event.timestamp)?, &event.id)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use campaign_store::Signal as Kind;

    use super::*;

    fn kind(body: &str) -> Option<Kind> {
        parse(body).unwrap().events.first().map(campaign_store::TrackingEvent::signal)
    }

    #[test]
    fn each_kind_is_known() {
        assert_eq!(kind(CALLS[0]), None);
        assert_eq!(kind(CALLS[1]), Some(Kind::Delivered));
        assert_eq!(kind(CALLS[4]), Some(Kind::Opened));
        assert_eq!(kind(CALLS[7]), Some(Kind::Clicked));
        assert_eq!(kind(CALLS[10]), Some(Kind::Unsubscribed));
        assert_eq!(kind(CALLS[11]), Some(Kind::Complained));
    }

    #[test]
    fn only_a_failure_for_good_is_a_hard_bounce() {
        let kind = |n: usize| parse(CALLS[n]).unwrap().events[0].bounce_kind();
        assert_eq!([8, 9].map(kind), [Some(BounceKind::Soft), Some(BounceKind::Hard)]);
    }

    #[test]
    fn an_email_without_variables_is_skipped() {
        let body =
            r#"{"event-data": {"event": "opened", "id": "1", "timestamp": 1.5, "user-variables": []}}"#;
        assert_eq!(parse(body).unwrap().skipped, 1);
        assert!(matches!(parse("[]").unwrap_err(), Refused::Malformed { .. }));
    }
}
