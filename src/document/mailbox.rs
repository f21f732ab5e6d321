use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
#[cfg(feature = "mongo")]
use bson::{Document, doc};
use chrono::{DateTime, Utc};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Decode, Field, Fields, Part, Query, Record, Texts, part};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{
    EmailAddress, Mailbox, MailboxFilter, MailboxId, MailboxPatch, MailboxStatus, SecretField, UserId,
};
use crate::schema::index::MAILBOXES_USER_ID_EMAIL;
#[cfg(feature = "mongo")]
use crate::secret::KeyId;
use crate::secret::{Reencrypted, SealedCredentials, SealedField, StoredSecret};

part! {
    Mailbox {
        id: "_id" required;
        user_id: "user_id" required;
        email: "email" required;
        provider: "provider" required;
        user_profile: "user_profile" optional;
        is_primary: "is_primary" default(false);
        is_active: "is_active" default(true);
        status: "status" default(MailboxStatus::default());
        last_used: "last_used" optional;
        created_at: "created_at" required;
        updated_at: "updated_at" required;
    }
}

#[cfg(feature = "mongo")]
pub(crate) fn shape() -> Shape {
    let secrets = SecretField::ALL.iter().map(|secret| secret_field(*secret));
    secrets.fold(Mailbox::shape(Shape::new()), Shape::beside::<String>)
}

impl Decode for Mailbox {
    const COLLECTION: Collection = Collection::Mailboxes;

    fn decode(document: &RawDocument) -> Result<Self> {
        Self::read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

impl Record for Mailbox {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        self.append(&mut document);
        document
    }
}

impl Decode for SealedCredentials {
    const COLLECTION: Collection = Collection::Mailboxes;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        let secret =
            |field| fields.value(secret_field(field).as_str()).map_or(StoredSecret::Absent, stored_secret);
        Ok(Self {
            mailbox: fields.required(field::id)?,
            owner: fields.required(field::user_id)?,
            updated_at: fields.required(field::updated_at)?,
            password: secret(SecretField::Password),
            access_token: secret(SecretField::AccessToken),
            refresh_token: secret(SecretField::RefreshToken),
        })
    }
}

fn stored_secret(value: RawBsonRef<'_>) -> StoredSecret {
    value.as_str().map_or(StoredSecret::Other, |text| StoredSecret::Text(text.to_owned().into()))
}

/// The stored name of a secret.
pub(crate) fn secret_field(field: SecretField) -> Field {
    match field {
        SecretField::Password => cstr!("password"),
        SecretField::AccessToken => cstr!("access_token"),
        SecretField::RefreshToken => cstr!("refresh_token"),
    }
}

/// The mailboxes that have a secret under this key.
#[cfg(feature = "mongo")]
pub(crate) fn sealed_under(key: KeyId) -> Document {
    let prefix = format!("^{}", SealedCredentials::prefix(key).replace('.', "\\."));
    let fields = SecretField::ALL.iter().map(|field| secret_field(*field).as_str());
    doc! { "$or": fields.map(|field| doc! { field: { "$regex": &prefix } }).collect::<Vec<_>>() }
}

/// New secrets by their stored names.
pub(crate) fn secret_texts(sealed: &[SealedField]) -> impl Iterator<Item = (Field, &str)> {
    sealed.iter().map(|(field, text)| (secret_field(*field), text.as_str()))
}

/// The change that sets new secrets.
pub(crate) fn secrets_change(sealed: &[SealedField], now: DateTime<Utc>) -> Changes {
    secret_texts(sealed).fold(Changes::at(now), |changes, (field, text)| changes.set(field, &text.to_owned()))
}

/// The change that sets the same secrets, re-encrypted.
pub(crate) fn reencryption(reencrypted: &Reencrypted) -> Changes {
    reencrypted.fields.iter().fold(Changes::unversioned(), |changes, (field, _, new)| {
        changes.set(secret_field(*field), &new.as_str().to_owned())
    })
}

impl MailboxPatch {
    pub(crate) fn changes(&self, now: DateTime<Utc>) -> Changes {
        Changes::at(now)
            .set_if(field::email, self.email.as_ref())
            .set_if(field::provider, self.provider.as_ref())
            .change(field::user_profile, &self.user_profile)
            .set_if(field::is_active, self.is_active.as_ref())
    }
}

impl Mailbox {
    /// The change that records a use for sending.
    pub(crate) fn use_change(now: DateTime<Utc>) -> Changes {
        Changes::at(now).set(field::last_used, &now)
    }
}

impl MailboxFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all()
            .and_is(field::user_id, self.user_id.as_ref())
            .and_spelled(field::email, self.email.as_ref())
            .and_is(field::is_active, self.is_active.as_ref())
            .and_is(field::status, self.status.as_ref())
    }

    /// The mailboxes of a user that can send.
    pub(crate) fn sendable(user_id: UserId) -> Self {
        Self::user(user_id).active(true).status(MailboxStatus::Active)
    }
}

/// Mailboxes that have this address of a user in another spelling, besides the one with this id, and the index
/// that a second one would violate.
pub(crate) fn spelled_elsewhere(
    user_id: UserId,
    email: &EmailAddress,
    own: Option<MailboxId>,
) -> Option<(Query, &'static str)> {
    if email.other_spellings().is_empty() {
        return None;
    }
    let query = MailboxFilter::user(user_id).email(email.clone()).query();
    Some((query.except_if(own.map(MailboxId::as_object_id)), MAILBOXES_USER_ID_EMAIL))
}

/// The primary mailbox of a user.
pub(crate) fn primary_of(user_id: UserId) -> Query {
    Query::all().is(field::user_id, &user_id).is(field::is_primary, &true)
}

/// The change that makes a mailbox primary or not primary.
pub(crate) fn primary_change(is_primary: bool, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(field::is_primary, &is_primary)
}
