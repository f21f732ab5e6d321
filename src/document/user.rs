#[cfg(feature = "mongo")]
use bson::raw::RawBsonRef;
use bson::raw::{RawDocument, RawDocumentBuf, cstr};
use chrono::{DateTime, Utc};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Decode, Field, Fields, ID, Part, Query, Record, Texts, part};
use crate::collection::Collection;
use crate::error::Result;
#[cfg(feature = "mongo")]
use crate::model::ClerkUserId;
use crate::model::{Change, EmailAddress, LoginId, NewUser, User, UserFilter, UserId, UserPatch};
use crate::schema::index::{USERS_EMAIL, USERS_LOGIN_ID};
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

/// The login id and the address of a user that are not in the stored form, whatever else the document holds.
#[cfg(feature = "mongo")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Respelled {
    pub(crate) texts: Vec<Respelling>,
    /// How many have no stored form, or cannot be rewritten because the document has no readable version.
    pub(crate) unusable: u64,
}

/// A text of a user, and its stored form.
#[cfg(feature = "mongo")]
#[derive(Clone, PartialEq)]
pub(crate) struct Respelling {
    pub(crate) field: Field,
    pub(crate) old: String,
    pub(crate) new: String,
}

#[cfg(feature = "mongo")]
impl std::fmt::Debug for Respelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Respelling").field("field", &self.field).finish_non_exhaustive()
    }
}

#[cfg(feature = "mongo")]
impl Decode for Respelled {
    const COLLECTION: Collection = Collection::Users;

    fn fields() -> Vec<&'static str> {
        [field::id, field::login_id, field::email, field::updated_at].map(bson::raw::CStr::as_str).to_vec()
    }

    fn decode(document: &RawDocument) -> Result<Self> {
        let has_version = document.get_datetime(field::updated_at.as_str()).is_ok();
        let (mut texts, mut unusable) = (Vec::new(), 0);
        for field in [field::login_id, field::email] {
            let stored_form = |text| {
                if field == field::login_id {
                    LoginId::new(text).map(|new| new.as_str().to_owned())
                } else {
                    EmailAddress::new(text).map(|new| new.as_str().to_owned())
                }
            };
            match document.get(field.as_str()) {
                Ok(None | Some(RawBsonRef::Null)) if field == field::email => {}
                Ok(Some(RawBsonRef::String(old))) => match stored_form(old) {
                    Ok(new) if new == old => {}
                    Ok(new) if has_version => texts.push(Respelling { field, old: old.to_owned(), new }),
                    _ => unusable += 1,
                },
                _ => unusable += 1,
            }
        }
        Ok(Self { texts, unusable })
    }
}

/// The change of a text to its stored form, if the user still has it as it was read.
#[cfg(feature = "mongo")]
pub(crate) fn respelling_change(id: UserId, text: &Respelling, now: DateTime<Utc>) -> (Query, Changes) {
    let query = Query::all().is(ID, &id).is(text.field, &text.old);
    (query, Changes::at(now).set(text.field, &text.new))
}

/// The users who have the stored form of one of these texts in this field.
#[cfg(feature = "mongo")]
pub(crate) fn with_text(field: Field, texts: &[&Respelling]) -> Query {
    Query::all().one_of(field, texts.iter().map(|text| text.new.as_str()))
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

/// The identity at Clerk, whatever else the document holds.
#[cfg(feature = "mongo")]
pub(crate) struct ClerkLink(pub(crate) Option<ClerkUserId>);

#[cfg(feature = "mongo")]
impl Decode for ClerkLink {
    const COLLECTION: Collection = Collection::Users;

    fn decode(document: &RawDocument) -> Result<Self> {
        let id = document.get_str(field::clerk_user_id.as_str()).ok();
        Ok(Self(id.map(ClerkUserId::from_stored)))
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

impl NewUser {
    /// See [`spelled_elsewhere`].
    pub(crate) fn spelled_elsewhere(&self) -> Vec<(Query, &'static str)> {
        spelled_elsewhere(Some(&self.login_id), self.email.as_ref(), None)
    }
}

impl UserPatch {
    /// See [`spelled_elsewhere`].
    pub(crate) fn spelled_elsewhere(&self, own: UserId) -> Vec<(Query, &'static str)> {
        let email = match &self.email {
            Change::Set(email) => Some(email),
            _ => None,
        };
        spelled_elsewhere(self.login_id.as_ref(), email, Some(own))
    }
}

/// Users, besides the one with this id, who have these values in another spelling, and the indexes that a
/// second one would violate. The indexes themselves compare bytes, so they do not notice.
fn spelled_elsewhere(
    login_id: Option<&LoginId>,
    email: Option<&EmailAddress>,
    own: Option<UserId>,
) -> Vec<(Query, &'static str)> {
    let others = || Query::all().except_if(own.map(UserId::as_object_id));
    let login_id = login_id.filter(|login_id| !login_id.other_spellings().is_empty());
    let email = email.filter(|email| !email.other_spellings().is_empty());
    let login_id = login_id.map(|text| (others().spelled(field::login_id, text), USERS_LOGIN_ID));
    let email = email.map(|text| (others().spelled(field::email, text), USERS_EMAIL));
    login_id.into_iter().chain(email).collect()
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
