//! Counting the rows of one campaign at a snapshot: nothing is locked, and others may send and record
//! meanwhile.

use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use mongodb::ClientSession;

use super::recount::{LIMIT, Recounts};
use super::recount_notes;
use crate::document::Decode;
use crate::document::aggregation::{Group, group_by_spelling, grouped, odd, ordinary};
use crate::document::bookkeeping::RecountNote;
use crate::document::email_tracking::{campaign_of, keyed_without_texts, without_texts};
use crate::error::Result;
use crate::model::{CampaignId, CampaignMetrics, Contribution, MetricsFilter, Totals, TrackingFilter};
use crate::mongo::link::connection::Connection;
use crate::mongo::link::error::{DriverResult, code_of, ours};
use crate::mongo::link::table::{each, projection};

/// The server's code for a snapshot that is older than a collection or an index.
const SNAPSHOT_UNAVAILABLE: i32 = 246;
/// How often, and after what pause, a later snapshot is tried.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The metrics of a campaign as they are stored.
#[derive(Debug)]
pub(super) enum Stored {
    Missing,
    Readable(CampaignMetrics),
    /// The document as it is.
    Unreadable(RawDocumentBuf),
}

impl Stored {
    pub(super) async fn find(
        db: &Connection,
        session: &mut ClientSession,
        id: CampaignId,
    ) -> DriverResult<Self> {
        let query = MetricsFilter::campaigns([id]).query();
        let metrics = db.campaign_metrics.over_all_users();
        let found = metrics.first(Some(session), query.to_filter(), doc! {}).await?;
        Ok(match found {
            None => Self::Missing,
            Some(document) => match CampaignMetrics::decode(&document) {
                Ok(metrics) => Self::Readable(metrics),
                Err(_) => Self::Unreadable(document),
            },
        })
    }
}

/// The metrics and the rows of a campaign at one moment.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) note: RecountNote,
    pub(super) stored: Stored,
    /// The totals of the rows. Unreadable rows count as sent and as nothing else.
    pub(super) totals: Totals,
    pub(super) unreadable: u64,
}

impl Recounts {
    /// Counts the rows of a campaign.
    pub(super) async fn count(&self, operation: &'static str, id: CampaignId) -> Result<Count> {
        let mut tries = 0;
        loop {
            let count = async {
                let mut session = self.0.snapshot().await?;
                self.count_in(&mut session, id).await
            };
            let counted: Result<DriverResult<Count>> =
                self.0.run_for(LIMIT, operation, async { Ok(count.await) }).await;
            match counted? {
                // An index or a collection was created a moment ago.
                Err(error) if code_of(&error) == Some(SNAPSHOT_UNAVAILABLE) && tries < TRIES => tries += 1,
                Err(error) => return Err(self.0.translate(operation, &error)),
                Ok(count) => return Ok(count),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn count_in(&self, session: &mut ClientSession, id: CampaignId) -> DriverResult<Count> {
        // The first read chooses the snapshot. The collection of the notes may have been created a moment ago,
        // and cannot be read at an earlier one.
        let note = recount_notes::get(&self.0, session, id).await?;
        let stored = Stored::find(&self.0, session, id).await?;
        let rows = TrackingFilter::campaign(id).query();
        let Group { odd: has_odd, totals } = self.group(session, id, rows.to_filter()).await?;
        let mut count = Count { note, stored, totals, unreadable: 0 };
        if has_odd > 0 {
            count.totals = self.group(session, id, ordinary(&rows)).await?.totals;
            let find =
                self.0.email_tracking.unscoped().find(odd(&rows)).projection(projection(without_texts()));
            each(Some(session), find, |row| {
                match keyed_without_texts(row) {
                    Ok((_, row)) => count.totals += Contribution::of(&row),
                    // An array matches by its elements, and is no id.
                    Err(_) if campaign_of(row).is_err() => {}
                    Err(_) => {
                        count.totals.sent += 1;
                        count.unreadable += 1;
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(count)
    }

    /// The sum of the groups of a campaign, one for each spelling of its id.
    async fn group(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        rows: Document,
    ) -> DriverResult<Group> {
        let stages = [doc! { "$match": rows }, group_by_spelling()];
        let groups = self.0.email_tracking.unscoped().aggregate(stages).with_type::<RawDocumentBuf>();
        let mut groups = groups.session(&mut *session).await?;
        let mut sum = Group::default();
        while groups.advance(session).await? {
            let (found, group) = grouped(groups.current()).map_err(ours)?;
            // An array matches by its elements, and is no id.
            if found == Some(id) {
                sum += group;
            }
        }
        Ok(sum)
    }
}
