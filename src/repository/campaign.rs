use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordStream;
use crate::error::Result;
use crate::model::{
    Campaign, CampaignCounts, CampaignFilter, CampaignId, CampaignPatch, CampaignTransition, NewCampaign,
    UserId,
};
use crate::page::{Page, PageRequest};

/// The campaigns. See the [contract](crate::repository#contract) of all repositories.
#[async_trait]
pub trait CampaignRepository: Debug + Send + Sync {
    /// Creates a campaign together with its metrics record.
    ///
    /// # Errors
    /// `NotFound` when the owner, the creator or the mailbox does not exist; `ForeignMailbox` when
    /// the mailbox is another user's.
    async fn create(&self, campaign: NewCampaign) -> Result<Campaign>;

    /// The campaign of this id.
    ///
    /// # Errors
    /// `Corrupt`, as every method that reads.
    async fn get(&self, id: CampaignId) -> Result<Option<Campaign>>;

    /// Changes a campaign that is scheduled or paused and whose `updated_at` is still
    /// `expected_updated_at`. A new mailbox goes into the metrics record too.
    ///
    /// # Errors
    /// `NotFound` when the campaign or the new mailbox does not exist; `Conflict` when the campaign
    /// changed since; `IllegalStatus`; `ForeignMailbox`; `Invalid` when the end would be out of the
    /// calendar.
    async fn update(
        &self,
        id: CampaignId,
        patch: CampaignPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Campaign>;

    /// Takes a campaign from one status to another, in one step: of many who try at once, one
    /// succeeds.
    ///
    /// # Errors
    /// `NotFound`; `IllegalStatus` when the campaign's status does not allow it, so also for those
    /// who came second.
    async fn transition(&self, id: CampaignId, transition: CampaignTransition) -> Result<Campaign>;

    /// Starts a scheduled campaign before its time. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn start(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Start).await
    }

    /// Halts a scheduled or active campaign. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn pause(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Pause).await
    }

    /// Goes on with a paused campaign at once. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn resume(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Resume).await
    }

    /// Lets a paused campaign wait for its start time again. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn reschedule(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Reschedule).await
    }

    /// Ends an active campaign. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn complete(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Complete).await
    }

    /// Gives a campaign up. See [`transition`](Self::transition).
    ///
    /// # Errors
    /// As [`transition`](Self::transition).
    async fn cancel(&self, id: CampaignId) -> Result<Campaign> {
        self.transition(id, CampaignTransition::Cancel).await
    }

    /// Starts the scheduled campaigns whose start time is at or before `now`, the earliest first,
    /// and returns those that *this* call started. Any number of workers can call it at once: each
    /// campaign is given to one of them, and a call that returns fewer than `limit` has left none.
    ///
    /// When the future is dropped, or fails on the way, campaigns that it already started stay
    /// active: find them with [`list`](Self::list).
    ///
    /// # Errors
    /// `Invalid` unless `limit` is from 1 to [`PageRequest::MAX_LIMIT`].
    async fn claim_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>>;

    /// Completes the active campaigns whose end time is at or before `now`, and says how many
    /// there were.
    ///
    /// # Errors
    /// Those of the database alone. Campaigns that it completed before stay completed.
    async fn complete_expired(&self, now: DateTime<Utc>) -> Result<u64>;

    /// How many campaigns of the user, or of all users, have each status.
    ///
    /// # Errors
    /// `Corrupt` when a status is unknown.
    async fn count_by_status(&self, user_id: Option<UserId>) -> Result<CampaignCounts>;

    /// Adds to the number of recipients of a campaign that is not over.
    ///
    /// # Errors
    /// `NotFound`; `IllegalStatus`.
    async fn add_recipients(&self, id: CampaignId, n: u32) -> Result<Campaign>;

    /// A page of the campaigns.
    ///
    /// # Errors
    /// `InvalidCursor`.
    async fn list(&self, filter: &CampaignFilter, page: &PageRequest) -> Result<Page<Campaign>>;

    /// All the campaigns, one by one.
    ///
    /// # Errors
    /// As [`get`](Self::get), also within the stream.
    async fn stream(&self, filter: &CampaignFilter) -> Result<RecordStream<Campaign>>;
}
