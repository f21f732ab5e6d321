//! The whole content of a store.

use std::collections::HashMap;

use campaign_store::{
    CampaignFilter, CampaignId, CampaignMetrics, Contribution, EmailTracking, MailboxFilter, MetricsFilter,
    PageRequest, RecordStream, Result, Totals, TrackingFilter, UserFilter,
};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::side::Side;

/// The records of all collections, with an ordinal in place of each id.
#[derive(Debug, PartialEq)]
pub(super) struct Content(Vec<String>);

impl Content {
    /// What the stores do not have in common.
    pub(super) fn difference(&self, mongo: &Self) -> String {
        let without = |other: &Self, name: &'static str| {
            let own = self.0.iter().chain(&mongo.0).filter(|record| !other.0.contains(record));
            own.map(|record| format!("{name} {record}")).collect::<Vec<_>>()
        };
        [without(mongo, "memory: "), without(self, "MongoDB:")].concat().join("\n")
    }
}

impl Side {
    /// The content; checks that the metrics are the sums of the rows.
    pub(super) async fn content(&mut self) -> Content {
        let store = self.store.clone();
        let mut content = Vec::new();
        content.extend(self.lines(&drain(store.users.stream(&UserFilter::all()).await).await));
        content.extend(self.lines(&drain(store.mailboxes.stream(&MailboxFilter::all()).await).await));
        content.extend(self.lines(&drain(store.campaigns.stream(&CampaignFilter::all()).await).await));
        let rows = drain(store.email_tracking.stream(&TrackingFilter::all()).await).await;
        content.extend(self.lines(&rows));
        let page = PageRequest::new(PageRequest::MAX_LIMIT).expect("a valid limit");
        let page =
            store.campaign_metrics.list(&MetricsFilter::all(), &page).await.expect("a page of metrics");
        assert!(page.next.is_none(), "one page holds all metrics");
        assert_sums(&page.items, &rows);
        content.extend(self.lines(&page.items));
        Content(content)
    }

    /// Records in no particular order as lines in one that does not depend on their ids.
    pub(super) fn lines(&mut self, records: &[impl Serialize]) -> Vec<String> {
        let text = |record| serde_json::to_string(record).expect("records have a JSON form");
        let mut lines: Vec<_> = records.iter().map(|record| self.ids.replace_in(&text(record))).collect();
        lines.sort_unstable();
        lines
    }
}

pub(super) async fn drain<T>(stream: Result<RecordStream<T>>) -> Vec<T> {
    stream.expect("a stream").try_collect().await.expect("a stream without errors")
}

fn assert_sums(metrics: &[CampaignMetrics], rows: &[EmailTracking]) {
    let mut sums: HashMap<CampaignId, Totals> = HashMap::new();
    for row in rows {
        *sums.entry(row.campaign_id).or_default() += Contribution::of(row);
    }
    for record in metrics {
        let sum = sums.remove(&record.campaign_id).unwrap_or_default();
        assert_eq!(record.totals, sum, "campaign {}", record.campaign_id);
    }
    assert!(sums.is_empty(), "rows without metrics");
}
