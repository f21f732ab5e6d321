//! Operations on metrics.

use std::ops::Range;

use campaign_store::{MetricsFilter, Result, SeriesStep, Signal, Totals};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("campaign_metrics.get", 4, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("campaign_metrics.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("campaign_metrics.totals", 5, &["some", "none"], |side, draw| totals(side, draw).boxed()),
    Operation::new("campaign_metrics.mailbox_totals", 5, &["some", "none"], |side, draw| {
        mailbox_totals(side, draw).boxed()
    }),
    Operation::new("campaign_metrics.series", 8, &["some", "none"], |side, draw| series(side, draw).boxed()),
    Operation::new("campaign_metrics.recount", 3, &["ok", "NotFound"], |side, draw| {
        recount(side, draw).boxed()
    }),
    Operation::new("campaign_metrics.recount_all", 2, &["ok"], |side, _| recount_all(side).boxed()),
    Operation::new("campaign_metrics.drift", 2, &["none"], |side, _| drift(side).boxed()),
];

async fn mailbox_totals(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let sent = period(side, draw);
    let totals = side.store.campaign_metrics.mailbox_totals(side.mailboxes.pick(draw), sent).await?;
    Ok(Reply::new([if totals.totals == Totals::default() { "none" } else { "some" }], &totals))
}

fn period(side: &Side, draw: &mut Draw) -> Range<DateTime<Utc>> {
    if draw.chance(70) {
        side.now() - TimeDelta::days(2)..side.now() + TimeDelta::days(2)
    } else {
        draw.time("from", side.now())..draw.time("to", side.now())
    }
}

async fn series(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let filter = if draw.chance(50) { MetricsFilter::all() } else { filter(side, draw) };
    let state = draw.of("state", Signal::ALL);
    let step = draw.of("step", &[SeriesStep::Hour, SeriesStep::Day]);
    let period = period(side, draw);
    let points = side.store.campaign_metrics.series(&filter, state, step, period).await?;
    Ok(Reply::several(&points))
}

async fn recount(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    Ok(Reply::ok(&side.store.campaign_metrics.recount(side.campaigns.pick(draw)).await?))
}

async fn recount_all(side: &mut Side) -> Result<Reply> {
    Ok(Reply::ok(&drain(side.store.campaign_metrics.recount_all().await).await))
}

async fn drift(side: &mut Side) -> Result<Reply> {
    Ok(Reply::several(&drain(side.store.campaign_metrics.drift().await).await))
}

async fn get(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    Ok(Reply::found(side.store.campaign_metrics.get(side.campaigns.pick(draw)).await?.as_ref()))
}

async fn list(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.metrics_lists.draw(filter(side, draw), draw);
    let page = side.store.campaign_metrics.list(&filter, &page).await?;
    Ok(side.metrics_lists.reply(filter, order, page))
}

async fn totals(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let totals = side.store.campaign_metrics.totals(&filter(side, draw)).await?;
    Ok(Reply::new([if totals.totals == Totals::default() { "none" } else { "some" }], &totals))
}

fn filter(side: &Side, draw: &mut Draw) -> MetricsFilter {
    if draw.chance(10) {
        return MetricsFilter::all().created(draw.time("from", side.now())..draw.time("to", side.now()));
    }
    match draw.below(5) {
        0 => MetricsFilter::all(),
        1 => MetricsFilter::user(side.users.pick(draw)),
        2 => MetricsFilter::mailbox(side.mailboxes.pick(draw)),
        // The same one can be among them twice.
        n => MetricsFilter::campaigns((0..draw.below(n)).map(|_| side.campaigns.pick(draw))),
    }
}
