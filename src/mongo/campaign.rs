use std::sync::Arc;

use async_trait::async_trait;
use bson::{Bson, doc};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::Session;
use super::mailbox::require_mailbox;
use super::tracking::Receipts;
use super::user::require_user;
use crate::back_off::BackOff;
use crate::collection::Collection;
use crate::document::campaign::field;
use crate::document::campaign::{status_change, status_count};
use crate::document::campaign_metrics::mailbox_change;
use crate::document::{Changes, Decode, ID, Query};
use crate::error::{Error, Result};
use crate::model::{
    Campaign, CampaignCounts, CampaignFilter, CampaignId, CampaignMetrics, CampaignPatch, CampaignStatus,
    CampaignSummary, CampaignTransition, MailboxId, MetricId, MetricsFilter, NewCampaign, NewRecipients,
    Receipt, UserId,
};
use crate::page::{Page, PageRequest, check_limit};
use crate::repository::{CampaignRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Campaigns {
    pub(super) db: Arc<Connection>,
    pub(super) receipts: Arc<Receipts>,
}

const ADD_RECIPIENTS: &str = "add_recipients";

fn of_campaign(id: CampaignId) -> Query {
    Query::all().is(field::id, &id)
}

/// The campaign, if it exists.
pub(super) async fn find_campaign(
    db: &Connection,
    session: Session<'_>,
    id: CampaignId,
) -> DriverResult<Option<Campaign>> {
    db.campaigns.find_one(session, &of_campaign(id)).await
}

/// Whether the campaign exists, whatever it holds.
pub(super) async fn is_campaign(db: &Connection, id: CampaignId) -> DriverResult<bool> {
    db.campaigns.any(None, &of_campaign(id)).await
}

impl Campaigns {
    async fn require_campaign(&self, session: Session<'_>, id: CampaignId) -> DriverResult<Campaign> {
        let campaign = find_campaign(&self.db, session, id).await?;
        campaign.ok_or_else(|| ours(Error::not_found(Collection::Campaigns, id)))
    }

    /// Ensures, until the transaction ends, that the mailbox exists and belongs to the user.
    async fn hold_mailbox_of(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        mailbox_id: MailboxId,
    ) -> DriverResult<()> {
        let mailbox = require_mailbox(&self.db, Some(&mut *session), mailbox_id).await?;
        mailbox.require_owner(user_id).map_err(ours)?;
        self.db.mailboxes.lock(session, mailbox_id.as_object_id()).await
    }

    async fn create_campaign(&self, session: &mut ClientSession, new: NewCampaign) -> DriverResult<Campaign> {
        let now = self.db.now();
        if let Some(id) = new.id
            && let Some(existing) = find_campaign(&self.db, Some(&mut *session), id).await?
        {
            return new.repeated(existing).map_err(ours);
        }
        require_user(&self.db, session, new.user_id).await?;
        if new.created_by != new.user_id {
            require_user(&self.db, session, new.created_by).await?;
        }
        self.hold_mailbox_of(session, new.user_id, new.mailbox_id).await?;
        let id = new.id.unwrap_or_else(|| CampaignId::new_at(now));
        let campaign = new.build(id, now);
        self.db.campaigns.insert(Some(&mut *session), &campaign).await?;
        self.db
            .campaign_metrics
            .insert(Some(session), &CampaignMetrics::new(MetricId::new(), &campaign))
            .await?;
        Ok(campaign)
    }

    async fn update_campaign(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        patch: &CampaignPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> DriverResult<Campaign> {
        let now = self.db.now();
        let campaign = self.require_campaign(Some(&mut *session), id).await?;
        let changes = campaign.patched(patch, expected_updated_at, now).map_err(ours)?;
        if let Some(mailbox_id) = patch.mailbox_id {
            self.hold_mailbox_of(session, campaign.user_id, mailbox_id).await?;
        }
        let same_version = of_campaign(id).is(field::updated_at, &expected_updated_at);
        let changed = self.db.campaigns.update(Some(&mut *session), &same_version, &changes).await?;
        let changed = changed.ok_or_else(|| ours(Error::conflict(Collection::Campaigns, id)))?;
        if let Some(mailbox_id) = patch.mailbox_id {
            let metrics = MetricsFilter::campaigns([id]).query();
            let changes = mailbox_change(mailbox_id, now);
            self.db.campaign_metrics.update::<CampaignMetrics>(Some(session), &metrics, &changes).await?;
        }
        Ok(changed)
    }

    /// Adds recipients unless that was done with the same receipt.
    async fn add_once(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        receipt: Receipt,
        changes: &Changes,
    ) -> DriverResult<Campaign> {
        let campaign = self.require_campaign(Some(&mut *session), id).await?;
        if self.receipts.contains(session, &receipt).await? {
            return Ok(campaign);
        }
        campaign.require(ADD_RECIPIENTS, CampaignStatus::UNFINISHED).map_err(ours)?;
        self.receipts.write(session, std::iter::once(&receipt)).await?;
        let changed = self.db.campaigns.update(Some(session), &of_campaign(id), changes).await?;
        changed.ok_or_else(|| ours(Error::not_found(Collection::Campaigns, id)))
    }

    /// Changes a campaign whose status is one of `allowed`. It goes on until the call's deadline while others
    /// change it between two commands.
    async fn change_campaign(
        &self,
        id: CampaignId,
        action: &'static str,
        allowed: &[CampaignStatus],
        changes: &Changes,
    ) -> DriverResult<Campaign> {
        let query = of_campaign(id).one_of(field::status, allowed);
        let mut back_off = BackOff::of_conflicts();
        loop {
            if let Some(campaign) = self.db.campaigns.update(None, &query, changes).await? {
                return Ok(campaign);
            }
            // If the status is allowed by now, it changed in the meantime.
            self.require_campaign(None, id).await?.require(action, allowed).map_err(ours)?;
            tokio::time::sleep(back_off.pause()).await;
        }
    }

    /// Claims campaigns one by one. Each is read before it is changed: a campaign that cannot be read must not
    /// become active, since nobody would send it.
    async fn claim(&self, due: DateTime<Utc>, limit: usize) -> DriverResult<Vec<Campaign>> {
        let due = CampaignFilter::due(due).to_filter();
        let (mut claimed, mut unreadable) = (Vec::new(), Vec::<Bson>::new());
        while claimed.len() < limit {
            let mut others = due.clone();
            if !unreadable.is_empty() {
                others.insert("_id", doc! { "$nin": unreadable.clone() });
            }
            let earliest = doc! { field::start_time.as_str(): 1, "_id": 1 };
            let Some(next) = self.db.campaigns.raw.find_one(others).sort(earliest).await? else { break };
            let Some(id) = next.get(ID.as_str())? else { break };
            let id = Bson::try_from(id)?;
            if Campaign::decode(&next).is_err() {
                unreadable.push(id);
                continue;
            }
            let mut still_due = due.clone();
            still_due.insert("_id", id.clone());
            let claim = status_change(CampaignStatus::Active, self.db.now());
            let claim = self.db.campaigns.find_and_update(still_due, claim.to_pipeline()).await?;
            match claim.map(|row| Campaign::decode(&row)) {
                Some(Ok(campaign)) => claimed.push(campaign),
                // Another program damaged it in this very moment.
                Some(Err(_)) => unreadable.push(id),
                // Another worker was faster.
                None => {}
            }
        }
        Ok(claimed)
    }

    async fn complete(&self, expired: DateTime<Utc>) -> DriverResult<u64> {
        let completion = status_change(CampaignStatus::Completed, self.db.now());
        let expired = CampaignFilter::expired(expired).to_filter();
        Ok(self.db.campaigns.raw.update_many(expired, completion.to_pipeline()).await?.modified_count)
    }

    async fn count(&self, query: &Query) -> DriverResult<CampaignCounts> {
        let status = field::status.as_str();
        // Matches any status: without a condition the server would not count along the index.
        let mut filter = doc! { status: { "$gte": Bson::MinKey } };
        filter.extend(query.to_filter());
        let group = doc! { "_id": format!("${status}"), "n": { "$sum": 1_i64 } };
        let named = doc! { "_id": 0, status: "$_id", "n": 1 };
        let pipeline = [doc! { "$match": filter }, doc! { "$group": group }, doc! { "$project": named }];
        let mut groups = self.db.campaigns.aggregate_in_lists(pipeline).await?;
        let mut counts = CampaignCounts::default();
        while groups.advance().await? {
            let (status, n) = status_count(groups.current()).map_err(ours)?;
            counts.add(status, n).map_err(ours)?;
        }
        Ok(counts)
    }
}

#[async_trait]
impl CampaignRepository for Campaigns {
    async fn create(&self, campaign: NewCampaign) -> Result<Campaign> {
        let create = || {
            self.db.transact("campaigns.create", (self, campaign.clone()), |session, (this, campaign)| {
                this.create_campaign(session, campaign.clone()).boxed()
            })
        };
        self.db.again_if_unique(create).await
    }

    async fn get(&self, id: CampaignId) -> Result<Option<Campaign>> {
        self.db.run("campaigns.get", self.db.campaigns.find_one(None, &of_campaign(id))).await
    }

    async fn update(
        &self,
        id: CampaignId,
        patch: CampaignPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Campaign> {
        self.db
            .transact("campaigns.update", (self, patch), move |session, (this, patch)| {
                this.update_campaign(session, id, patch, expected_updated_at).boxed()
            })
            .await
    }

    async fn transition(&self, id: CampaignId, transition: CampaignTransition) -> Result<Campaign> {
        let changes = status_change(transition.to(), self.db.now());
        let action = transition.as_str();
        self.db
            .write("campaigns.transition", self.change_campaign(id, action, transition.from(), &changes))
            .await
    }

    async fn claim_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>> {
        check_limit(limit)?;
        self.db.write("campaigns.claim_due", self.claim(now, limit)).await
    }

    async fn complete_expired(&self, now: DateTime<Utc>) -> Result<u64> {
        self.db.write("campaigns.complete_expired", self.complete(now)).await
    }

    async fn count_by_status(&self, user_id: Option<UserId>) -> Result<CampaignCounts> {
        let query = user_id.map_or_else(CampaignFilter::all, CampaignFilter::user).query();
        self.db.run("campaigns.count_by_status", self.count(&query)).await
    }

    async fn add_recipients(&self, id: CampaignId, new: NewRecipients) -> Result<Campaign> {
        const OPERATION: &str = "campaigns.add_recipients";
        let changes = Changes::at(self.db.now()).add(field::total_recipients, new.n);
        let Some(receipt) = new.receipt(id) else {
            let change = self.change_campaign(id, ADD_RECIPIENTS, CampaignStatus::UNFINISHED, &changes);
            return self.db.write(OPERATION, change).await;
        };
        let add = || {
            self.db.transact(OPERATION, (self, &changes), move |session, (this, changes)| {
                this.add_once(session, id, receipt, changes).boxed()
            })
        };
        self.db.again_if_unique(add).await
    }

    async fn list(&self, filter: &CampaignFilter, page: &PageRequest) -> Result<Page<Campaign>> {
        self.db.run("campaigns.list", self.db.campaigns.page(&filter.query(), page)).await
    }

    async fn list_summaries(
        &self,
        filter: &CampaignFilter,
        page: &PageRequest,
    ) -> Result<Page<CampaignSummary>> {
        self.db.run("campaigns.list", self.db.campaigns.page(&filter.query(), page)).await
    }

    async fn stream(&self, filter: &CampaignFilter) -> Result<RecordStream<Campaign>> {
        self.db.stream(&self.db.campaigns, &filter.query()).await
    }

    async fn stream_summaries(&self, filter: &CampaignFilter) -> Result<RecordStream<CampaignSummary>> {
        self.db.stream(&self.db.campaigns, &filter.query()).await
    }
}
