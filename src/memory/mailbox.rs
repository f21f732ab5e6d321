use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::mailbox::{primary_change, primary_of};
use crate::document::{Changes, field};
use crate::error::{Error, Result};
use crate::model::{
    CampaignFilter, EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch, MailboxStatus, NewMailbox,
    UserId,
};
use crate::page::{Page, PageRequest};
use crate::repository::{MailboxRepository, RecordStream};

#[derive(Debug)]
pub(super) struct Mailboxes(pub(super) MemoryStore);

impl Mailboxes {
    fn call<T>(&self, call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>) -> Result<T> {
        self.0.call(Collection::Mailboxes, call)
    }
}

impl State {
    pub(super) fn require_mailbox(&self, id: MailboxId) -> Result<Mailbox> {
        self.mailboxes.get(id.as_object_id())?.ok_or_else(|| Error::not_found(Collection::Mailboxes, id))
    }

    fn primary_mailbox(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        Ok(self.mailboxes.find_one(&primary_of(user_id))?.map(|(_, mailbox)| mailbox))
    }

    fn set_primary(&mut self, id: MailboxId, is_primary: bool, now: DateTime<Utc>) -> Result<Mailbox> {
        self.mailboxes.change(id.as_object_id(), &primary_change(is_primary, now))
    }
}

#[async_trait]
impl MailboxRepository for Mailboxes {
    async fn link(&self, mailbox: NewMailbox) -> Result<Mailbox> {
        self.call(|state, now| {
            state.require_user(mailbox.user_id)?;
            let primary = state.primary_mailbox(mailbox.user_id)?;
            let takes_over = mailbox.primary;
            let mailbox = mailbox.build(MailboxId::new(), primary.is_none(), now);
            state.mailboxes.insert(&mailbox)?;
            match primary {
                Some(primary) if takes_over => {
                    state.set_primary(primary.id, false, now)?;
                    state.set_primary(mailbox.id, true, now)
                }
                _ => Ok(mailbox),
            }
        })
    }

    async fn get(&self, id: MailboxId) -> Result<Option<Mailbox>> {
        self.call(|state, _| state.mailboxes.get(id.as_object_id()))
    }

    async fn find_by_user_and_email(&self, user_id: UserId, email: &EmailAddress) -> Result<Option<Mailbox>> {
        let query = MailboxFilter::user(user_id).email(email.clone()).query();
        self.call(|state, _| Ok(state.mailboxes.find_one(&query)?.map(|(_, mailbox)| mailbox)))
    }

    async fn primary(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        self.call(|state, _| state.primary_mailbox(user_id))
    }

    async fn least_recently_used(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        let query = MailboxFilter::sendable(user_id).query();
        self.call(|state, _| {
            let mut mailboxes: Vec<Mailbox> =
                state.mailboxes.records(&query).into_iter().collect::<Result<_>>()?;
            mailboxes.sort_by_key(|mailbox| (mailbox.last_used, mailbox.id));
            Ok(mailboxes.into_iter().next())
        })
    }

    async fn update(
        &self,
        id: MailboxId,
        patch: MailboxPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Mailbox> {
        self.call(|state, now| {
            state.mailboxes.change_version(id.as_object_id(), expected_updated_at, &patch.changes(now))
        })
    }

    async fn set_primary(&self, id: MailboxId) -> Result<Mailbox> {
        self.call(|state, now| {
            let mailbox = state.require_mailbox(id)?;
            match state.primary_mailbox(mailbox.user_id)? {
                Some(primary) if primary.id == id => return Ok(mailbox),
                Some(primary) => state.set_primary(primary.id, false, now)?,
                None => mailbox,
            };
            state.set_primary(id, true, now)
        })
    }

    async fn set_status(&self, id: MailboxId, status: MailboxStatus) -> Result<Mailbox> {
        self.call(|state, now| {
            state.mailboxes.change(id.as_object_id(), &Changes::at(now).set(field::STATUS, status.as_str()))
        })
    }

    async fn touch(&self, id: MailboxId) -> Result<Mailbox> {
        self.call(|state, now| state.mailboxes.change(id.as_object_id(), &Mailbox::use_change(now)))
    }

    async fn unlink(&self, id: MailboxId) -> Result<()> {
        self.call(|state, now| {
            let mailbox = state.require_mailbox(id)?;
            if state.campaigns.any(&CampaignFilter::needing(id)) {
                return Err(Error::in_use(Collection::Mailboxes, id, Collection::Campaigns));
            }
            state.mailboxes.remove(id.as_object_id());
            if mailbox.is_primary {
                let query = MailboxFilter::user(mailbox.user_id).query();
                if let Some((_, Mailbox { id, .. })) = state.mailboxes.find_one(&query)? {
                    state.set_primary(id, true, now)?;
                }
            }
            Ok(())
        })
    }

    async fn list(&self, filter: &MailboxFilter, page: &PageRequest) -> Result<Page<Mailbox>> {
        self.call(|state, _| state.mailboxes.page(&filter.query(), page))
    }

    async fn stream(&self, filter: &MailboxFilter) -> Result<RecordStream<Mailbox>> {
        self.call(|state, _| Ok(stream::iter(state.mailboxes.records(&filter.query())).boxed()))
    }
}
