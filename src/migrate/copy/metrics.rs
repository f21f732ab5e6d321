//! The metrics of the campaigns, from all tracking rows at once.

use std::collections::HashMap;
use std::pin::pin;

use async_stream::try_stream;
use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};

use crate::collection::Collection;
use crate::document::aggregation::Group;
use crate::document::campaign::field;
use crate::document::campaign_metrics::with_campaign;
use crate::document::{Decode, Query, Record};
use crate::migrate::Result;
use crate::migrate::access::Access;
use crate::migrate::state::counts::number_of;
use crate::migrate::state::lease::Lease;
use crate::model::{Campaign, CampaignId, CampaignMetrics, MetricId, MetricsFilter, Rates};
use crate::mongo::error::{duplicates_of, ours};
use crate::mongo::tracking::Recounts;
use crate::schema::index::CAMPAIGN_METRICS_CAMPAIGN_ID;

const OPERATION: &str = "migration.metrics";
/// Campaigns at a time.
const CAMPAIGNS: usize = 1_000;

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    /// Rows of campaigns that are not there.
    pub(crate) unattributed: u64,
    pub(crate) campaigns: u64,
}

/// Writes the metrics of every campaign, where they are not right already.
pub(super) fn write_metrics<'a>(
    access: &'a Access,
    lease: &'a Lease,
) -> impl Stream<Item = Result<Tally>> + 'a {
    try_stream! {
        let mut tally = Tally::default();
        let groups = Recounts(access.connection().clone()).groups(OPERATION).await?;
        let mut groups = pin!(groups.try_chunks(CAMPAIGNS));
        while let Some(groups) = groups.try_next().await.map_err(|error| error.1)? {
            let mut by_campaign = HashMap::new();
            for (id, group) in groups {
                tally.rows += group.totals.sent;
                match id {
                    Some(id) => drop(by_campaign.insert(id, group)),
                    None => tally.unattributed += group.totals.sent,
                }
            }
            let ids = Query::all().one_of(field::id, by_campaign.keys());
            let found = find_campaigns(access, vec![doc! { "$match": ids.to_filter() }]).await?;
            let campaigns: Vec<Campaign> = found.try_collect().await?;
            lease.require()?;
            write_metrics_of(access, &campaigns, &by_campaign).await?;
            tally.campaigns += number_of(campaigns.len());
            for campaign in campaigns {
                by_campaign.remove(&campaign.id);
            }
            tally.unattributed += by_campaign.values().map(|group| group.totals.sent).sum::<u64>();
            yield tally;
        }
        // The campaigns that are left have no rows.
        let idle = find_campaigns(access, without_metrics()).await?;
        let mut idle = idle.try_chunks(CAMPAIGNS);
        while let Some(campaigns) = idle.try_next().await.map_err(|error| error.1)? {
            lease.require()?;
            write_metrics_of(access, &campaigns, &HashMap::new()).await?;
            tally.campaigns += number_of(campaigns.len());
            yield tally;
        }
    }
}

async fn write_metrics_of(
    access: &Access,
    campaigns: &[Campaign],
    groups: &HashMap<CampaignId, Group>,
) -> Result<()> {
    if campaigns.is_empty() {
        return Ok(());
    }
    let connection = access.connection();
    let query = MetricsFilter::campaigns(campaigns.iter().map(|campaign| campaign.id)).query();
    let find = connection.campaign_metrics.unscoped().find(query.to_filter());
    let stored = async {
        let documents = find.await?.try_collect::<Vec<_>>().await?;
        documents.iter().map(|document| with_campaign(document).map_err(ours)).collect()
    };
    let stored: HashMap<_, Option<CampaignMetrics>> = access.run(OPERATION, stored).await?;
    let (mut new, mut suspects) = (Vec::new(), Vec::new());
    for campaign in campaigns {
        let Group { totals, odd, .. } = groups.get(&campaign.id).copied().unwrap_or_default();
        match stored.get(&campaign.id) {
            Some(Some(metrics)) if odd == 0 && metrics.agree_with(&totals) => {}
            None if odd == 0 => new.push(CampaignMetrics {
                totals,
                rates: Rates::of(&totals),
                last_updated: connection.now().max(campaign.created_at),
                ..CampaignMetrics::new(MetricId::new(), campaign)
            }),
            // A recount decides. It also reads the rows that the database cannot count.
            _ => suspects.push(campaign.id),
        }
    }
    if !new.is_empty() {
        let insert = connection.campaign_metrics.unscoped().insert_many(new.iter().map(Record::encode));
        let refused = async {
            match insert.ordered(false).await {
                Ok(_) => Ok(Vec::new()),
                Err(error) => duplicates_of(&error, CAMPAIGN_METRICS_CAMPAIGN_ID).ok_or(error),
            }
        };
        // Another process wrote these first and may have counted events since: a recount decides.
        let refused = access.run(OPERATION, refused).await?;
        suspects.extend(
            refused.into_iter().filter_map(|place| new.get(place)).map(|metrics| metrics.campaign_id),
        );
    }
    for campaign in suspects {
        Recounts(connection.clone()).recount(campaign).await?;
    }
    Ok(())
}

/// The campaigns that the stages leave, without their messages.
async fn find_campaigns(
    access: &Access,
    stages: Vec<Document>,
) -> Result<impl Stream<Item = Result<Campaign>> + Unpin> {
    // Messages can be large, and are not needed here.
    let brief = doc! { "$set": { field::message.as_str(): "" } };
    let stages = stages.into_iter().chain([brief]);
    let campaigns = access.collection::<RawDocumentBuf>(Collection::Campaigns.name());
    let found = async { campaigns.aggregate(stages).with_type::<RawDocumentBuf>().await };
    let found = access.run(OPERATION, found).await?;
    let connection = access.connection().clone();
    Ok(found.map(move |campaign| match campaign {
        Ok(campaign) => Ok(Campaign::decode(&campaign)?),
        Err(error) => Err(connection.translate(OPERATION, &error).into()),
    }))
}

fn without_metrics() -> Vec<Document> {
    let id = field::id.as_str();
    let metrics = Collection::CampaignMetrics.name();
    let found = doc! { "from": metrics, "localField": id, "foreignField": id, "as": "metrics" };
    vec![doc! { "$lookup": found }, doc! { "$match": { "metrics": [] } }]
}
