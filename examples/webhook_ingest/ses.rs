//! Amazon SES event publishing through SNS: each call is a notification, and its `Message` is the event as
//! JSON text.
//!
//! Based on <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>. A message is sent with the
//! tag `tracking_id` (`EmailTags`, or the header `X-SES-MESSAGE-TAGS`), which comes back in `mail.tags`. SNS
//! repeats a notification under the same `MessageId`.
//!
//! A real service checks the signature of the notification first, and confirms a subscription.

use std::collections::HashMap;

use campaign_store::BounceKind;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::payload::{Payload, Refused, Report, json, required};

/// Recorded calls.
pub(crate) const CALLS: &[&str] = &[
    include_str!("fixtures/ses/subscription_confirmation.json"),
    include_str!("fixtures/ses/send.json"),
    include_str!("fixtures/ses/delivery_bob.json"),
    include_str!("fixtures/ses/delivery_carol.json"),
    include_str!("fixtures/ses/delivery_erin.json"),
    include_str!("fixtures/ses/open_bob.json"),
    include_str!("fixtures/ses/open_bob_again.json"),
    include_str!("fixtures/ses/open_carol.json"),
    include_str!("fixtures/ses/click_bob.json"),
    include_str!("fixtures/ses/bounce_transient.json"),
    include_str!("fixtures/ses/bounce_permanent.json"),
    include_str!("fixtures/ses/complaint_erin.json"),
    include_str!("fixtures/ses/subscription_carol.json"),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    r#type: String,
    message_id: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "eventType")]
    kind: String,
    mail: Mail,
    /// What happened. Each kind of event has one of these.
    #[serde(alias = "delivery", alias = "open", alias = "click")]
    #[serde(alias = "bounce", alias = "complaint", alias = "subscription")]
    happening: Option<Happening>,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Happening {
    timestamp: DateTime<Utc>,
    bounce_type: Option<String>,
    #[serde(default)]
    bounced_recipients: Vec<BouncedRecipient>,
    new_topic_preferences: Option<TopicPreferences>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BouncedRecipient {
    diagnostic_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopicPreferences {
    #[serde(default)]
    unsubscribe_all: bool,
}

pub(crate) fn parse(body: &str) -> Result<Payload, Refused> {
    let mut payload = Payload::default();
    let notification = json::<Notification>(body)?;
    if notification.r#type != "Notification" {
        payload.skip();
        return Ok(payload);
    }
    let event = json::<Event>(&notification.message)?;
    let Some(report) = report_of(&event) else {
        payload.skip();
        return Ok(payload);
    };
    let at = required("timestamp", event.happening.as_ref().map(|happening| happening.timestamp))?;
    let tracking_id = event.mail.tags.get("tracking_id").and_then(|values| values.first());
    payload.report(report, tracking_id.map(String::as_str), at, &notification.message_id)?;
    Ok(payload)
}

fn report_of(event: &Event) -> Option<Report<'_>> {
    let happening = event.happening.as_ref();
    match event.kind.as_str() {
        "Delivery" => Some(Report::Delivered),
        "Open" => Some(Report::Opened),
        "Click" => Some(Report::Clicked),
        // Automatic replies also arrive as transient bounces.
        "Bounce" => {
            let bounce = happening?;
            let is_hard = bounce.bounce_type.as_deref() == Some("Permanent");
            let kind = if is_hard { BounceKind::Hard } else { BounceKind::Soft };
            let recipient = bounce.bounced_recipients.first();
            let reason = recipient.and_then(|recipient| recipient.diagnostic_code.as_deref());
            Some(Report::Bounced(kind, reason))
        }
        "Complaint" => Some(Report::Complained),
        "Subscription" => {
            let preferences = happening?.new_topic_preferences.as_ref()?;
            preferences.unsubscribe_all.then_some(Report::Unsubscribed)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use campaign_store::Signal as Kind;

    use super::*;

    fn kind(body: &str) -> Option<Kind> {
        parse(body).unwrap().events.first().map(campaign_store::TrackingEvent::signal)
    }

    #[test]
    fn each_event_type_is_known() {
        assert_eq!(kind(CALLS[1]), None);
        assert_eq!(kind(CALLS[2]), Some(Kind::Delivered));
        assert_eq!(kind(CALLS[5]), Some(Kind::Opened));
        assert_eq!(kind(CALLS[8]), Some(Kind::Clicked));
        assert_eq!(kind(CALLS[11]), Some(Kind::Complained));
        assert_eq!(kind(CALLS[12]), Some(Kind::Unsubscribed));
    }

    #[test]
    fn only_a_permanent_bounce_is_a_hard_one() {
        let kind = |n: usize| parse(CALLS[n]).unwrap().events[0].bounce_kind();
        assert_eq!([9, 10].map(kind), [Some(BounceKind::Soft), Some(BounceKind::Hard)]);
    }

    #[test]
    fn other_messages_of_the_topic_are_skipped() {
        assert_eq!(parse(CALLS[0]).unwrap().skipped, 1);
        assert_eq!(parse(CALLS[1]).unwrap().skipped, 1);
    }

    #[test]
    fn a_message_that_is_no_event_is_refused() {
        let body = r#"{"Type": "Notification", "MessageId": "1", "Message": "Hello bob@example.com"}"#;
        assert_eq!(parse(body).unwrap_err(), Refused::Malformed { line: 1, column: 1 });
    }
}
