//! The rules that the database carries out itself: what tracking rows add up to. They say the same as
//! `Contribution::of` and `EmailTracking::first`, and are tested against them.

use bson::raw::RawDocument;
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};

use super::campaign_metrics::{named_totals, totals_of};
use super::email_tracking::in_state;
use super::field::{self, Field};
use super::fields::{count, parsed, time};
use super::{Fields, Query};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{CampaignId, Contribution, SeriesPoint, SeriesStep, TrackingState};

/// The stage that counts rows by campaign.
pub(crate) fn count_by_campaign() -> Document {
    let there = |name: Field| doc! { "$gt": [reference(name), Bson::Null] };
    let positive = |name: Field| doc! { "$gt": [reference(name), 0] };
    let bounced = doc! { "$eq": [reference(field::BOUNCED), true] };
    let reached = |signs: &[Document]| {
        doc! { "$and": [{ "$ne": [reference(field::BOUNCED), true] }, { "$or": signs.to_vec() }] }
    };
    let clicked = [there(field::CLICKED_AT), positive(field::CLICKS)];
    let opened = [&clicked[..], &[there(field::OPENED_AT), positive(field::OPENS)]].concat();
    let replied = [there(field::REPLIED_AT), positive(field::REPLIES)];
    let delivered = [&[there(field::DELIVERED_AT)], &opened[..], &replied].concat();
    let number = |condition: Document| doc! { "$sum": { "$cond": [condition, 1_i64, 0_i64] } };
    doc! { "$group": {
        "_id": reference(field::CAMPAIGN_ID),
        field::TOTAL_SENT.as_str(): { "$sum": 1_i64 },
        field::TOTAL_DELIVERED.as_str(): number(reached(&delivered)),
        field::TOTAL_OPENED.as_str(): number(reached(&opened)),
        field::TOTAL_CLICKS.as_str(): number(reached(&clicked)),
        field::TOTAL_BOUNCED.as_str(): number(bounced),
        field::TOTAL_REPLIED.as_str(): number(reached(&replied)),
        field::TOTAL_UNSUBSCRIBED.as_str(): number(doc! { "$eq": [reference(field::UNSUBSCRIBED), true] }),
    } }
}

/// A campaign and what its rows add up to, from such a stage.
pub(crate) fn counted(group: &RawDocument) -> Result<(CampaignId, Contribution)> {
    let fields = Fields::of(Collection::EmailTracking, group)?;
    Ok((fields.required(field::ID, parsed)?, totals_of(&fields)?))
}

/// How many rows such a stage put together, whatever their campaign is.
pub(crate) fn rows_of(group: &RawDocument) -> Result<u64> {
    Fields::of(Collection::EmailTracking, group)?.required(field::TOTAL_SENT, count)
}

/// The stage that adds up metrics.
pub(crate) fn sum_of_totals() -> Document {
    let mut group = doc! { "_id": null };
    for (name, _) in named_totals(&Contribution::default()) {
        group.insert(name.as_str(), doc! { "$sum": reference(name) });
    }
    doc! { "$group": group }
}

/// The stages that count, of the rows that `query` finds, those that reach the state in each step
/// from `start` to before `end`.
pub(crate) fn series(
    query: Query,
    state: TrackingState,
    step: SeriesStep,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> [Document; 5] {
    let times: &[Field] = match state {
        TrackingState::Delivered => {
            &[field::DELIVERED_AT, field::OPENED_AT, field::CLICKED_AT, field::REPLIED_AT]
        }
        TrackingState::Opened => &[field::OPENED_AT, field::CLICKED_AT],
        TrackingState::Clicked => &[field::CLICKED_AT],
        TrackingState::Replied => &[field::REPLIED_AT],
        TrackingState::Bounced => &[],
        TrackingState::Unsubscribed => &[field::UNSUBSCRIBED_AT],
    };
    let times: Vec<_> = times.iter().map(|name| reference(name)).collect();
    let first = doc! { "$ifNull": [{ "$min": times }, reference(field::SENT_AT)] };
    let millis = step.duration().num_milliseconds();
    let steps = doc! { "$floor": { "$divide": [{ "$toLong": "$at" }, millis] } };
    let start_of_step = doc! { "$toDate": { "$toLong": { "$multiply": [steps, millis] } } };
    let (start, end) = (bson::DateTime::from_chrono(start), bson::DateTime::from_chrono(end));
    [
        doc! { "$match": in_state(query, state).to_filter() },
        doc! { "$project": { "_id": 0, "at": first } },
        doc! { "$match": { "at": { "$gte": start, "$lt": end } } },
        doc! { "$group": { "_id": start_of_step, field::OPENS.as_str(): { "$sum": 1_i64 } } },
        doc! { "$sort": { "_id": 1 } },
    ]
}

/// A step, from these stages.
pub(crate) fn point(group: &RawDocument) -> Result<SeriesPoint> {
    let fields = Fields::of(Collection::EmailTracking, group)?;
    Ok(SeriesPoint { start: fields.required(field::ID, time)?, count: fields.required(field::OPENS, count)? })
}

fn reference(name: Field) -> String {
    format!("${}", name.as_str())
}
