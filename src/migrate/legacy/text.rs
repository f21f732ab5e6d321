//! Texts: addresses, names and bodies.

use bson::raw::RawBsonRef;

use super::findings::Reading;
use crate::error::Problem;
use crate::model::{EmailAddress, Message, Provider, text};

pub(super) fn email(value: RawBsonRef<'_>) -> Option<Reading<EmailAddress>> {
    let text = value.as_str()?;
    let email = EmailAddress::new(text).ok()?;
    Some(Reading { converted: email.as_str() != text, value: email })
}

/// A provider, by any of its names.
pub(super) fn provider(value: RawBsonRef<'_>) -> Option<Reading<Provider>> {
    let text = value.as_str()?;
    let provider = Provider::new(text).ok()?;
    let provider = match provider.as_str() {
        "google" | "googlemail" | "gmail.com" | "google workspace" | "g suite" | "gsuite" => Provider::Gmail,
        "outlook.com" | "office365" | "office 365" | "office-365" | "o365" | "microsoft" | "microsoft365"
        | "microsoft 365" | "hotmail" => Provider::Outlook,
        _ => provider,
    };
    Some(Reading { converted: provider.as_str() != text, value: provider })
}

pub(super) fn campaign_name(value: RawBsonRef<'_>) -> Option<Reading<String>> {
    trimmed(value, |text| text::old_name("campaign_name", text).ok())
}

pub(super) fn subject(value: RawBsonRef<'_>) -> Option<Reading<String>> {
    trimmed(value, |text| text::subject(text).ok())
}

fn trimmed(value: RawBsonRef<'_>, check: impl FnOnce(&str) -> Option<String>) -> Option<Reading<String>> {
    let text = value.as_str()?;
    let trimmed = check(text)?;
    Some(Reading { converted: trimmed != text, value: trimmed })
}

/// A body. Unlike that of a new campaign it may be empty: a draft that was never written is no damage.
pub(super) fn message(value: RawBsonRef<'_>) -> Option<Reading<Message>> {
    let text = value.as_str()?;
    match text::message(text) {
        Ok(message) => Some(Reading::plain(message)),
        Err(invalid) => {
            (invalid.problem == Problem::Empty).then(|| Reading::plain(Message::from_stored(text)))
        }
    }
}
