//! Operations on e-mails.

use std::collections::BTreeSet;

use campaign_store::contract::sender_of;
use campaign_store::{
    BounceKind, Campaign, EventOutcome, Invalid, Mailbox, NewSend, Result, SendOutcome, Signal,
    TrackingEvent, TrackingFilter,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;
use super::user::{ADDRESSES, address};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "email_tracking.record_sends",
        14,
        &["nothing", "Recorded", "AlreadyRecorded", "UnknownCampaign", "ImplausibleTime"],
        |side, draw| record_sends(side, draw).boxed(),
    ),
    Operation::new(
        "email_tracking.record_sends_each",
        6,
        &["nothing", "Recorded", "AlreadyRecorded", "UnknownCampaign", "ImplausibleTime"],
        |side, draw| record_sends_each(side, draw).boxed(),
    ),
    Operation::new("email_tracking.get", 3, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("email_tracking.recorded", 3, &["some", "none"], |side, draw| {
        recorded(side, draw).boxed()
    }),
    Operation::new("email_tracking.find_by_campaign_and_recipient", 8, &["some", "none"], |side, draw| {
        find_by_campaign_and_recipient(side, draw).boxed()
    }),
    Operation::new(
        "email_tracking.record_events",
        16,
        &["nothing", "First", "Repeat", "Duplicate", "Noted", "UnknownTracking", "ImplausibleTime"],
        |side, draw| record_events(side, draw).boxed(),
    ),
    Operation::new(
        "email_tracking.record_events_each",
        6,
        &["nothing", "First", "Repeat", "Duplicate", "Noted", "UnknownTracking", "ImplausibleTime"],
        |side, draw| record_events_each(side, draw).boxed(),
    ),
    Operation::new("email_tracking.is_suppressed", 3, &["false", "true", "NotFound"], |side, draw| {
        is_suppressed(side, draw).boxed()
    }),
    Operation::new("email_tracking.suppressed", 3, &["some", "none", "NotFound"], |side, draw| {
        suppressed(side, draw).boxed()
    }),
    Operation::new("email_tracking.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("email_tracking.list_summaries", 3, lists::OUTCOMES, |side, draw| {
        list_summaries(side, draw).boxed()
    }),
    Operation::new("email_tracking.stream_summaries", 1, &["ok"], |side, draw| {
        stream_summaries(side, draw).boxed()
    }),
    Operation::new("email_tracking.stream_ids", 1, &["ok"], |side, draw| stream_ids(side, draw).boxed()),
    Operation::new("email_tracking.stream", 1, &["ok"], |side, draw| stream(side, draw).boxed()),
];

async fn record_sends(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let sends = noted_sends(side, draw);
    Ok(sends_reply(&side.store.email_tracking.record_sends(sends).await?))
}

async fn record_sends_each(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let sends = noted_sends(side, draw);
    let results = side.store.email_tracking.record_sends_each(sends).await;
    Ok(sends_reply(&results.into_iter().collect::<Result<Vec<_>>>()?))
}

fn noted_sends(side: &mut Side, draw: &mut Draw) -> Vec<NewSend> {
    let sends = sends(side, draw).expect("valid values");
    for send in &sends {
        // Rows can come in any order, so the ordinals of their ids are given before.
        side.ids.replace_in(&send.id().to_string());
        side.sends.push(send.id());
    }
    sends
}

fn sends_reply(outcomes: &[SendOutcome]) -> Reply {
    let names: Vec<_> = outcomes.iter().map(|outcome| name(*outcome)).collect();
    let kinds = BTreeSet::from_iter(if names.is_empty() { vec!["nothing"] } else { names.clone() });
    Reply::new(kinds, &names)
}

fn name(outcome: SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Recorded => "Recorded",
        SendOutcome::AlreadyRecorded => "AlreadyRecorded",
        SendOutcome::UnknownCampaign => "UnknownCampaign",
        SendOutcome::ImplausibleTime => "ImplausibleTime",
        other => panic!("{other:?} is new"),
    }
}

fn sends(side: &Side, draw: &mut Draw) -> Result<Vec<NewSend>, Invalid> {
    if draw.below(60) == 0 {
        return many_sends(side, draw);
    }
    let n = draw.below(6);
    let mut sends = Vec::with_capacity(n);
    for _ in 0..n {
        let Some(campaign) = campaign(side, draw) else { break };
        let recipient = draw.of("recipient", ADDRESSES);
        let mailbox = mailbox(side, &campaign, draw);
        let mut send = NewSend::new(&campaign, &mailbox, recipient, sent_at(side, draw))?
            .nth(draw.of("nth", &[0, 0, 1]));
        if let Some(name) = draw.maybe(30, "name", &["Bob", "$name"]) {
            send = send.recipient_name(name)?;
        }
        if let Some(subject) = draw.maybe(30, "subject", &["Hello Bob", "$subject"]) {
            send = send.subject(subject)?.message("Only for you.")?;
        }
        if let Some(id) = draw.maybe(10, "tracking id", &[1, 2]) {
            send = send.tracking_id(Uuid::from_bytes([id; 16]).into());
        }
        sends.push(send);
    }
    Ok(sends)
}

/// More sends than a store records in one step, of two campaigns, the first one twice.
fn many_sends(side: &Side, draw: &mut Draw) -> Result<Vec<NewSend>, Invalid> {
    let (Some(one), Some(other)) = (campaign(side, draw), campaign(side, draw)) else {
        return Ok(Vec::new());
    };
    draw.note("many sends");
    let mut sends = Vec::new();
    for i in 0..1_002 {
        let campaign = if i % 2 == 0 { &one } else { &other };
        let recipient = format!("recipient{}@example.com", i % 1_001);
        sends.push(NewSend::new(campaign, &sender_of(campaign, "ada@work.example"), recipient, side.now())?);
    }
    Ok(sends)
}

/// A mailbox of the campaign's owner. It need not exist.
fn mailbox(side: &Side, campaign: &Campaign, draw: &mut Draw) -> Mailbox {
    let mailbox = side.mailboxes.find(side.mailboxes.pick(draw));
    let own = mailbox.filter(|mailbox| mailbox.user_id == campaign.user_id).cloned();
    own.unwrap_or_else(|| sender_of(campaign, "ada@work.example"))
}

/// At times out of bounds for the store.
fn sent_at(side: &Side, draw: &mut Draw) -> DateTime<Utc> {
    const DAY: i64 = 86_400_000;
    match draw.below(12) {
        0 => draw.of("sent", &["2000-01-01T00:00:00Z", "2100-12-31T23:59:59Z"]).parse().expect("a time"),
        1 => side.now() + TimeDelta::milliseconds(draw.of("sent", &[DAY, DAY + 1])),
        _ => side.now() + TimeDelta::microseconds(draw.of("sent", &[0, -3_600_000_000, 3_600_000_000, 400])),
    }
}

/// What a sender knows about a campaign, which need not exist. `None` before there is any.
fn campaign(side: &Side, draw: &mut Draw) -> Option<Campaign> {
    let id = side.campaigns.pick(draw);
    let mut campaign = side.campaigns.find(id).or(side.campaigns.first())?.clone();
    campaign.id = id;
    Some(campaign)
}

async fn get(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let place = draw.below(side.sends.len() + 1);
    draw.note(format!("send {place}"));
    let id = side.sends.get(place).copied().unwrap_or(Uuid::nil().into());
    Ok(Reply::found(side.store.email_tracking.get(id).await?.as_ref()))
}

async fn find_by_campaign_and_recipient(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (campaign, recipient) = (side.campaigns.pick(draw), address(draw));
    let tracking = &side.store.email_tracking;
    Ok(Reply::several(&tracking.find_by_campaign_and_recipient(campaign, &recipient).await?.items))
}

async fn recorded(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let places: Vec<_> = (0..draw.below(5)).map(|_| draw.below(side.sends.len() + 1)).collect();
    draw.note(format!("sends {places:?}"));
    let id = |place: usize| side.sends.get(place).copied().unwrap_or(Uuid::nil().into());
    let ids: Vec<_> = places.into_iter().map(id).collect();
    let recorded = side.store.email_tracking.recorded(&ids).await?;
    let is_recorded: Vec<_> = ids.iter().map(|id| recorded.contains(id)).collect();
    Ok(Reply::new([if recorded.is_empty() { "none" } else { "some" }], &is_recorded))
}

async fn is_suppressed(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (user, recipient) = (side.users.pick(draw), address(draw));
    let is_suppressed = side.store.email_tracking.is_suppressed(user, &recipient).await?;
    Ok(Reply::new([if is_suppressed { "true" } else { "false" }], &()))
}

async fn suppressed(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let recipients: Vec<_> = (0..draw.below(4)).map(|_| address(draw)).collect();
    let user = side.users.pick(draw);
    let suppressed = side.store.email_tracking.suppressed(user, &recipients).await?;
    Ok(Reply::several(&BTreeSet::from_iter(suppressed).into_iter().collect::<Vec<_>>()))
}

async fn record_events(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let events = events(side, draw).expect("valid values");
    Ok(outcomes_reply(&side.store.email_tracking.record_events(events).await?))
}

async fn record_events_each(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let events = events(side, draw).expect("valid values");
    let results = side.store.email_tracking.record_events_each(events).await;
    Ok(outcomes_reply(&results.into_iter().collect::<Result<Vec<_>>>()?))
}

fn outcomes_reply(outcomes: &[EventOutcome]) -> Reply {
    let names: Vec<_> = outcomes.iter().map(|outcome| outcome_name(*outcome)).collect();
    let kinds = BTreeSet::from_iter(if names.is_empty() { vec!["nothing"] } else { names.clone() });
    Reply::new(kinds, &names)
}

fn outcome_name(outcome: EventOutcome) -> &'static str {
    match outcome {
        EventOutcome::First => "First",
        EventOutcome::Repeat => "Repeat",
        EventOutcome::Duplicate => "Duplicate",
        EventOutcome::Noted => "Noted",
        EventOutcome::UnknownTracking => "UnknownTracking",
        EventOutcome::ImplausibleTime => "ImplausibleTime",
        other => panic!("{other:?} is new"),
    }
}

/// Events of few e-mails, so that several meet at one.
fn events(side: &Side, draw: &mut Draw) -> Result<Vec<TrackingEvent>, Invalid> {
    let n = draw.below(9);
    let (_, sends) = side.sends.split_at(side.sends.len().saturating_sub(30));
    let mut events = Vec::with_capacity(n);
    for _ in 0..n {
        let place = draw.below(sends.len() + 1);
        draw.note(format!("send {place}"));
        let id = sends.get(place).copied().unwrap_or(Uuid::nil().into());
        let at = draw.time("event", side.now());
        let days = TimeDelta::days(draw.of("days", &[0, 0, 0, 0, 1, -1]));
        let at = at.checked_add_signed(days).unwrap_or(at);
        let event = match draw.of("signal", Signal::ALL) {
            Signal::Bounced => {
                let kind = draw.of("kind", &[BounceKind::Hard, BounceKind::Hard, BounceKind::Soft]);
                TrackingEvent::bounced(id, at, kind, draw.maybe(60, "reason", &["$full", "550", "451"]))?
            }
            signal => TrackingEvent::new(signal, id, at),
        };
        events.push(match draw.maybe(50, "event id", &["1", "2", "3", "4"]) {
            Some(id) => event.provider_event_id(id)?,
            None => event,
        });
    }
    Ok(events)
}

async fn list(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.tracking_lists.draw(filter(side, draw), draw);
    let page = side.store.email_tracking.list(&filter, &page).await?;
    Ok(side.tracking_lists.reply(filter, order, page))
}

async fn list_summaries(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.tracking_lists.draw(filter(side, draw), draw);
    let page = side.store.email_tracking.list_summaries(&filter, &page).await?;
    Ok(side.tracking_lists.reply(filter, order, page))
}

async fn stream_summaries(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let rows = drain(side.store.email_tracking.stream_summaries(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&rows)))
}

async fn stream_ids(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let ids = drain(side.store.email_tracking.stream_ids(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&ids)))
}

async fn stream(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let rows = drain(side.store.email_tracking.stream(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&rows)))
}

fn filter(side: &Side, draw: &mut Draw) -> TrackingFilter {
    let mut filter = match draw.below(4) {
        0 => TrackingFilter::campaign(side.campaigns.pick(draw)),
        1 => TrackingFilter::user(side.users.pick(draw)),
        _ => TrackingFilter::all(),
    };
    if draw.chance(30) {
        filter = filter.recipient(address(draw));
    }
    match draw.maybe(10, "state", Signal::ALL) {
        Some(state) => filter.state(state),
        None => filter,
    }
}
