//! Operations on metrics.

use campaign_store::{Contribution, MetricsFilter, Result};
use futures_util::FutureExt;

use super::answer::Reply;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("campaign_metrics.get", 4, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("campaign_metrics.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("campaign_metrics.totals", 5, &["some", "none"], |side, draw| totals(side, draw).boxed()),
];

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
    Ok(Reply::new([if totals == Contribution::default() { "none" } else { "some" }], &totals))
}

fn filter(side: &Side, draw: &mut Draw) -> MetricsFilter {
    match draw.below(5) {
        0 => MetricsFilter::all(),
        1 => MetricsFilter::user(side.users.pick(draw)),
        2 => MetricsFilter::mailbox(side.mailboxes.pick(draw)),
        // The same one can be among them twice.
        n => MetricsFilter::campaigns((0..draw.below(n)).map(|_| side.campaigns.pick(draw))),
    }
}
