//! Correcting metrics by what a count found, in a transaction that is over at once.
//!
//! Rows and metrics change in the same transactions and by the same numbers. So the difference between them
//! is the same now as it was when the rows were counted, however much was sent and recorded since: adding
//! it to the metrics of now makes them right. What changes the difference itself is noticed:
//!
//! - another correction replaces the token in the [note](super::recount_notes) on the campaign, and the rows
//!   are counted again;
//! - events that would have taken drifted metrics below 0 add what was cut off to that note, and it is taken off
//!   here;
//! - metrics that were created or replaced since have another `_id`, and the rows are counted again;
//! - metrics that cannot be read must have the very bytes that they had. Nothing is sent or recorded for
//!   such a campaign, so its rows still add up to what was counted.

use bson::raw::RawDocumentBuf;
use mongodb::ClientSession;

use super::count::{Count, Stored};
use super::recount::{Recounted, Recounts};
use super::{recount_marks, recount_notes};
use crate::document::bookkeeping::RecountNote;
use crate::document::campaign_metrics::totals_change;
use crate::document::{Decode, id_of};
use crate::model::{CampaignId, CampaignMetrics, MetricId, MetricsFilter, Rates, Totals, TotalsDelta};
use crate::mongo::campaign::{find_campaign, is_campaign};
use crate::mongo::link::error::{DriverResult, ours};

/// How a correction ended.
pub(super) enum Correction {
    Done(Recounted),
    /// The rows must be counted again.
    Outdated,
    /// There is nothing to write to: neither the metrics nor the campaign exist.
    NoCampaign,
}

/// What must be written.
enum Write {
    Nothing(CampaignMetrics),
    Totals(MetricId, Totals),
    /// The whole record, in place of one that cannot be read.
    Record(Option<RawDocumentBuf>),
}

impl Write {
    /// `None` if what is stored now has nothing to do with what was there when the rows were counted.
    fn of(count: &Count, now: Stored, note: &RecountNote) -> Option<Self> {
        match (&count.stored, now) {
            (Stored::Readable(then), Stored::Readable(now)) if then.id == now.id => {
                let totals = TotalsDelta::from_to(then.totals, count.totals).apply_to(now.totals);
                let cut_since = note.cut.zip(count.note.cut, u64::saturating_sub);
                let totals = totals.zip(cut_since, u64::saturating_sub);
                let is_right = now.agree_with(&totals);
                Some(if is_right { Self::Nothing(now) } else { Self::Totals(now.id, totals) })
            }
            (Stored::Missing, Stored::Missing) => Some(Self::Record(None)),
            (Stored::Unreadable(then), Stored::Unreadable(now)) if *then == now => {
                Some(Self::Record(Some(now)))
            }
            _ => None,
        }
    }
}

impl Recounts {
    pub(super) async fn correct_in(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        count: &Count,
    ) -> DriverResult<Correction> {
        if !self.0.scope.is_all() && !is_campaign(&self.0, Some(&mut *session), id).await? {
            return Ok(Correction::NoCampaign);
        }
        let note = recount_notes::get(&self.0, session, id).await?;
        if note.token != count.note.token {
            return Ok(Correction::Outdated);
        }
        let stored = Stored::find(&self.0, session, id).await?;
        let Some(write) = Write::of(count, stored, &note) else { return Ok(Correction::Outdated) };
        let corrected = !matches!(write, Write::Nothing(_));
        let metrics = match write {
            Write::Nothing(metrics) => metrics,
            Write::Totals(metric_id, totals) => {
                let changes = totals_change(&totals, self.0.now());
                let metric_id = metric_id.as_object_id();
                let metrics = self.0.campaign_metrics.over_all_users();
                metrics.change(Some(&mut *session), metric_id, &changes).await?
            }
            Write::Record(old) => match self.write_record(session, id, old, count.totals).await? {
                Some(metrics) => metrics,
                None => return Ok(Correction::NoCampaign),
            },
        };
        recount_marks::remove(&self.0, session, id).await?;
        if corrected {
            recount_notes::add_correction(&self.0, session, id).await?;
        }
        Ok(Correction::Done(Recounted { metrics, corrected, unreadable: count.unreadable }))
    }

    /// Writes the metrics of a campaign that has none, or in place of `old`. `None` if the campaign does not
    /// exist.
    async fn write_record(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        old: Option<RawDocumentBuf>,
        totals: Totals,
    ) -> DriverResult<Option<CampaignMetrics>> {
        let table = self.0.campaign_metrics.over_all_users();
        let Some(campaign) = find_campaign(&self.0, Some(&mut *session), id).await? else {
            // Of metrics that cannot be read, nothing else says whose they are.
            return old.map_or(Ok(None), |old| CampaignMetrics::decode(&old).map(Some).map_err(ours));
        };
        let mut metric_id = MetricId::new();
        if let Some(old) = old {
            metric_id = id_of(table.collection, &old).map_or(metric_id, MetricId::from);
            let query = MetricsFilter::campaigns([id]).query();
            table.remove_found(Some(&mut *session), &query).await?;
        }
        let metrics = CampaignMetrics {
            totals,
            rates: Rates::of(&totals),
            last_updated: self.0.now().max(campaign.created_at),
            ..CampaignMetrics::new(metric_id, &campaign)
        };
        table.insert(Some(session), &metrics).await?;
        Ok(Some(metrics))
    }
}
