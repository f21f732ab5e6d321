//! Recording events with the plain driver.

use std::time::Instant;

use campaign_store::{Clock, SystemClock};
use futures_util::stream::{self, TryStreamExt};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ReturnDocument;

use crate::Result;
use crate::group::stage;
use crate::ours::per_second;
use crate::world::World;

const NAIVE_EVENTS: usize = 4_000;
const AT_ONCE: usize = 32;

/// Events per second, each with one command for its row and one for the metrics.
pub(crate) async fn naive(world: &World, turn: usize) -> Result<f64> {
    let events = world.opens(NAIVE_EVENTS, turn, None)?;
    let (rows, metrics) = (world.rows(), world.metrics());
    let started = Instant::now();
    stream::iter(events.into_iter().map(Ok))
        .try_for_each_concurrent(AT_ONCE, |event| {
            let (rows, metrics) = (rows.clone(), metrics.clone());
            async move {
                let at = DateTime::from(event.at());
                let row = rows
                    .find_one_and_update(
                        doc! { "tracking_id": event.tracking_id().to_string() },
                        doc! { "$inc": { "opens": 1 }, "$min": { "opened_at": at, "delivered_at": at } },
                    )
                    .projection(doc! { "campaign_id": 1, "opens": 1 })
                    .return_document(ReturnDocument::Before)
                    .await?
                    .ok_or("no row")?;
                // Most programs count every event; this one at least checks whether it was the first.
                let first = i64::from(row.get_i64("opens").is_ok_and(|opens| opens == 0));
                let added = doc! { "$inc": { "total_opened": first, "total_delivered": first } };
                metrics.update_one(doc! { "campaign_id": row.get_str("campaign_id")? }, added).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            }
        })
        .await?;
    Ok(per_second(NAIVE_EVENTS, started.elapsed().as_secs_f64()))
}

/// Rows per second of one server-side update of all rows.
pub(crate) async fn update_many(world: &World) -> Result<f64> {
    let at = DateTime::from(SystemClock.now());
    let update = doc! { "$inc": { "opens": 1 }, "$set": { "opened_at": at, "delivered_at": at } };
    let started = Instant::now();
    let updated = world.rows().update_many(doc! {}, update).await?;
    let figure = per_second(usize::try_from(updated.modified_count)?, started.elapsed().as_secs_f64());
    Ok(figure)
}

/// Rows per second of the aggregation that counts them by campaign.
pub(crate) async fn group(world: &World) -> Result<f64> {
    let started = Instant::now();
    let groups: Vec<Document> = world.rows().aggregate([stage()]).await?.try_collect().await?;
    let seconds = started.elapsed().as_secs_f64();
    if groups.len() != world.campaigns.len() {
        return Err("not every campaign was counted".into());
    }
    Ok(per_second(world.ids.len(), seconds))
}
