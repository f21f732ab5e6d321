use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use super::MemoryStore;
use super::state::State;
use crate::clock::whole_millis;
use crate::collection::Collection;
use crate::document::user::field;
use crate::document::user::{PASSWORD, hash_replacement, password_change};
use crate::document::{Changes, Query, Record, with_texts};
use crate::error::{Error, Result};
use crate::model::{
    ClerkState, ClerkUser, ClerkUserId, EmailAddress, LoginAttempt, LoginId, LoginOutcome, LoginPassword,
    MailboxFilter, NewUser, User, UserFilter, UserId, UserPatch,
};
use crate::page::{Page, PageRequest};
use crate::repository::{ClerkDeletion, ClerkUpsert, RecordStream, UserRepository};
use crate::secret::{Logins, StoredLogin, verify};

#[derive(Debug)]
pub(super) struct Users(pub(super) MemoryStore);

impl Users {
    fn call<T>(&self, call: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T>) -> Result<T> {
        self.0.call(Collection::Users, call)
    }

    fn find(&self, query: &Query) -> Result<Option<User>> {
        self.call(|state, _| Ok(state.users.find_one(query)?.map(|(_, user)| user)))
    }
}

impl State {
    pub(super) fn require_user(&self, id: UserId) -> Result<User> {
        self.users.get(id.as_object_id())?.ok_or_else(|| Error::not_found(Collection::Users, id))
    }
}

#[async_trait]
impl Logins for Users {
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>> {
        self.call(|state, _| state.users.find_spelled(Query::all(), field::login_id, login_id))
    }

    async fn replace_hash(&self, user: UserId, old: &str, new: &str) -> Result<()> {
        let (query, changes) = hash_replacement(user, old, new);
        self.call(|state, _| state.users.change_found::<User>(&query, &changes).map(|_| ()))
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn create(&self, user: NewUser) -> Result<User> {
        const OPERATION: &str = "users.create";
        self.0.scope().require_all(OPERATION)?;
        let hash = self.0.passwords.hash_if_any(OPERATION, user.password.as_ref()).await?;
        self.call(|state, now| {
            state.users.refuse_taken(&user.spelled_elsewhere())?;
            let user = user.build(UserId::new(), now);
            let hash = hash.iter().map(|hash| (PASSWORD, hash.as_str()));
            state.users.insert_document(with_texts(user.encode(), hash))?;
            Ok(user)
        })
    }

    async fn get(&self, id: UserId) -> Result<Option<User>> {
        self.call(|state, _| state.users.get(id.as_object_id()))
    }

    async fn find_by_login_id(&self, login_id: &LoginId) -> Result<Option<User>> {
        self.call(|state, _| state.users.find_spelled(Query::all(), field::login_id, login_id))
    }

    async fn find_by_email(&self, email: &EmailAddress) -> Result<Option<User>> {
        self.call(|state, _| state.users.find_spelled(Query::all(), field::email, email))
    }

    async fn find_by_clerk_user_id(&self, id: &ClerkUserId) -> Result<Option<User>> {
        self.find(&Query::all().is(field::clerk_user_id, id))
    }

    async fn update(&self, id: UserId, patch: UserPatch, expected_updated_at: DateTime<Utc>) -> Result<User> {
        self.call(|state, now| {
            let (changes, taken) = (patch.changes(now), patch.spelled_elsewhere(id));
            state.users.change_version(id.as_object_id(), expected_updated_at, &changes, &taken)
        })
    }

    async fn upsert_from_clerk(&self, user: ClerkUser) -> Result<ClerkUpsert> {
        self.0.scope().require_all("users.upsert_from_clerk")?;
        self.call(|state, now| state.upsert_from_clerk(ClerkState::of(&user), now))
    }

    async fn delete_from_clerk(&self, id: &ClerkUserId, at: DateTime<Utc>) -> Result<ClerkDeletion> {
        self.0.scope().require_all("users.delete_from_clerk")?;
        let tombstone = ClerkState::tombstone(id.clone(), whole_millis(at));
        self.call(|state, now| state.delete_from_clerk(tombstone, now))
    }

    async fn set_password(&self, id: UserId, password: LoginPassword) -> Result<User> {
        let hash = self.0.passwords.hash("users.set_password", &password).await?;
        self.call(|state, now| state.users.change(id.as_object_id(), &password_change(&hash, now)))
    }

    async fn verify_login(&self, attempt: LoginAttempt) -> Result<LoginOutcome> {
        verify(self, &self.0.passwords, &attempt).await
    }

    async fn record_login(&self, id: UserId) -> Result<User> {
        self.call(|state, now| state.users.change(id.as_object_id(), &User::login_change(now)))
    }

    async fn set_active(&self, id: UserId, is_active: bool) -> Result<User> {
        self.call(|state, now| {
            state.users.change(id.as_object_id(), &Changes::at(now).set(field::is_active, &is_active))
        })
    }

    async fn delete(&self, id: UserId) -> Result<()> {
        self.call(|state, now| {
            let user = state.require_user(id)?;
            if state.mailboxes.any(&MailboxFilter::user(id).query()) {
                return Err(Error::in_use(Collection::Users, id, Collection::Mailboxes));
            }
            state.users.remove(id.as_object_id());
            let Some(id) = user.clerk_user_id else { return Ok(()) };
            // What the user had from Clerk may now be another's.
            state.over_all_users(|state| state.forget_clerk_user(&id, now))
        })
    }

    async fn list(&self, filter: &UserFilter, page: &PageRequest) -> Result<Page<User>> {
        self.call(|state, _| state.users.page(&filter.query(), page))
    }

    async fn stream(&self, filter: &UserFilter) -> Result<RecordStream<User>> {
        self.call(|state, _| Ok(stream::iter(state.users.records(&filter.query())).boxed()))
    }
}
