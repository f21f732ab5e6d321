use async_trait::async_trait;
use bson::oid::ObjectId;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::campaign::field;
use crate::document::campaign::status_change;
use crate::document::campaign_metrics::mailbox_change;
use crate::document::{Changes, Query};
use crate::error::{Error, Result};
use crate::model::{
    Campaign, CampaignCounts, CampaignFilter, CampaignId, CampaignMetrics, CampaignPatch, CampaignStatus,
    CampaignSummary, CampaignTransition, Mailbox, MailboxId, MetricId, MetricsFilter, NewCampaign,
    NewRecipients, UserId,
};
use crate::page::{Page, PageRequest, check_limit};
use crate::repository::{CampaignRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Campaigns(pub(super) MemoryStore);

impl Campaigns {
    fn call<T>(&self, call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>) -> Result<T> {
        self.0.call(Collection::Campaigns, call)
    }
}

impl State {
    pub(super) fn find_campaign(&self, id: CampaignId) -> Result<Option<(ObjectId, Campaign)>> {
        self.campaigns.find_one(&Query::all().is(field::id, &id))
    }

    pub(super) fn is_campaign(&self, id: CampaignId) -> bool {
        self.campaigns.any(&Query::all().is(field::id, &id))
    }

    fn require_campaign(&self, id: CampaignId) -> Result<(ObjectId, Campaign)> {
        self.find_campaign(id)?.ok_or_else(|| Error::not_found(Collection::Campaigns, id))
    }

    fn require_mailbox_of(&self, user_id: UserId, mailbox_id: MailboxId) -> Result<Mailbox> {
        let mailbox = self.require_mailbox(mailbox_id)?;
        mailbox.require_owner(user_id)?;
        Ok(mailbox)
    }

    /// Refuses a campaign whose owner or mailbox cannot be given work.
    fn require_sender(&self, campaign: &Campaign) -> Result<()> {
        self.require_user(campaign.user_id)?.require_active()?;
        self.require_mailbox(campaign.mailbox_id)?.require_sendable()
    }
}

#[async_trait]
impl CampaignRepository for Campaigns {
    async fn create(&self, campaign: NewCampaign) -> Result<Campaign> {
        self.call(|state, now| {
            if let Some(id) = campaign.id
                && let Some((_, existing)) = state.find_campaign(id)?
            {
                return campaign.repeated(existing);
            }
            state.require_user(campaign.user_id)?.require_active()?;
            state.require_user(campaign.created_by)?.require_active()?;
            state.require_mailbox_of(campaign.user_id, campaign.mailbox_id)?.require_sendable()?;
            let id = campaign.id.unwrap_or_else(|| CampaignId::new_at(now));
            let campaign = campaign.build(id, now);
            state.campaigns.insert(&campaign)?;
            state.campaign_metrics.insert(&CampaignMetrics::new(MetricId::new(), &campaign))?;
            Ok(campaign)
        })
    }

    async fn get(&self, id: CampaignId) -> Result<Option<Campaign>> {
        self.call(|state, _| Ok(state.find_campaign(id)?.map(|(_, campaign)| campaign)))
    }

    async fn update(
        &self,
        id: CampaignId,
        patch: CampaignPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Campaign> {
        self.call(|state, now| {
            let (row, campaign) = state.require_campaign(id)?;
            let changes = campaign.patched(&patch, expected_updated_at, now)?;
            if let Some(mailbox_id) = patch.mailbox_id {
                let mailbox = state.require_mailbox_of(campaign.user_id, mailbox_id)?;
                if mailbox_id != campaign.mailbox_id {
                    mailbox.require_sendable()?;
                }
                let metrics = MetricsFilter::campaigns([id]).query();
                if let Some((row, _)) = state.campaign_metrics.find_one::<CampaignMetrics>(&metrics)? {
                    state
                        .campaign_metrics
                        .change::<CampaignMetrics>(row, &mailbox_change(mailbox_id, now))?;
                }
            }
            state.campaigns.change(row, &changes)
        })
    }

    async fn transition(&self, id: CampaignId, transition: CampaignTransition) -> Result<Campaign> {
        self.call(|state, now| {
            let (row, campaign) = state.require_campaign(id)?;
            campaign.require(transition.as_str(), transition.from())?;
            if transition.to() == CampaignStatus::Active {
                state.require_sender(&campaign)?;
            }
            state.campaigns.change(row, &status_change(transition.to(), now))
        })
    }

    async fn claim_due(&self, due: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>> {
        check_limit(limit)?;
        self.call(|state, now| {
            let due = state.campaigns.find_all(&CampaignFilter::due(due)).into_iter();
            // What cannot be read stays as it is, and what nobody can send.
            let mut rows: Vec<(ObjectId, Campaign)> = due.filter_map(Result::ok).collect();
            rows.retain(|(_, campaign)| state.require_sender(campaign).is_ok());
            rows.sort_by_key(|(row, campaign)| (campaign.start_time, *row));
            rows.truncate(limit);
            let claim = status_change(CampaignStatus::Active, now);
            rows.into_iter().map(|(row, _)| state.campaigns.change(row, &claim)).collect()
        })
    }

    async fn complete_expired(&self, expired: DateTime<Utc>) -> Result<u64> {
        self.call(|state, now| {
            let rows: Vec<(ObjectId, Campaign)> = state
                .campaigns
                .find_all(&CampaignFilter::expired(expired))
                .into_iter()
                .collect::<Result<_>>()?;
            let completion = status_change(CampaignStatus::Completed, now);
            for (row, _) in &rows {
                state.campaigns.change::<Campaign>(*row, &completion)?;
            }
            Ok(rows.len() as u64)
        })
    }

    async fn count_by_status(&self) -> Result<CampaignCounts> {
        let query = Query::all();
        self.call(|state, _| {
            let mut counts = CampaignCounts::default();
            for campaign in state.campaigns.records::<Campaign>(&query) {
                counts.add(campaign.map(|campaign| campaign.status), 1)?;
            }
            Ok(counts)
        })
    }

    async fn add_recipients(&self, id: CampaignId, new: NewRecipients) -> Result<Campaign> {
        self.call(|state, now| {
            let (row, campaign) = state.require_campaign(id)?;
            state.receipts.expire(now);
            let receipt = new.receipt(id);
            if receipt.is_some_and(|receipt| state.receipts.contains(&receipt)) {
                return Ok(campaign);
            }
            campaign.require("add_recipients", CampaignStatus::UNFINISHED)?;
            let changed =
                state.campaigns.change(row, &Changes::at(now).add(field::total_recipients, new.n))?;
            if let Some(receipt) = receipt {
                state.receipts.insert(receipt, now);
            }
            Ok(changed)
        })
    }

    async fn list(&self, filter: &CampaignFilter, page: &PageRequest) -> Result<Page<Campaign>> {
        self.call(|state, _| state.campaigns.page(&filter.query(), page))
    }

    async fn list_summaries(
        &self,
        filter: &CampaignFilter,
        page: &PageRequest,
    ) -> Result<Page<CampaignSummary>> {
        self.call(|state, _| state.campaigns.page(&filter.query(), page))
    }

    async fn stream(&self, filter: &CampaignFilter) -> Result<RecordStream<Campaign>> {
        self.call(|state, _| Ok(stream::iter(state.campaigns.records(&filter.query())).boxed()))
    }

    async fn stream_summaries(&self, filter: &CampaignFilter) -> Result<RecordStream<CampaignSummary>> {
        self.call(|state, _| Ok(stream::iter(state.campaigns.records(&filter.query())).boxed()))
    }
}
