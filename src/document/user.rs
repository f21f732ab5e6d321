use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::field;
use super::fields::{boolean, object_id, string, text, time};
use super::{Changes, Decode, Fields, Query, Record};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{ClerkUserId, EmailAddress, LoginId, User, UserFilter, UserId, UserPatch};
use crate::secret::StoredLogin;

impl Decode for User {
    const COLLECTION: Collection = Collection::Users;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        Ok(Self {
            id: fields.required(field::ID, object_id)?.into(),
            user_name: fields.required(field::USER_NAME, string)?,
            login_id: fields.required(field::LOGIN_ID, |value| text(value).map(LoginId::from_stored))?,
            clerk_user_id: fields
                .optional(field::CLERK_USER_ID, |value| text(value).map(ClerkUserId::from_stored))?,
            email: fields.optional(field::EMAIL, |value| text(value).map(EmailAddress::from_stored))?,
            created_at: fields.required(field::CREATED_AT, time)?,
            updated_at: fields.required(field::UPDATED_AT, time)?,
            is_active: fields.optional(field::IS_ACTIVE, boolean)?.unwrap_or(true),
            last_login: fields.optional(field::LAST_LOGIN, time)?,
        })
    }
}

impl Record for User {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(field::ID, self.id.as_object_id());
        document.append(field::USER_NAME, self.user_name.as_str());
        document.append(field::LOGIN_ID, self.login_id.as_str());
        if let Some(id) = &self.clerk_user_id {
            document.append(field::CLERK_USER_ID, id.as_str());
        }
        if let Some(email) = &self.email {
            document.append(field::EMAIL, email.as_str());
        }
        document.append(field::CREATED_AT, bson::DateTime::from(self.created_at));
        document.append(field::UPDATED_AT, bson::DateTime::from(self.updated_at));
        document.append(field::IS_ACTIVE, self.is_active);
        if let Some(time) = self.last_login {
            document.append(field::LAST_LOGIN, bson::DateTime::from(time));
        }
        document
    }
}

impl Decode for StoredLogin {
    const COLLECTION: Collection = Collection::Users;

    fn decode(document: &RawDocument) -> Result<Self> {
        // A hash that is no text is as good as none.
        let password = document.get_str(field::PASSWORD.as_str()).ok().map(str::to_owned);
        Ok(Self { user: User::decode(document)?, password })
    }
}

/// The change that a new password is.
pub(crate) fn password_change(hash: &str, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(field::PASSWORD, hash)
}

/// A user whose hash is still `old`, and the change to another hash of the same password.
pub(crate) fn hash_replacement(id: UserId, old: &str, new: &str) -> (Query, Changes) {
    let query = Query::all().is(field::ID, id.as_object_id()).is(field::PASSWORD, old);
    (query, Changes::unversioned().set(field::PASSWORD, new))
}

impl UserPatch {
    pub(crate) fn changes(&self, now: DateTime<Utc>) -> Changes {
        Changes::at(now)
            .set_if(field::USER_NAME, self.user_name.as_deref())
            .set_if(field::LOGIN_ID, self.login_id.as_ref().map(LoginId::as_str))
            .change(field::CLERK_USER_ID, &self.clerk_user_id, |id| id.as_str().into())
            .change(field::EMAIL, &self.email, |email| email.as_str().into())
    }
}

impl User {
    /// The change that a login is.
    pub(crate) fn login_change(now: DateTime<Utc>) -> Changes {
        Changes::at(now).set(field::LAST_LOGIN, bson::DateTime::from(now))
    }
}

impl UserFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all().and_is(field::IS_ACTIVE, self.is_active)
    }
}
