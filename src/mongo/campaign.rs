use std::sync::Arc;

use async_trait::async_trait;
use bson::{Bson, doc};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::{Session, of_id};
use super::mailbox::require_mailbox;
use super::tracking::Receipts;
use crate::back_off::BackOff;
use crate::collection::Collection;
use crate::document::campaign::field;
use crate::document::campaign::{status_change, status_count};
use crate::document::campaign_metrics::mailbox_change;
use crate::document::{Changes, Query};
use crate::error::{Error, Result};
use crate::model::{
    Campaign, CampaignCounts, CampaignFilter, CampaignId, CampaignMetrics, CampaignPatch, CampaignStatus,
    CampaignSummary, CampaignTransition, Mailbox, MailboxId, MetricId, MetricsFilter, NewCampaign,
    NewRecipients, Receipt, User, UserId,
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
pub(super) async fn is_campaign(db: &Connection, session: Session<'_>, id: CampaignId) -> DriverResult<bool> {
    db.campaigns.any(session, &of_campaign(id)).await
}

impl Campaigns {
    async fn require_campaign(&self, session: Session<'_>, id: CampaignId) -> DriverResult<Campaign> {
        let campaign = find_campaign(&self.db, session, id).await?;
        campaign.ok_or_else(|| ours(Error::not_found(Collection::Campaigns, id)))
    }

    /// Ensures, until the transaction ends, that the mailbox stays as it is.
    async fn hold_mailbox(
        &self,
        session: &mut ClientSession,
        mailbox_id: MailboxId,
    ) -> DriverResult<Mailbox> {
        let mailbox = require_mailbox(&self.db, Some(&mut *session), mailbox_id).await?;
        self.db.mailboxes.lock(session, mailbox_id.as_object_id()).await?;
        Ok(mailbox)
    }

    /// Ensures, until the transaction ends, that the user is active.
    async fn hold_active(&self, session: &mut ClientSession, user_id: UserId) -> DriverResult<()> {
        self.require_active(session, user_id).await?;
        self.db.users.lock(session, user_id.as_object_id()).await
    }

    async fn require_active(&self, session: &mut ClientSession, user_id: UserId) -> DriverResult<()> {
        let id = user_id.as_object_id();
        let user: Option<User> = self.db.users.find_one(Some(session), &of_id(id)).await?;
        let user = user.ok_or_else(|| ours(Error::not_found(Collection::Users, user_id)))?;
        user.require_active().map_err(ours)
    }

    async fn create_campaign(&self, session: &mut ClientSession, new: NewCampaign) -> DriverResult<Campaign> {
        let now = self.db.now();
        if let Some(id) = new.id
            && let Some(existing) = find_campaign(&self.db, Some(&mut *session), id).await?
        {
            return new.repeated(existing).map_err(ours);
        }
        self.hold_active(session, new.user_id).await?;
        if new.created_by != new.user_id {
            self.require_active(session, new.created_by).await?;
        }
        let mailbox = self.hold_mailbox(session, new.mailbox_id).await?;
        mailbox.require_owner(new.user_id).and_then(|()| mailbox.require_sendable()).map_err(ours)?;
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
            let mailbox = self.hold_mailbox(session, mailbox_id).await?;
            mailbox.require_owner(campaign.user_id).map_err(ours)?;
            if mailbox_id != campaign.mailbox_id {
                mailbox.require_sendable().map_err(ours)?;
            }
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

    /// Makes a campaign active, if its owner and its mailbox can be given work.
    async fn activate(
        &self,
        session: &mut ClientSession,
        id: CampaignId,
        transition: CampaignTransition,
    ) -> DriverResult<Campaign> {
        let campaign = self.require_campaign(Some(&mut *session), id).await?;
        campaign.require(transition.as_str(), transition.from()).map_err(ours)?;
        self.hold_active(session, campaign.user_id).await?;
        self.hold_mailbox(session, campaign.mailbox_id).await?.require_sendable().map_err(ours)?;
        let changes = status_change(transition.to(), self.db.now());
        let changed = self.db.campaigns.update(Some(session), &of_campaign(id), &changes).await?;
        changed.ok_or_else(|| ours(Error::not_found(Collection::Campaigns, id)))
    }

    async fn complete(&self, expired: DateTime<Utc>) -> DriverResult<u64> {
        let completion = status_change(CampaignStatus::Completed, self.db.now());
        self.db.campaigns.update_all(&CampaignFilter::expired(expired), &completion).await
    }

    async fn count(&self) -> DriverResult<CampaignCounts> {
        let status = field::status.as_str();
        // Matches any status: without a condition the server would not count along the index.
        let filter = doc! { status: { "$gte": Bson::MinKey } };
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
        const OPERATION: &str = "campaigns.transition";
        if transition.to() == CampaignStatus::Active {
            return self
                .db
                .transact(OPERATION, self, move |session, this| {
                    this.activate(session, id, transition).boxed()
                })
                .await;
        }
        let changes = status_change(transition.to(), self.db.now());
        let change = self.change_campaign(id, transition.as_str(), transition.from(), &changes);
        self.db.write(OPERATION, change).await
    }

    async fn claim_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>> {
        check_limit(limit)?;
        self.claim(now, limit).await
    }

    async fn complete_expired(&self, now: DateTime<Utc>) -> Result<u64> {
        self.db.write("campaigns.complete_expired", self.complete(now)).await
    }

    async fn count_by_status(&self) -> Result<CampaignCounts> {
        self.db.run("campaigns.count_by_status", self.count()).await
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
