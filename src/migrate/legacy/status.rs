//! States. An unknown state becomes the one in which nothing is sent.

use super::reason::Repair;
use crate::model::{CampaignStatus, MailboxStatus};

/// A mailbox's state, and what was repaired.
pub(super) fn mailbox(text: &str) -> (MailboxStatus, Option<Repair>) {
    if let Ok(status) = text.parse() {
        return (status, None);
    }
    match normalised(text).parse() {
        Ok(status) => (status, Some(Repair::NormalisedStatus)),
        Err(_) => (MailboxStatus::Inactive, Some(Repair::UnknownStatus)),
    }
}

/// A campaign's state, and what was repaired. One that was just being sent is paused: whether the rest
/// is to be sent is for its owner to say.
pub(super) fn campaign(text: &str) -> (CampaignStatus, Option<Repair>) {
    if let Ok(status) = text.parse() {
        return (status, None);
    }
    let text = normalised(text);
    let status = match text.as_str() {
        "canceled" => CampaignStatus::Cancelled,
        "finished" | "complete" | "done" => CampaignStatus::Completed,
        "sending" | "running" | "in-progress" | "inprogress" | "processing" => {
            return (CampaignStatus::Paused, Some(Repair::InterruptedStatus));
        }
        other => match other.parse() {
            Ok(status) => status,
            Err(_) => return (CampaignStatus::Paused, Some(Repair::UnknownStatus)),
        },
    };
    (status, Some(Repair::NormalisedStatus))
}

fn normalised(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '_'], "-")
}
