//! The rows of all campaigns, counted in one pass while others may write.

use async_stream::stream;
use bson::doc;
use bson::raw::{CStr, RawDocument, RawDocumentBuf};
use futures_util::stream::{Stream, StreamExt};
use mongodb::Cursor;
use mongodb::action::{Action, Find};
use mongodb::options::Hint;
use tokio::time::timeout;

use super::merge::{Of, merged};
use super::recount::{LIMIT, Recounts};
use crate::document::ID;
use crate::document::aggregation::{Group, binaries_by_campaign, grouped, texts_by_campaign};
use crate::document::campaign_metrics::{field, with_campaign};
use crate::document::email_tracking::{campaign_of, field as row_field, of_no_campaign};
use crate::error::{Error, Result};
use crate::model::CampaignId;
use crate::mongo::link::error::theirs;
use crate::mongo::link::table::projection;

impl Recounts {
    /// The campaigns that rows name, in their order, and the rows of no campaign in between.
    pub(crate) async fn groups(
        &self,
        operation: &'static str,
    ) -> Result<impl Stream<Item = Result<Of<Group>>> + Send + use<>> {
        let rows = &self.0.email_tracking;
        let texts = rows.aggregate_for_long(texts_by_campaign()).with_type().allow_disk_use(true);
        let binaries = rows.aggregate_for_long(binaries_by_campaign()).with_type().allow_disk_use(true);
        let both = async { Ok((texts.await?, binaries.await?)) };
        let (texts, binaries) = self.0.run_for::<_, Error>(LIMIT, operation, both).await?;
        let texts = read(operation, texts, self.0.target(), grouped);
        let binaries = read(operation, binaries, self.0.target(), grouped);
        Ok(merged(texts, binaries).map(|both| {
            both.map(|(id, (text, binary))| {
                let mut group = text.unwrap_or_default();
                group += binary.unwrap_or_default();
                (id, group)
            })
        }))
    }

    /// The campaigns, and whether their metrics seem wrong. Of no campaign: how many rows are.
    pub(super) async fn compared(
        &self,
        operation: &'static str,
    ) -> Result<impl Stream<Item = Result<Compared>> + Send + use<>> {
        let groups = self.groups(operation).await?;
        let by_campaign = doc! { field::campaign_id.as_str(): 1 };
        let metrics = self.0.campaign_metrics.find_for_long(doc! {}).sort(by_campaign);
        let metrics = self.0.run(operation, async { metrics.await }).await?;
        let metrics = read(operation, metrics, self.0.target(), |metrics| {
            with_campaign(metrics).map(|(id, metrics)| (Some(id), metrics))
        });
        Ok(merged(groups, metrics).map(|both| {
            let (id, (group, metrics)) = both?;
            let Some(id) = id else {
                return Ok(Compared::NoCampaign(group.map_or(0, |group| group.totals.sent)));
            };
            let Group { totals, odd } = group.unwrap_or_default();
            let agree = metrics.flatten().is_some_and(|metrics| metrics.agree_with(&totals));
            Ok(Compared::Campaign { id, is_suspect: odd > 0 || !agree })
        }))
    }

    /// An error for each row of no campaign.
    pub(super) async fn rows_of_no_campaign(
        &self,
        operation: &'static str,
    ) -> Result<impl Stream<Item = Error> + Send + use<>> {
        let fields = projection([ID, row_field::campaign_id].map(CStr::as_str));
        // Reading along the id index is not slower and does not count as a scan.
        let hint = self.0.scope.is_all().then(|| Hint::Keys(doc! { "_id": 1 }));
        let find = self.0.email_tracking.find_for_long(of_no_campaign()).projection(fields);
        let find = find.optional(hint, Find::hint);
        let rows = self.0.run_for::<_, Error>(LIMIT, operation, async { find.await }).await?;
        let rows = read(operation, rows, self.0.target(), campaign_of);
        Ok(rows.filter_map(|row| std::future::ready(row.err())))
    }
}

/// What one pass finds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compared {
    /// A campaign, and whether its metrics seem wrong.
    Campaign { id: CampaignId, is_suspect: bool },
    /// So many rows of no campaign.
    NoCampaign(u64),
}

/// The documents of a cursor, until the connection fails.
pub(super) fn read<T: Send + 'static>(
    operation: &'static str,
    mut cursor: Cursor<RawDocumentBuf>,
    target: String,
    decode: impl Fn(&RawDocument) -> Result<T> + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send + 'static {
    stream! {
        loop {
            match timeout(LIMIT, cursor.advance()).await {
                Ok(Ok(true)) => yield decode(cursor.current()),
                Ok(Ok(false)) => break,
                Ok(Err(error)) => {
                    yield Err(theirs(operation, &target, &error));
                    break;
                }
                Err(_) => {
                    yield Err(Error::unavailable(&target, "no answer in time"));
                    break;
                }
            }
        }
    }
}
