use std::sync::Arc;

use async_trait::async_trait;
use bson::Document;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::link::connection::Connection;
use super::link::error::{DriverResult, is_duplicate, ours};
use super::link::table::of_id;
use crate::collection::Collection;
use crate::document::user::field;
use crate::document::user::{PASSWORD, hash_replacement, password_change};
use crate::document::{Changes, Decode, Query, Record, with_texts};
use crate::error::{Error, Result};
use crate::model::{
    ClerkUser, ClerkUserId, EmailAddress, LoginAttempt, LoginId, LoginOutcome, LoginPassword, MailboxFilter,
    NewUser, User, UserFilter, UserId, UserPatch,
};
use crate::page::{Page, PageRequest};
use crate::repository::{ClerkUpsert, RecordStream, UserRepository};
use crate::secret::{Logins, Passwords, StoredLogin, verify};

#[derive(Debug)]
pub(super) struct Users {
    pub(super) db: Arc<Connection>,
    pub(super) passwords: Passwords,
}

impl Users {
    async fn find(&self, query: Query) -> Result<Option<User>> {
        self.db.run("users.find", self.db.users.find_one(None, &query)).await
    }

    async fn change(&self, operation: &'static str, id: UserId, changes: Changes) -> Result<User> {
        self.db.write(operation, self.db.users.change(None, id.as_object_id(), &changes)).await
    }

    async fn hash_and_create(&self, user: NewUser) -> Result<User> {
        let hash = self.passwords.hash_if_any("users.create", user.password.as_ref()).await?;
        let user = user.build(UserId::new(), self.db.now());
        let hash = hash.iter().map(|hash| (PASSWORD, hash.as_str()));
        let insert = self.db.users.insert_document(None, with_texts(user.encode(), hash));
        self.db.write("users.create", insert).await?;
        Ok(user)
    }

    async fn upsert(&self, user: &ClerkUser) -> DriverResult<ClerkUpsert> {
        let now = self.db.now();
        let new = user.as_new().build(UserId::new(), now);
        let document: Document = new.encode().try_into()?;
        let query = Query::all().is(field::clerk_user_id, &user.clerk_user_id);
        let pipeline = user.as_patch().changes(now).to_upsert_pipeline(&document);
        let row = self.db.users.find_and_update(query.to_filter(), pipeline).upsert(true).await?;
        let missing = || ours(Error::not_found(Collection::Users, new.id));
        let stored = User::decode(&row.ok_or_else(missing)?).map_err(ours)?;
        Ok(if stored.id == new.id { ClerkUpsert::Created(stored) } else { ClerkUpsert::Updated(stored) })
    }
}

fn of_user(id: UserId) -> Query {
    of_id(id.as_object_id())
}

/// Ensures that the user exists.
pub(super) async fn require_user(
    db: &Connection,
    session: &mut ClientSession,
    id: UserId,
) -> DriverResult<()> {
    if db.users.any(Some(session), &of_user(id)).await? {
        return Ok(());
    }
    Err(ours(Error::not_found(Collection::Users, id)))
}

#[async_trait]
impl Logins for Users {
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>> {
        let query = Query::all().is(field::login_id, login_id);
        self.db.run("users.verify_login", self.db.users.find_one(None, &query)).await
    }

    async fn replace_hash(&self, user: UserId, old: &str, new: &str) -> Result<()> {
        let (query, changes) = hash_replacement(user, old, new);
        let replace = self.db.users.update_each(None, [(query, changes.to_plain_update())]);
        self.db.write("users.verify_login", replace).await?;
        Ok(())
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn create(&self, user: NewUser) -> Result<User> {
        self.db.within(self.db.deadline(), self.hash_and_create(user)).await
    }

    async fn get(&self, id: UserId) -> Result<Option<User>> {
        self.find(of_user(id)).await
    }

    async fn find_by_login_id(&self, login_id: &LoginId) -> Result<Option<User>> {
        self.find(Query::all().is(field::login_id, login_id)).await
    }

    async fn find_by_email(&self, email: &EmailAddress) -> Result<Option<User>> {
        self.find(Query::all().is(field::email, email)).await
    }

    async fn find_by_clerk_user_id(&self, id: &ClerkUserId) -> Result<Option<User>> {
        self.find(Query::all().is(field::clerk_user_id, id)).await
    }

    async fn update(&self, id: UserId, patch: UserPatch, expected_updated_at: DateTime<Utc>) -> Result<User> {
        let changes = patch.changes(self.db.now());
        let change = self.db.users.change_version(id.as_object_id(), expected_updated_at, &changes);
        self.db.write("users.update", change).await
    }

    async fn upsert_from_clerk(&self, user: ClerkUser) -> Result<ClerkUpsert> {
        self.db
            .write("users.upsert_from_clerk", async {
                match self.upsert(&user).await {
                    // Another caller may have created this user at the same moment; then it can be updated
                    // now. The server may name any of the indexes that both users would be in.
                    Err(error) if is_duplicate(&error) => self.upsert(&user).await,
                    done => done,
                }
            })
            .await
    }

    async fn set_password(&self, id: UserId, password: LoginPassword) -> Result<User> {
        self.db
            .within(self.db.deadline(), async {
                let hash = self.passwords.hash("users.set_password", &password).await?;
                self.change("users.set_password", id, password_change(&hash, self.db.now())).await
            })
            .await
    }

    async fn verify_login(&self, attempt: LoginAttempt) -> Result<LoginOutcome> {
        self.db.within(self.db.deadline(), verify(self, &self.passwords, &attempt)).await
    }

    async fn record_login(&self, id: UserId) -> Result<User> {
        self.change("users.record_login", id, User::login_change(self.db.now())).await
    }

    async fn set_active(&self, id: UserId, is_active: bool) -> Result<User> {
        let changes = Changes::at(self.db.now()).set(field::is_active, &is_active);
        self.change("users.set_active", id, changes).await
    }

    async fn delete(&self, id: UserId) -> Result<()> {
        self.db
            .transact("users.delete", &self.db, move |session, db| {
                async move {
                    require_user(db, session, id).await?;
                    let mailboxes = MailboxFilter::user(id).query();
                    if db.mailboxes.any(Some(&mut *session), &mailboxes).await? {
                        return Err(ours(Error::in_use(Collection::Users, id, Collection::Mailboxes)));
                    }
                    if db.users.remove(Some(session), id.as_object_id()).await? {
                        return Ok(());
                    }
                    Err(ours(Error::not_found(Collection::Users, id)))
                }
                .boxed()
            })
            .await
    }

    async fn list(&self, filter: &UserFilter, page: &PageRequest) -> Result<Page<User>> {
        self.db.run("users.list", self.db.users.page(&filter.query(), page)).await
    }

    async fn stream(&self, filter: &UserFilter) -> Result<RecordStream<User>> {
        self.db.stream(&self.db.users, &filter.query()).await
    }
}
