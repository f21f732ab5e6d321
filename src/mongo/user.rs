use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use mongodb::ClientSession;

use super::clerk::forget_clerk_user;
use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::of_id;
use crate::clock::whole_millis;
use crate::collection::Collection;
use crate::document::user::field;
use crate::document::user::{ClerkLink, PASSWORD, hash_replacement, password_change};
use crate::document::{Changes, Query, Record, with_texts};
use crate::error::{Error, Result};
use crate::model::{
    ClerkState, ClerkUser, ClerkUserId, EmailAddress, LoginAttempt, LoginId, LoginOutcome, LoginPassword,
    MailboxFilter, NewUser, Scope, User, UserFilter, UserId, UserPatch,
};
use crate::page::{Page, PageRequest};
use crate::repository::{ClerkDeletion, ClerkUpsert, RecordStream, UserRepository};
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
        const OPERATION: &str = "users.create";
        self.db.scope.require_all(OPERATION)?;
        let hash = self.passwords.hash_if_any(OPERATION, user.password.as_ref()).await?;
        let taken = user.spelled_elsewhere();
        let user = user.build(UserId::new(), self.db.now());
        let hash = hash.iter().map(|hash| (PASSWORD, hash.as_str()));
        let insert = async {
            self.db.users.refuse_taken(None, taken).await?;
            self.db.users.insert_document(None, with_texts(user.encode(), hash)).await
        };
        self.db.write(OPERATION, insert).await?;
        Ok(user)
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
        let find = self.db.users.find_spelled(None, Query::all(), field::login_id, login_id);
        self.db.run("users.verify_login", find).await
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
        let find = self.db.users.find_spelled(None, Query::all(), field::login_id, login_id);
        self.db.run("users.find", find).await
    }

    async fn find_by_email(&self, email: &EmailAddress) -> Result<Option<User>> {
        let find = self.db.users.find_spelled(None, Query::all(), field::email, email);
        self.db.run("users.find", find).await
    }

    async fn find_by_clerk_user_id(&self, id: &ClerkUserId) -> Result<Option<User>> {
        self.find(Query::all().is(field::clerk_user_id, id)).await
    }

    async fn update(&self, id: UserId, patch: UserPatch, expected_updated_at: DateTime<Utc>) -> Result<User> {
        let changes = patch.changes(self.db.now());
        let taken = patch.spelled_elsewhere(id);
        let change = self.db.users.change_version(id.as_object_id(), expected_updated_at, &changes, taken);
        self.db.write("users.update", change).await
    }

    async fn upsert_from_clerk(&self, user: ClerkUser) -> Result<ClerkUpsert> {
        self.db.scope.require_all("users.upsert_from_clerk")?;
        self.upsert_state(ClerkState::of(&user)).await
    }

    async fn delete_from_clerk(&self, id: &ClerkUserId, at: DateTime<Utc>) -> Result<ClerkDeletion> {
        self.db.scope.require_all("users.delete_from_clerk")?;
        self.delete_state(ClerkState::tombstone(id.clone(), whole_millis(at))).await
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
                    let missing = || ours(Error::not_found(Collection::Users, id));
                    let user = db.users.find_one(Some(&mut *session), &of_user(id)).await?;
                    let ClerkLink(clerk_user_id) = user.ok_or_else(missing)?;
                    let mailboxes = MailboxFilter::user(id).query();
                    if db.mailboxes.any(Some(&mut *session), &mailboxes).await? {
                        return Err(ours(Error::in_use(Collection::Users, id, Collection::Mailboxes)));
                    }
                    if !db.users.remove(Some(&mut *session), id.as_object_id()).await? {
                        return Err(missing());
                    }
                    match &clerk_user_id {
                        // What the user had from Clerk may now be another's.
                        Some(id) => forget_clerk_user(&db.in_scope(Scope::AllUsers), session, id).await,
                        None => Ok(()),
                    }
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
