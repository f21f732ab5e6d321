use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::collection::Collection;
use crate::document::mailbox::field;
use crate::document::mailbox::{
    primary_change, primary_of, reencryption, secret_texts, secrets_change, spelled_elsewhere,
};
use crate::document::{Changes, Record, with_texts};
use crate::error::{Error, Result};
use crate::model::{
    CampaignFilter, Credentials, EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch,
    MailboxStatus, NewMailbox, User, UserId,
};
use crate::page::{Page, PageRequest};
use crate::repository::{MailboxRepository, MailboxSecretsRepository, RecordStream};
use crate::secret::{
    ReencryptPlan, ReencryptReport, Reencrypted, SealedCredentials, SealedField, SealedMailbox,
    SecretStorage, credentials, reencrypt, refresh_tokens, seal,
};

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
impl SecretStorage for Mailboxes {
    async fn sealed(&self, id: MailboxId) -> Result<Option<SealedCredentials>> {
        self.call(|state, _| state.mailboxes.get(id.as_object_id()))
    }

    async fn sealed_after(&self, after: Option<MailboxId>, limit: usize) -> Result<Vec<SealedMailbox>> {
        self.call(|state, _| Ok(state.mailboxes.after(after.map(MailboxId::as_object_id), limit)))
    }

    async fn change_version(
        &self,
        id: MailboxId,
        version: DateTime<Utc>,
        sealed: &[SealedField],
    ) -> Result<Mailbox> {
        self.call(|state, now| {
            state.mailboxes.change_version(id.as_object_id(), version, &secrets_change(sealed, now), &[])
        })
    }

    async fn replace(&self, reencrypted: Vec<Reencrypted>) -> Result<HashSet<MailboxId>> {
        self.call(|state, _| {
            let mut replaced = HashSet::new();
            for new in &reencrypted {
                let id = new.mailbox.as_object_id();
                if state.mailboxes.get(id)?.is_some_and(|stored| new.is_of(&stored)) {
                    state.mailboxes.change::<Mailbox>(id, &reencryption(new))?;
                    replaced.insert(new.mailbox);
                }
            }
            Ok(replaced)
        })
    }
}

#[async_trait]
impl MailboxRepository for Mailboxes {
    async fn link(&self, mailbox: NewMailbox) -> Result<Mailbox> {
        self.call(|state, now| {
            state.require_user(mailbox.user_id)?;
            let taken = spelled_elsewhere(mailbox.user_id, &mailbox.email, None);
            state.mailboxes.refuse_taken(taken.as_slice())?;
            let primary = state.primary_mailbox(mailbox.user_id)?;
            let takes_over = mailbox.primary;
            let id = MailboxId::new();
            let sealed = seal(&mailbox.credentials, self.0.vault.as_ref(), id, mailbox.user_id)?;
            let mailbox = mailbox.build(id, primary.is_none(), now);
            state.mailboxes.insert_document(with_texts(mailbox.encode(), secret_texts(&sealed)))?;
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
        let query = MailboxFilter::user(user_id).query();
        self.call(|state, _| state.mailboxes.find_spelled(query, field::email, email))
    }

    async fn primary(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        self.call(|state, _| state.primary_mailbox(user_id))
    }

    async fn least_recently_used(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        let query = MailboxFilter::sendable(user_id).query();
        self.call(|state, _| {
            if let Some(user) = state.users.get::<User>(user_id.as_object_id())? {
                user.require_active()?;
            }
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
            let owner = state.mailboxes.get::<Mailbox>(id.as_object_id())?.map(|mailbox| mailbox.user_id);
            let taken = owner.zip(patch.email.as_ref());
            let taken = taken.and_then(|(owner, email)| spelled_elsewhere(owner, email, Some(id)));
            let (changes, taken) = (patch.changes(now), Vec::from_iter(taken));
            state.mailboxes.change_version(id.as_object_id(), expected_updated_at, &changes, &taken)
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
            state.mailboxes.change(id.as_object_id(), &Changes::at(now).set(field::status, &status))
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

#[async_trait]
impl MailboxSecretsRepository for Mailboxes {
    async fn credentials(&self, id: MailboxId) -> Result<Option<Credentials>> {
        credentials(self, self.0.vault.as_ref(), &*self.0.clock, id).await
    }

    async fn replace_credentials(&self, id: MailboxId, new: Credentials) -> Result<Mailbox> {
        self.call(|state, now| {
            let owner = state.require_mailbox(id)?.user_id;
            let sealed = seal(&new, self.0.vault.as_ref(), id, owner)?;
            state.mailboxes.change(id.as_object_id(), &secrets_change(&sealed, now))
        })
    }

    async fn refresh_tokens(&self, id: MailboxId, used: &Credentials, new: Credentials) -> Result<Mailbox> {
        refresh_tokens(self, self.0.vault.as_ref(), &*self.0.clock, id, used, &new).await
    }

    async fn reencrypt(&self, plan: ReencryptPlan) -> Result<RecordStream<ReencryptReport>> {
        Ok(reencrypt(Self(self.0.clone()), self.0.vault.clone(), self.0.clock.clone(), plan))
    }
}
