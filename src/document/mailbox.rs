use bson::Bson;
use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::field::{self, Field};
use super::fields::{boolean, object_id, parsed, text, time};
use super::json;
use super::{Changes, Decode, Fields, Query, Record};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{
    EmailAddress, Mailbox, MailboxFilter, MailboxPatch, MailboxStatus, Provider, SecretField, UserId,
    UserProfile,
};
use crate::secret::{Reencrypted, SealedCredentials, SealedField, StoredSecret};

impl Decode for Mailbox {
    const COLLECTION: Collection = Collection::Mailboxes;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        Ok(Self {
            id: fields.required(field::ID, object_id)?.into(),
            user_id: fields.required(field::USER_ID, object_id)?.into(),
            email: fields.required(field::EMAIL, |value| text(value).map(EmailAddress::from_stored))?,
            provider: fields.required(field::PROVIDER, |value| text(value).map(Provider::from_stored))?,
            user_profile: fields
                .optional(field::USER_PROFILE, |value| json::from_raw(value).map(UserProfile::from_stored))?,
            is_primary: fields.optional(field::IS_PRIMARY, boolean)?.unwrap_or(false),
            is_active: fields.optional(field::IS_ACTIVE, boolean)?.unwrap_or(true),
            status: fields.optional(field::STATUS, parsed)?.unwrap_or_default(),
            last_used: fields.optional(field::LAST_USED, time)?,
            created_at: fields.required(field::CREATED_AT, time)?,
            updated_at: fields.required(field::UPDATED_AT, time)?,
        })
    }
}

impl Record for Mailbox {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(field::ID, self.id.as_object_id());
        document.append(field::USER_ID, self.user_id.as_object_id());
        document.append(field::EMAIL, self.email.as_str());
        document.append(field::PROVIDER, self.provider.as_str());
        // A profile that was checked on entry always has a raw form.
        if let Some(Ok(profile)) = self
            .user_profile
            .as_ref()
            .map(|profile| RawDocumentBuf::try_from(json::to_document(profile.as_json())))
        {
            document.append(field::USER_PROFILE, profile);
        }
        document.append(field::IS_PRIMARY, self.is_primary);
        document.append(field::IS_ACTIVE, self.is_active);
        document.append(field::STATUS, self.status.as_str());
        if let Some(time) = self.last_used {
            document.append(field::LAST_USED, bson::DateTime::from(time));
        }
        document.append(field::CREATED_AT, bson::DateTime::from(self.created_at));
        document.append(field::UPDATED_AT, bson::DateTime::from(self.updated_at));
        document
    }
}

impl Decode for SealedCredentials {
    const COLLECTION: Collection = Collection::Mailboxes;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        let secret = |field| {
            let stored = fields.optional(secret_field(field), |value| Ok(stored_secret(value)));
            stored.map(|stored| stored.unwrap_or(StoredSecret::Absent))
        };
        Ok(Self {
            mailbox: fields.required(field::ID, object_id)?.into(),
            owner: fields.required(field::USER_ID, object_id)?.into(),
            updated_at: fields.required(field::UPDATED_AT, time)?,
            password: secret(SecretField::Password)?,
            access_token: secret(SecretField::AccessToken)?,
            refresh_token: secret(SecretField::RefreshToken)?,
        })
    }
}

fn stored_secret(value: RawBsonRef<'_>) -> StoredSecret {
    value.as_str().map_or(StoredSecret::Other, |text| StoredSecret::Text(text.to_owned().into()))
}

/// The name under which a secret is stored.
pub(crate) fn secret_field(field: SecretField) -> Field {
    match field {
        SecretField::Password => field::PASSWORD,
        SecretField::AccessToken => field::ACCESS_TOKEN,
        SecretField::RefreshToken => field::REFRESH_TOKEN,
    }
}

/// New secrets under the names that they are stored under.
pub(crate) fn secret_texts(sealed: &[SealedField]) -> impl Iterator<Item = (Field, &str)> {
    sealed.iter().map(|(field, text)| (secret_field(*field), text.as_str()))
}

/// The change to new secrets.
pub(crate) fn secrets_change(sealed: &[SealedField], now: DateTime<Utc>) -> Changes {
    secret_texts(sealed).fold(Changes::at(now), |changes, (field, text)| changes.set(field, text))
}

/// The change to the same secrets, re-encrypted.
pub(crate) fn reencryption(reencrypted: &Reencrypted) -> Changes {
    reencrypted.fields.iter().fold(Changes::unversioned(), |changes, (field, _, new)| {
        changes.set(secret_field(*field), new.as_str())
    })
}

impl MailboxPatch {
    pub(crate) fn changes(&self, now: DateTime<Utc>) -> Changes {
        Changes::at(now)
            .set_if(field::EMAIL, self.email.as_ref().map(EmailAddress::as_str))
            .set_if(field::PROVIDER, self.provider.as_ref().map(Provider::as_str))
            .change(field::USER_PROFILE, &self.user_profile, |profile| {
                Bson::Document(json::to_document(profile.as_json()))
            })
            .set_if(field::IS_ACTIVE, self.is_active)
    }
}

impl Mailbox {
    /// The change that a use for sending is.
    pub(crate) fn use_change(now: DateTime<Utc>) -> Changes {
        Changes::at(now).set(field::LAST_USED, bson::DateTime::from(now))
    }
}

impl MailboxFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all()
            .and_is(field::USER_ID, self.user_id.map(UserId::as_object_id))
            .and_is(field::EMAIL, self.email.as_ref().map(EmailAddress::as_str))
            .and_is(field::IS_ACTIVE, self.is_active)
            .and_is(field::STATUS, self.status.map(MailboxStatus::as_str))
    }

    /// The mailboxes of a user that can send.
    pub(crate) fn sendable(user_id: UserId) -> Self {
        Self::user(user_id).active(true).status(MailboxStatus::Active)
    }
}

/// The primary mailbox of a user.
pub(crate) fn primary_of(user_id: UserId) -> Query {
    Query::all().is(field::USER_ID, user_id.as_object_id()).is(field::IS_PRIMARY, true)
}

/// The change that becoming primary is, or ceasing to be.
pub(crate) fn primary_change(is_primary: bool, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(field::IS_PRIMARY, is_primary)
}
