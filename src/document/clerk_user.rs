use bson::raw::{RawDocument, RawDocumentBuf};

use super::{Changes, Decode, Fields, ID, Part, Query, Record, Texts, part, user};
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::{Claim, ClerkState, ClerkUserId, new_object_id};
use crate::schema::index::{USERS_EMAIL, USERS_LOGIN_ID};

part! {
    ClerkState {
        clerk_user_id: "clerk_user_id" required;
        at: "at" required;
        is_deleted: "is_deleted" default(false);
        user_name: "user_name" optional;
        login_id: "login_id" optional;
        email: "email" optional;
    }
}

impl Decode for ClerkState {
    const COLLECTION: Collection = Collection::ClerkUsers;

    fn decode(document: &RawDocument) -> Result<Self> {
        Self::read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

impl Record for ClerkState {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(ID, new_object_id());
        self.append(&mut document);
        document
    }
}

impl ClerkState {
    /// The change to this state.
    pub(crate) fn changes(&self) -> Changes {
        let optional = [field::user_name, field::login_id, field::email];
        let absent = [self.user_name.is_none(), self.login_id.is_none(), self.email.is_none()];
        let absent = optional.into_iter().zip(absent).filter(|(_, is_absent)| *is_absent);
        absent.fold(self.set_all(Changes::unversioned()), |changes, (field, _)| changes.unset(field))
    }
}

/// The state of a user of Clerk.
pub(crate) fn of_clerk_user(id: &ClerkUserId) -> Query {
    Query::all().is(field::clerk_user_id, id)
}

/// The states of these users.
pub(crate) fn of_clerk_users<'a>(ids: impl IntoIterator<Item = &'a ClerkUserId>) -> Query {
    Query::all().one_of(field::clerk_user_id, ids)
}

/// The users with these identities at Clerk.
pub(crate) fn users_of<'a>(ids: impl IntoIterator<Item = &'a ClerkUserId>) -> Query {
    Query::all().one_of(user::field::clerk_user_id, ids)
}

/// The states that claim something.
pub(crate) fn claiming(claim: &Claim) -> Query {
    match claim {
        Claim::LoginId(text) => Query::all().is(field::login_id, text),
        Claim::Email(text) => Query::all().is(field::email, text),
    }
}

/// The error of an event that claims what somebody has who did not get it from Clerk.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn taken(claim: Claim) -> Error {
    let index = match claim {
        Claim::LoginId(_) => USERS_LOGIN_ID,
        Claim::Email(_) => USERS_EMAIL,
    };
    Error::unique(Collection::Users, index)
}

/// The users who have something.
pub(crate) fn having(claim: &Claim) -> Query {
    match claim {
        Claim::LoginId(text) => Query::all().spelled(user::field::login_id, text),
        Claim::Email(text) => Query::all().spelled(user::field::email, text),
    }
}
