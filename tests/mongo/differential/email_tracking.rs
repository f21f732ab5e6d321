//! Operations on e-mails.

use campaign_store::{
    Campaign, CampaignId, EmailAddress, Invalid, NewSend, PageRequest, Result, SendOutcome, TrackingFilter,
    TrackingId, TrackingState,
};
use futures_util::FutureExt;
use serde_json::json;
use uuid::Uuid;

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::{Kept, Side};
use super::user::{ADDRESSES, address};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "email_tracking.record_sends",
        14,
        &["nothing", "Recorded", "AlreadyRecorded", "UnknownCampaign"],
        |side, draw| record_sends(side, draw).boxed(),
    ),
    Operation::new("email_tracking.get", 3, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("email_tracking.find_by_campaign_and_recipient", 4, &["some", "none"], |side, draw| {
        find_by_campaign_and_recipient(side, draw).boxed()
    }),
    // `true` needs events, which no repository takes yet.
    Operation::new("email_tracking.is_suppressed", 2, &["false"], |side, draw| {
        is_suppressed(side, draw).boxed()
    }),
    Operation::new("email_tracking.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("email_tracking.stream", 1, &["ok"], |side, draw| stream(side, draw).boxed()),
];

async fn record_sends(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    // More than one step can take, now and then.
    let n = if draw.below(60) == 0 { 1_000 + draw.below(3) } else { draw.below(5) };
    draw.note(format!("{n} sends"));
    let Some(campaigns) = sending(side, draw) else { return Ok(Reply::new(["nothing"], &())) };
    let sends: Vec<NewSend> =
        (0..n).map(|i| send(side, &campaigns, i, draw).expect("valid values")).collect();
    for send in &sends {
        // The ids that both stores have in common must be known before rows come in any order.
        side.ids.to_ordinals(&send.id().to_string());
        side.sends.push(send.id());
    }
    let outcomes = side.store.email_tracking.record_sends(sends).await?;
    let kinds = outcomes.iter().map(|outcome| match outcome {
        SendOutcome::Recorded => "Recorded",
        SendOutcome::AlreadyRecorded => "AlreadyRecorded",
        SendOutcome::UnknownCampaign => "UnknownCampaign",
        other => panic!("{other:?} is new"),
    });
    let kinds: Vec<_> = kinds.collect();
    let mut seen = if kinds.is_empty() { vec!["nothing"] } else { kinds.clone() };
    seen.sort_unstable();
    seen.dedup();
    Ok(Reply::new(seen, &kinds))
}
