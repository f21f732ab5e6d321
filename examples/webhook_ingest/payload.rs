//! Types and checks that the providers share.

use std::fmt;

use campaign_store::{BounceKind, Invalid, TrackingEvent};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

/// The events of one call of a webhook.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) events: Vec<TrackingEvent>,
    /// The number of reports that concern none of our e-mails: reports of another kind, such as a delay, or
    /// on an e-mail without a tracking id.
    pub(crate) skipped: usize,
}

/// A report of a provider.
///
/// Only a permanent bounce is a hard one: it suppresses its recipient, and a full mailbox is no reason for that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Report<'a> {
    Delivered,
    Opened,
    Clicked,
    Replied,
    Bounced(BounceKind, Option<&'a str>),
    Unsubscribed,
    Complained,
}

impl Payload {
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Adds a report. `event_id` is the provider's id of the report, the same in every repetition.
    pub(crate) fn report(
        &mut self,
        report: Report<'_>,
        tracking_id: Option<&str>,
        at: DateTime<Utc>,
        event_id: &str,
    ) -> Result<(), Refused> {
        let Some(id) = tracking_id else {
            self.skip();
            return Ok(());
        };
        let id = id.parse()?;
        let event = match report {
            Report::Delivered => TrackingEvent::delivered(id, at),
            Report::Opened => TrackingEvent::opened(id, at),
            Report::Clicked => TrackingEvent::clicked(id, at),
            Report::Replied => TrackingEvent::replied(id, at),
            Report::Bounced(kind, reason) => {
                TrackingEvent::bounced(id, at, kind, reason.and_then(one_line).as_deref())?
            }
            Report::Unsubscribed => TrackingEvent::unsubscribed(id, at),
            Report::Complained => TrackingEvent::complained(id, at),
        };
        self.events.push(event.provider_event_id(event_id)?);
        Ok(())
    }
}

/// A reason as one line of at most 255 bytes: servers answer in several lines and at any length.
fn one_line(reason: &str) -> Option<String> {
    let words: Vec<_> =
        reason.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let end = line.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 255).last()?;
    line.get(..end).map(|line| line.trim_end().to_owned())
}

/// Why a call was refused. The text names places and fields, and never repeats a value: payloads contain
/// addresses.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The call is not JSON, or not in the form that the provider documents.
    Malformed { line: usize, column: usize },
    /// A field that this kind of report requires is missing.
    Missing(&'static str),
    /// A value was refused.
    Invalid(Invalid),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { line, column } => {
                write!(f, "not what the provider documents, at line {line}, column {column}")
            }
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Reads JSON. The errors of `serde_json` can quote the text, so only their position is kept.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Refused> {
    serde_json::from_str(text)
        .map_err(|error| Refused::Malformed { line: error.line(), column: error.column() })
}

/// A required field.
pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Refused> {
    value.ok_or(Refused::Missing(field))
}

/// A time in seconds since 1970, with or without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "what is out of bounds saturates and is refused")]
pub(crate) fn unix_time(seconds: f64) -> Result<DateTime<Utc>, Refused> {
    DateTime::from_timestamp_millis((seconds * 1_000.0).round() as i64)
        .ok_or(Refused::Invalid(Invalid::new("timestamp", campaign_store::Problem::OutOfCalendar)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_several_lines_becomes_one() {
        assert_eq!(
            one_line("550-5.1.1 no\r\n550 5.1.1  user ").as_deref(),
            Some("550-5.1.1 no 550 5.1.1 user")
        );
        assert_eq!(one_line(" \r\n"), None);
        assert_eq!(one_line(&"é".repeat(300)).unwrap().len(), 254);
    }

    #[test]
    fn a_refusal_tells_the_place_and_not_the_value() {
        let refused = json::<u32>("\n\"hunter2\"").unwrap_err();
        assert_eq!(refused, Refused::Malformed { line: 2, column: 9 });
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        let refused = Payload::default()
            .report(Report::Opened, Some("hunter2"), DateTime::UNIX_EPOCH, "1")
            .unwrap_err();
        assert_eq!(refused.to_string(), "tracking_id is not an id of its kind");
    }

    #[test]
    fn times_outside_the_calendar_are_refused() {
        assert_eq!(unix_time(1_773_650_000.659).unwrap().timestamp_millis(), 1_773_650_000_659);
        assert!(unix_time(f64::MAX).is_err());
    }
}
