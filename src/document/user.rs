use bson::raw::{RawDocument, RawDocumentBuf, cstr};
use chrono::{DateTime, Utc};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Decode, Field, Fields, ID, Part, Query, Record, Texts, part};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{User, UserFilter, UserId, UserPatch};
use crate::secret::StoredLogin;

part! {
    User {
        id: "_id" required;
        user_name: "user_name" required;
        login_id: "login_id" required;
        clerk_user_id: "clerk_user_id" optional;
        email: "email" optional;
        created_at: "created_at" required;
        updated_at: "updated_at" required;
        is_active: "is_active" default(true);
        last_login: "last_login" optional;
    }
}

/// The hash of the password, stored beside the record.
pub(crate) const PASSWORD: Field = cstr!("password");

#[cfg(feature = "mongo")]
pub(crate) fn shape() -> Shape {
    User::shape(Shape::new()).beside::<String>(PASSWORD)
}

impl Decode for User {
    const COLLECTION: Collection = Collection::Users;

    fn decode(document: &RawDocument) -> Result<Self> {
        Self::read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

impl Record for User {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        self.append(&mut document);
        document
    }
}

impl Decode for StoredLogin {
    const COLLECTION: Collection = Collection::Users;

    fn decode(document: &RawDocument) -> Result<Self> {
        // Only a state that is left out is the default. No other value is taken for one.
        let is_active = match document.get(field::is_active.as_str()) {
            Ok(None) => true,
            Ok(Some(value)) => value.as_bool().unwrap_or(false),
            Err(_) => false,
        };
        // A hash that is not a text counts as none.
        let password = document.get_str(PASSWORD.as_str()).ok().map(str::to_owned);
        Ok(Self { is_active, password, user: User::decode(document) })
    }
}

/// The change that sets a new password.
pub(crate) fn password_change(hash: &str, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(PASSWORD, &hash.to_owned())
}

/// A user whose hash is still `old`, and the change to another hash of the same password.
pub(crate) fn hash_replacement(id: UserId, old: &str, new: &str) -> (Query, Changes) {
    let query = Query::all().is(ID, &id).is(PASSWORD, &old.to_owned());
    (query, Changes::unversioned().set(PASSWORD, &new.to_owned()))
}

impl UserPatch {
    pub(crate) fn changes(&self, now: DateTime<Utc>) -> Changes {
        Changes::at(now)
            .set_if(field::user_name, self.user_name.as_ref())
            .set_if(field::login_id, self.login_id.as_ref())
            .change(field::clerk_user_id, &self.clerk_user_id)
            .change(field::email, &self.email)
    }
}

impl User {
    /// The change that records a login.
    pub(crate) fn login_change(now: DateTime<Utc>) -> Changes {
        Changes::at(now).set(field::last_login, &now)
    }
}

impl UserFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all().and_is(field::is_active, self.is_active.as_ref())
    }
}
