//! Reading all e-mails of a campaign, compared with the driver's typed collection with derived serde.

use std::hint::black_box;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::Deserialize;

use crate::Result;
use crate::contest::{Contest, time_ratio};
use crate::stream::{Streaming, all_of};

/// What a service would write without this crate: the same fields, but no errors that name a field, no
/// tolerance for other types, and texts instead of ids.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is read and let go")]
struct Row {
    tracking_id: String,
    campaign_id: String,
    user_id: ObjectId,
    mailbox_id: ObjectId,
    sender_email: String,
    recipient_email: String,
    recipient_name: Option<String>,
    subject: String,
    message: String,
    sent_at: DateTime,
    delivered_at: Option<DateTime>,
    opened_at: Option<DateTime>,
    #[serde(default)]
    opens: i64,
    clicked_at: Option<DateTime>,
    #[serde(default)]
    clicks: i64,
    replied_at: Option<DateTime>,
    #[serde(default)]
    replies: i64,
    #[serde(default)]
    bounced: bool,
    bounce_reason: Option<String>,
    #[serde(default)]
    unsubscribed: bool,
    unsubscribed_at: Option<DateTime>,
    created_at: DateTime,
}

struct Derived(Streaming);

#[async_trait]
impl Contest for Derived {
    async fn ours(&self) -> Result<Duration> {
        self.0.ours().await
    }

    async fn plain(&self) -> Result<Duration> {
        let start = Instant::now();
        let filter = doc! { "campaign_id": self.0.world.campaign.id.to_string() };
        let rows = self.0.world.rows("email_tracking").clone_with_type::<Row>();
        let mut rows = rows.find(filter).batch_size(1_000).await?;
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            black_box(&row);
            count += 1;
        }
        all_of(count, start)
    }
}

/// Our rows per second, relative to those of the typed collection.
pub(crate) async fn ratio() -> Result<f64> {
    const ROUNDS: usize = 12;
    let derived = Derived(Streaming::new().await?);
    let ratio = time_ratio("stream of 100,000 typed rows", &derived, ROUNDS).await?;
    derived.0.world.remove().await?;
    Ok(1.0 / ratio)
}
