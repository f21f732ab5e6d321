//! Claiming due campaigns.
//!
//! Candidates are read first, without a transaction, in the order of their start. Those that can be sent are then
//! claimed in a transaction that reads them again, together with their users and mailboxes, and locks these: a
//! deactivation that comes between is seen, or waits.

use std::collections::{BTreeSet, HashSet, VecDeque};

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, doc};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::{ClientSession, Cursor};

use super::campaign::Campaigns;
use super::link::error::DriverResult;
use super::link::table::{Session, Table, each, of_id, projection};
use crate::clock::next_version;
use crate::document::campaign::{field, status_change};
use crate::document::{Decode, ID, Query};
use crate::error::Result;
use crate::model::{
    Campaign, CampaignFilter, CampaignStatus, CampaignSummary, Mailbox, MailboxId, User, UserId,
};

const OPERATION: &str = "campaigns.claim_due";
/// How many candidates to read at once.
const CANDIDATES: u32 = 100;
/// How many campaigns to claim in a transaction, which holds their bodies.
const STEP: usize = 100;

/// The users and mailboxes that can be given work.
struct Senders {
    users: HashSet<UserId>,
    mailboxes: HashSet<MailboxId>,
}

impl Senders {
    fn can_send(&self, user_id: UserId, mailbox_id: MailboxId) -> bool {
        self.users.contains(&user_id) && self.mailboxes.contains(&mailbox_id)
    }
}

impl Campaigns {
    /// Claims at most `limit` campaigns that are due.
    pub(super) async fn claim(&self, due: DateTime<Utc>, limit: usize) -> Result<Vec<Campaign>> {
        // Boxed: the future is large.
        Box::pin(self.db.within(self.db.deadline(), async {
            let due = CampaignFilter::due(due);
            let mut candidates = self.db.run(OPERATION, self.candidates(&due)).await?;
            let (mut claimed, mut ready) = (Vec::new(), VecDeque::new());
            while claimed.len() < limit {
                if ready.is_empty() {
                    match self.db.run(OPERATION, self.next_ready(&mut candidates)).await? {
                        Some(next) => ready = next,
                        None => break,
                    }
                    continue;
                }
                let n = ready.len().min(STEP).min(limit - claimed.len());
                let step: Vec<Bson> = ready.drain(..n).collect();
                let claim = self.db.transact(OPERATION, (self, &due, step), |session, (this, due, step)| {
                    this.claim_in(session, due, step).boxed()
                });
                claimed.extend(Box::pin(claim).await?);
            }
            Ok(claimed)
        }))
        .await
    }

    /// The campaigns that are due, the earliest first, without their bodies.
    async fn candidates(&self, due: &Query) -> DriverResult<Cursor<RawDocumentBuf>> {
        let earliest = doc! { field::start_time.as_str(): 1, "_id": 1 };
        let find = self.db.campaigns.find(due.to_filter()).sort(earliest).batch_size(CANDIDATES);
        find.projection(projection(CampaignSummary::fields())).await
    }

    /// Those of the next candidates that can be sent now; `None` after the last.
    async fn next_ready(
        &self,
        candidates: &mut Cursor<RawDocumentBuf>,
    ) -> DriverResult<Option<VecDeque<Bson>>> {
        let (mut next, mut seen) = (Vec::new(), 0);
        while seen < CANDIDATES && candidates.advance().await? {
            seen += 1;
            let row = candidates.current();
            // What cannot be read stays as it is: nobody would send it.
            if let (Some(id), Ok(campaign)) = (row.get(ID.as_str())?, CampaignSummary::decode(row)) {
                next.push((Bson::try_from(id)?, campaign.user_id, campaign.mailbox_id));
            }
        }
        if seen == 0 {
            return Ok(None);
        }
        let parties = next.iter().map(|(_, user_id, mailbox_id)| (*user_id, *mailbox_id));
        let senders = self.senders(None, parties).await?;
        next.retain(|(_, user_id, mailbox_id)| senders.can_send(*user_id, *mailbox_id));
        Ok(Some(next.into_iter().map(|(id, ..)| id).collect()))
    }

    /// Claims those of a step that are still due and can still be sent.
    async fn claim_in(
        &self,
        session: &mut ClientSession,
        due: &Query,
        step: &[Bson],
    ) -> DriverResult<Vec<Campaign>> {
        let still_due = due.clone().one_of(ID, step.iter().cloned());
        let mut campaigns = Vec::new();
        each(Some(&mut *session), self.db.campaigns.find(still_due.to_filter()), |row| {
            if let (Some(id), Ok(campaign)) = (row.get(ID.as_str())?, Campaign::decode(row)) {
                campaigns.push((Bson::try_from(id)?, campaign));
            }
            Ok(())
        })
        .await?;
        let parties = || campaigns.iter().map(|(_, campaign)| (campaign.user_id, campaign.mailbox_id));
        let users: BTreeSet<_> = parties().map(|(user_id, _)| user_id.as_object_id()).collect();
        self.db.users.lock_each(session, users.into_iter().map(of_id)).await?;
        let mailboxes: BTreeSet<_> = parties().map(|(_, mailbox_id)| mailbox_id.as_object_id()).collect();
        self.db.mailboxes.lock_each(session, mailboxes.into_iter().map(of_id)).await?;
        let senders = self.senders(Some(&mut *session), parties()).await?;
        campaigns.retain(|(_, campaign)| senders.can_send(campaign.user_id, campaign.mailbox_id));
        // In the order of the candidates.
        campaigns.sort_by_cached_key(|(id, _)| step.iter().position(|wanted| wanted == id));
        let now = self.db.now();
        for (_, campaign) in &mut campaigns {
            campaign.status = CampaignStatus::Active;
            campaign.updated_at = next_version(now, campaign.updated_at);
        }
        // The snapshot of the transaction guards the campaigns.
        let updates = campaigns.iter().map(|(id, campaign)| {
            let claim = status_change(campaign.status, campaign.updated_at);
            (Query::all().is(ID, id.clone()), claim.to_plain_update())
        });
        self.db.campaigns.update_each(Some(session), updates).await?;
        Ok(campaigns.into_iter().map(|(_, campaign)| campaign).collect())
    }

    /// Those of the users and mailboxes that can be given work. What cannot be read cannot.
    async fn senders(
        &self,
        mut session: Session<'_>,
        parties: impl Iterator<Item = (UserId, MailboxId)> + Clone,
    ) -> DriverResult<Senders> {
        let ids = parties.clone().map(|(user_id, _)| user_id.as_object_id()).collect();
        let users = self.db.users.readable::<User>(session.as_deref_mut(), ids).await?;
        let ids = parties.map(|(_, mailbox_id)| mailbox_id.as_object_id()).collect();
        let mailboxes = self.db.mailboxes.readable::<Mailbox>(session, ids).await?;
        let users = users.iter().filter(|user| user.require_active().is_ok());
        let mailboxes = mailboxes.iter().filter(|mailbox| mailbox.require_sendable().is_ok());
        Ok(Senders {
            users: users.map(|user| user.id).collect(),
            mailboxes: mailboxes.map(|mailbox| mailbox.id).collect(),
        })
    }
}

impl Table {
    /// Those of the records with these ids that can be read.
    async fn readable<T: Decode>(
        &self,
        session: Session<'_>,
        ids: BTreeSet<ObjectId>,
    ) -> DriverResult<Vec<T>> {
        let mut readable = Vec::with_capacity(ids.len());
        let find = self.find(Query::all().one_of(ID, ids).to_filter()).batch_size(CANDIDATES + 1);
        each(session, find, |row| {
            readable.extend(T::decode(row));
            Ok(())
        })
        .await?;
        Ok(readable)
    }
}
