use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use bson::{Document, doc};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::keys::Keys;
use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::{Session, of_id};
use super::originals;
use super::user::require_user;
use crate::collection::Collection;
use crate::document::mailbox::field;
use crate::document::mailbox::{
    primary_change, primary_of, reencryption, secret_texts, secrets_change, spelled_elsewhere,
};
use crate::document::{Changes, ID, Query, Record, with_texts};
use crate::error::{Error, Result};
use crate::model::{
    CampaignFilter, Credentials, EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch,
    MailboxStatus, NewMailbox, User, UserId,
};
use crate::page::{Page, PageRequest};
use crate::repository::{MailboxRepository, MailboxSecretsRepository, RecordStream};
use crate::secret::{
    ReencryptPlan, ReencryptReport, Reencrypted, SealedCredentials, SealedField, SealedMailbox,
    SealedOriginal, SecretStorage, Vault, credentials, reencrypt, refresh_tokens, seal,
};

#[derive(Debug, Clone)]
pub(super) struct Mailboxes {
    pub(super) db: Arc<Connection>,
    pub(super) keys: Option<Keys>,
}

impl Mailboxes {
    fn vault(&self) -> Option<&Vault> {
        self.keys.as_ref().map(|keys| &keys.vault)
    }

    /// Makes sure that the database knows the key that seals these secrets, if there are any.
    async fn before_sealing(&self, credentials: &Credentials) -> Result<()> {
        if credentials.is_any() { self.note_key().await } else { Ok(()) }
    }

    async fn note_key(&self) -> Result<()> {
        match &self.keys {
            Some(keys) => keys.note_primary().await,
            None => Ok(()),
        }
    }

    async fn find(&self, query: Query) -> Result<Option<Mailbox>> {
        self.db.run("mailboxes.find", self.db.mailboxes.find_one(None, &query)).await
    }

    async fn change(&self, operation: &'static str, id: MailboxId, changes: Changes) -> Result<Mailbox> {
        self.db.write(operation, self.db.mailboxes.change(None, id.as_object_id(), &changes)).await
    }
}

fn of_mailbox(id: MailboxId) -> Query {
    of_id(id.as_object_id())
}

/// The mailbox, which must exist.
pub(super) async fn require_mailbox(
    db: &Connection,
    session: Session<'_>,
    id: MailboxId,
) -> DriverResult<Mailbox> {
    let mailbox = db.mailboxes.find_one(session, &of_mailbox(id)).await?;
    mailbox.ok_or_else(|| ours(Error::not_found(Collection::Mailboxes, id)))
}

impl Mailboxes {
    async fn set_primary(
        &self,
        session: &mut ClientSession,
        id: MailboxId,
        is_primary: bool,
        now: DateTime<Utc>,
    ) -> DriverResult<Mailbox> {
        self.db.mailboxes.change(Some(session), id.as_object_id(), &primary_change(is_primary, now)).await
    }

    async fn primary_mailbox(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
    ) -> DriverResult<Option<Mailbox>> {
        self.db.mailboxes.find_one(Some(session), &primary_of(user_id)).await
    }

    /// Mailboxes of the same user that have the new address in another spelling.
    async fn spelled_elsewhere(
        &self,
        id: MailboxId,
        patch: &MailboxPatch,
    ) -> DriverResult<Option<(Query, &'static str)>> {
        let Some(email) = patch.email.as_ref().filter(|email| !email.other_spellings().is_empty()) else {
            return Ok(None);
        };
        let mailbox: Option<Mailbox> = self.db.mailboxes.find_one(None, &of_mailbox(id)).await?;
        Ok(mailbox.and_then(|mailbox| spelled_elsewhere(mailbox.user_id, email, Some(id))))
    }

    async fn link_in(&self, session: &mut ClientSession, mailbox: NewMailbox) -> DriverResult<Mailbox> {
        let user_id = mailbox.user_id;
        require_user(&self.db, session, user_id).await?;
        self.db.users.lock(session, user_id.as_object_id()).await?;
        let taken = spelled_elsewhere(user_id, &mailbox.email, None);
        self.db.mailboxes.refuse_taken(Some(&mut *session), taken).await?;
        let is_first = self.primary_mailbox(session, user_id).await?.is_none();
        let takes_over = mailbox.primary && !is_first;
        let id = MailboxId::new();
        let sealed = seal(&mailbox.credentials, self.vault(), id, user_id).map_err(ours)?;
        let mailbox = mailbox.build(id, is_first, self.db.now());
        let document = with_texts(mailbox.encode(), secret_texts(&sealed));
        self.db.mailboxes.insert_document(Some(&mut *session), document).await?;
        if takes_over { self.switch_primary(session, mailbox.id).await } else { Ok(mailbox) }
    }

    async fn switch_primary(&self, session: &mut ClientSession, id: MailboxId) -> DriverResult<Mailbox> {
        let now = self.db.now();
        let mailbox = require_mailbox(&self.db, Some(&mut *session), id).await?;
        match self.primary_mailbox(session, mailbox.user_id).await? {
            Some(primary) if primary.id == id => return Ok(mailbox),
            Some(primary) => self.set_primary(session, primary.id, false, now).await?,
            None => mailbox,
        };
        self.set_primary(session, id, true, now).await
    }

    async fn unlink_in(&self, session: &mut ClientSession, id: MailboxId) -> DriverResult<()> {
        let mailbox = require_mailbox(&self.db, Some(&mut *session), id).await?;
        self.db.users.lock(session, mailbox.user_id.as_object_id()).await?;
        if self.db.campaigns.any(Some(&mut *session), &CampaignFilter::needing(id)).await? {
            return Err(ours(Error::in_use(Collection::Mailboxes, id, Collection::Campaigns)));
        }
        if !self.db.mailboxes.remove(Some(&mut *session), id.as_object_id()).await? {
            return Err(ours(Error::not_found(Collection::Mailboxes, id)));
        }
        if mailbox.is_primary {
            self.promote_heir(session, mailbox.user_id).await?;
        }
        Ok(())
    }

    /// Replaces secrets if they are still the old ones. The transaction excludes concurrent changes, so
    /// secrets are compared first and then updated by id alone, which is twice as fast on the server.
    async fn replace_in(
        &self,
        session: &mut ClientSession,
        reencrypted: &[Reencrypted],
    ) -> DriverResult<HashSet<MailboxId>> {
        let ids = Query::all().one_of(ID, reencrypted.iter().map(|new| &new.mailbox));
        let stored = self.db.mailboxes.find_all(Some(&mut *session), &ids, reencrypted.len()).await?;
        let stored: HashMap<_, SealedCredentials> =
            stored.into_iter().map(|sealed: SealedCredentials| (sealed.mailbox, sealed)).collect();
        let is_unchanged =
            |new: &&Reencrypted| stored.get(&new.mailbox).is_some_and(|stored| new.is_of(stored));
        let unchanged: Vec<_> = reencrypted.iter().filter(is_unchanged).collect();
        let update = |new: &&Reencrypted| (of_mailbox(new.mailbox), reencryption(new).to_plain_update());
        self.db.mailboxes.update_each(Some(session), unchanged.iter().map(update)).await?;
        Ok(unchanged.iter().map(|new| new.mailbox).collect())
    }

    /// Makes the oldest remaining mailbox of a user primary.
    async fn promote_heir(&self, session: &mut ClientSession, user_id: UserId) -> DriverResult<()> {
        let all = MailboxFilter::user(user_id).query();
        let oldest = doc! { "_id": 1 };
        let heir = self.db.mailboxes.find_first::<Mailbox>(Some(&mut *session), &all, oldest).await?;
        if let Some(heir) = heir {
            self.set_primary(session, heir.id, true, self.db.now()).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SecretStorage for Mailboxes {
    async fn sealed(&self, id: MailboxId) -> Result<Option<SealedCredentials>> {
        self.db.run("mailboxes.credentials", self.db.mailboxes.find_one(None, &of_mailbox(id))).await
    }

    async fn sealed_after(&self, after: Option<MailboxId>, limit: usize) -> Result<Vec<SealedMailbox>> {
        let rows = self.db.mailboxes.after(after.map(MailboxId::as_object_id), limit);
        self.db.run("mailboxes.reencrypt", rows).await
    }

    async fn change_version(
        &self,
        id: MailboxId,
        version: DateTime<Utc>,
        sealed: &[SealedField],
    ) -> Result<Mailbox> {
        let changes = secrets_change(sealed, self.db.now());
        let change = self.db.mailboxes.change_version(id.as_object_id(), version, &changes, None);
        self.db.write("mailboxes.refresh_tokens", change).await
    }

    async fn replace(&self, reencrypted: Vec<Reencrypted>) -> Result<HashSet<MailboxId>> {
        self.note_key().await?;
        self.db
            .transact("mailboxes.reencrypt", (self, reencrypted), |session, (this, reencrypted)| {
                this.replace_in(session, reencrypted).boxed()
            })
            .await
    }

    async fn originals_after(&self, after: Option<&Document>) -> Result<Vec<SealedOriginal>> {
        if !self.db.scope.is_all() {
            // Whose they are is known only once they are opened.
            return Ok(Vec::new());
        }
        originals::after(&self.db, after).await
    }

    async fn replace_original(&self, original: SealedOriginal, new: Vec<u8>) -> Result<bool> {
        self.note_key().await?;
        originals::replace(&self.db, original, new).await
    }
}

#[async_trait]
impl MailboxRepository for Mailboxes {
    async fn link(&self, mailbox: NewMailbox) -> Result<Mailbox> {
        let link = async {
            self.before_sealing(&mailbox.credentials).await?;
            self.db
                .transact("mailboxes.link", (self, mailbox), |session, (this, mailbox)| {
                    this.link_in(session, mailbox.clone()).boxed()
                })
                .await
        };
        self.db.within(self.db.deadline(), link).await
    }

    async fn get(&self, id: MailboxId) -> Result<Option<Mailbox>> {
        self.find(of_mailbox(id)).await
    }

    async fn find_by_user_and_email(&self, user_id: UserId, email: &EmailAddress) -> Result<Option<Mailbox>> {
        let query = MailboxFilter::user(user_id).query();
        let find = self.db.mailboxes.find_spelled(None, query, field::email, email);
        self.db.run("mailboxes.find", find).await
    }

    async fn primary(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        self.find(primary_of(user_id)).await
    }

    async fn least_recently_used(&self, user_id: UserId) -> Result<Option<Mailbox>> {
        let query = MailboxFilter::sendable(user_id).query();
        let order = doc! { field::last_used.as_str(): 1, "_id": 1 };
        let find = async {
            let user: Option<User> = self.db.users.find_one(None, &of_id(user_id.as_object_id())).await?;
            user.map_or(Ok(()), |user| user.require_active()).map_err(ours)?;
            self.db.mailboxes.find_first(None, &query, order).await
        };
        self.db.run("mailboxes.least_recently_used", find).await
    }

    async fn update(
        &self,
        id: MailboxId,
        patch: MailboxPatch,
        expected_updated_at: DateTime<Utc>,
    ) -> Result<Mailbox> {
        let changes = patch.changes(self.db.now());
        let change = async {
            let taken = self.spelled_elsewhere(id, &patch).await?;
            self.db.mailboxes.change_version(id.as_object_id(), expected_updated_at, &changes, taken).await
        };
        self.db.write("mailboxes.update", change).await
    }

    async fn set_primary(&self, id: MailboxId) -> Result<Mailbox> {
        self.db
            .transact("mailboxes.set_primary", self, move |session, this| {
                this.switch_primary(session, id).boxed()
            })
            .await
    }

    async fn set_status(&self, id: MailboxId, status: MailboxStatus) -> Result<Mailbox> {
        let changes = Changes::at(self.db.now()).set(field::status, &status);
        self.change("mailboxes.set_status", id, changes).await
    }

    async fn touch(&self, id: MailboxId) -> Result<Mailbox> {
        self.change("mailboxes.touch", id, Mailbox::use_change(self.db.now())).await
    }

    async fn unlink(&self, id: MailboxId) -> Result<()> {
        self.db
            .transact("mailboxes.unlink", self, move |session, this| this.unlink_in(session, id).boxed())
            .await
    }

    async fn list(&self, filter: &MailboxFilter, page: &PageRequest) -> Result<Page<Mailbox>> {
        self.db.run("mailboxes.list", self.db.mailboxes.page(&filter.query(), page)).await
    }

    async fn stream(&self, filter: &MailboxFilter) -> Result<RecordStream<Mailbox>> {
        self.db.stream(&self.db.mailboxes, &filter.query()).await
    }
}

#[async_trait]
impl MailboxSecretsRepository for Mailboxes {
    async fn credentials(&self, id: MailboxId) -> Result<Option<Credentials>> {
        let opened = credentials(self, self.vault(), &*self.db.clock, id);
        self.db.within(self.db.deadline(), opened).await
    }

    async fn replace_credentials(&self, id: MailboxId, new: Credentials) -> Result<Mailbox> {
        const OPERATION: &str = "mailboxes.replace_credentials";
        self.db
            .within(self.db.deadline(), async {
                self.before_sealing(&new).await?;
                let owner = self.db.run(OPERATION, require_mailbox(&self.db, None, id)).await?.user_id;
                let sealed = seal(&new, self.vault(), id, owner)?;
                self.change(OPERATION, id, secrets_change(&sealed, self.db.now())).await
            })
            .await
    }

    async fn refresh_tokens(&self, id: MailboxId, used: &Credentials, new: Credentials) -> Result<Mailbox> {
        let refreshed = async {
            self.before_sealing(&new).await?;
            refresh_tokens(self, self.vault(), &*self.db.clock, id, used, &new).await
        };
        self.db.within(self.db.deadline(), refreshed).await
    }

    async fn reencrypt(&self, plan: ReencryptPlan) -> Result<RecordStream<ReencryptReport>> {
        Ok(reencrypt(self.clone(), self.vault().cloned(), self.db.clock.clone(), plan))
    }
}
