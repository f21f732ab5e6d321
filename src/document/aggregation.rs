//! Aggregations in the database: the table of signals as expressions. They are correct for rows with the
//! types that the store writes; other rows are counted separately, and the reader decides what they mean.

use std::ops::AddAssign;

use bson::raw::{RawDocument, cstr};
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};

use super::email_tracking::field;
use super::marks::{in_state, is_odd};
use super::{Field, Fields, ID, Part, Query, Texts, spelling};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{CampaignId, SeriesPoint, SeriesStep, Signal, Totals};

const ROWS: Field = cstr!("rows");
const ODD: Field = cstr!("odd");
const COUNT: Field = cstr!("count");

/// The totals of a campaign's rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Group {
    /// Rows that only the reader can count. If there are any, the totals are a guess.
    pub(crate) odd: u64,
    pub(crate) totals: Totals,
}

impl AddAssign for Group {
    fn add_assign(&mut self, other: Self) {
        self.odd += other.odd;
        self.totals += other.totals;
    }
}

/// The stage that groups rows by what they have as the id of their campaign. A campaign has a group for each
/// spelling of its id.
pub(crate) fn group_by_spelling() -> Document {
    group_by(reference(field::campaign_id.as_str()))
}

/// The stage that groups rows by whether only the reader can count them. [`grouped`] reads its output.
pub(crate) fn group_by_oddness() -> Document {
    group_by(is_odd())
}

fn group_by(id: impl Into<Bson>) -> Document {
    let id: Bson = id.into();
    let number = |condition: Document| doc! { "$sum": { "$cond": [condition, 1_i64, 0_i64] } };
    let is_bounced = any(signs(Signal::Bounced));
    let mut group = doc! {
        "_id": id,
        ROWS.as_str(): { "$sum": 1_i64 },
        ODD.as_str(): number(is_odd()),
    };
    for state in Signal::states() {
        let shows = any(signs(state));
        let counts = if state.rule().is_voided {
            doc! { "$and": [shows, { "$not": [is_bounced.clone()] }] }
        } else {
            shows
        };
        group.insert(state.as_str(), number(counts));
    }
    doc! { "$group": group }
}

/// The stages that group all rows whose campaign is stored as a text, one group for each campaign, in the
/// order of the campaigns. Groups of no campaign are in between.
pub(crate) fn texts_by_campaign() -> [Document; 4] {
    // The spelling is looked at once for each group of rows, not for each row.
    let mut group = doc! { "_id": spelling::stored_form("$_id") };
    let numbers = [ROWS.as_str(), ODD.as_str()].into_iter().chain(Signal::states().map(Signal::as_str));
    group.extend(numbers.map(|name| (name.to_owned(), doc! { "$sum": reference(name) }.into())));
    [
        group_by_spelling(),
        doc! { "$match": { "$nor": [{ "_id": spelling::binaries() }] } },
        doc! { "$group": group },
        doc! { "$sort": { "_id": 1 } },
    ]
}

/// The same for the rows whose campaign is stored as binary, which no expression can turn into a text.
pub(crate) fn binaries_by_campaign() -> [Document; 3] {
    [
        doc! { "$match": { field::campaign_id.as_str(): spelling::binaries() } },
        group_by_spelling(),
        doc! { "$sort": { "_id": 1 } },
    ]
}

/// A campaign and the totals of its rows, from the output of these stages; `None` stands for rows of no
/// campaign.
pub(crate) fn grouped(group: &RawDocument) -> Result<(Option<CampaignId>, Group)> {
    let fields = Fields::of(Collection::EmailTracking, group)?;
    let mut totals = Totals { sent: fields.required(ROWS)?, ..Totals::default() };
    for state in Signal::states() {
        if let Some(total) = state.rule().total {
            *total(&mut totals) = fields.required_named(state.as_str())?;
        }
    }
    let group = Group { odd: fields.required(ODD)?, totals };
    Ok((fields.optional(ID).ok().flatten(), group))
}

/// The rows that match the query and that the database can count.
pub(crate) fn ordinary(query: &Query) -> Document {
    doc! { "$and": [query.to_filter(), { "$expr": { "$not": [is_odd()] } }] }
}

/// The rows that match the query and that only the reader can count.
pub(crate) fn odd(query: &Query) -> Document {
    doc! { "$and": [query.to_filter(), { "$expr": is_odd() }] }
}

/// The stage that sums metrics, those with odd totals apart from the others.
pub(crate) fn sum_of_totals() -> Document {
    let mut group = doc! { "_id": has_odd_totals() };
    for name in Totals::names(Texts::Read) {
        group.insert(name.as_str(), doc! { "$sum": reference(name.as_str()) });
    }
    doc! { "$group": group }
}

/// The totals from the output of that stage; `None` stands for the records with odd totals.
pub(crate) fn summed_totals(group: &RawDocument) -> Result<Option<Totals>> {
    let fields = Fields::of(Collection::CampaignMetrics, group)?;
    if fields.required::<bool>(ID)? { Ok(None) } else { Totals::read(&fields, Texts::Read).map(Some) }
}

/// The metrics that match the query and that only the reader can add up.
pub(crate) fn with_odd_totals(query: &Query) -> Document {
    doc! { "$and": [query.to_filter(), { "$expr": has_odd_totals() }] }
}

/// Whether a total is not a plain count. A sum of plain counts is exact for millions of records.
fn has_odd_totals() -> Document {
    const MAX_PLAIN: i64 = 1 << 40;
    let odd = Totals::names(Texts::Read).into_iter().flat_map(|name| {
        let total = reference(name.as_str());
        let is_number = doc! { "$in": [{ "$type": &total }, ["int", "long", "double"]] };
        let is_plain = doc! { "$and": [
            is_number,
            { "$gte": [&total, 0] },
            { "$lte": [&total, MAX_PLAIN] },
            { "$eq": [{ "$mod": [&total, 1] }, 0] },
        ] };
        // A missing total is 0.
        [doc! { "$not": [{ "$or": [{ "$lte": [&total, Bson::Null] }, is_plain] }] }]
    });
    doc! { "$or": odd.collect::<Vec<_>>() }
}

/// The stages that count the rows of `query` that reach the state, per step from `start` to before `end`; odd
/// rows are counted separately.
pub(crate) fn series(
    query: Query,
    state: Signal,
    step: SeriesStep,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> [Document; 4] {
    let times = state.evidence().filter_map(|rule| rule.time);
    let times: Vec<_> = times.map(|time| reference(time.name)).collect();
    let first = doc! { "$ifNull": [{ "$min": times }, reference(field::sent_at.as_str())] };
    let millis = step.duration().num_milliseconds();
    let steps = doc! { "$floor": { "$divide": [{ "$toLong": "$at" }, millis] } };
    let start_of_step = doc! { "$toDate": { "$toLong": { "$multiply": [steps, millis] } } };
    let (start, end) = (bson::DateTime::from_chrono(start), bson::DateTime::from_chrono(end));
    [
        doc! { "$match": in_state(query, state).to_filter() },
        doc! { "$project": { "_id": 0, "at": first, ODD.as_str(): is_odd() } },
        doc! { "$match": { "$or": [{ ODD.as_str(): true }, { "at": { "$gte": start, "$lt": end } }] } },
        doc! { "$group": {
            "_id": { "$cond": [reference(ODD.as_str()), null, start_of_step] },
            COUNT.as_str(): { "$sum": 1_i64 },
        } },
    ]
}

/// The odd rows that match `query` and may be in the state.
pub(crate) fn odd_in_state(query: Query, state: Signal) -> Document {
    odd(&in_state(query, state))
}

/// A step from the output of these stages; `None` stands for the odd rows.
pub(crate) fn point(group: &RawDocument) -> Result<Option<SeriesPoint>> {
    let fields = Fields::of(Collection::EmailTracking, group)?;
    let count = fields.required(COUNT)?;
    Ok(fields.optional(ID)?.map(|start| SeriesPoint { start, count }))
}

/// The expressions, any of which shows the signal in an ordinary row.
fn signs(signal: Signal) -> Vec<Document> {
    let mut signs = Vec::new();
    for rule in signal.evidence() {
        signs.extend(rule.time.map(|time| doc! { "$gt": [reference(time.name), Bson::Null] }));
        signs.extend(rule.count.map(|count| doc! { "$gt": [reference(count.name), 0] }));
        signs.extend(rule.flag.map(|flag| doc! { "$eq": [reference(flag.name), true] }));
    }
    signs
}

fn any(conditions: Vec<Document>) -> Document {
    doc! { "$or": conditions }
}

fn reference(name: &str) -> String {
    format!("${name}")
}
