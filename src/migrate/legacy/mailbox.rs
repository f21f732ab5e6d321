use std::collections::BTreeSet;

use bson::raw::RawDocument;
use chrono::{DateTime, Utc};

use super::boolean::boolean;
use super::fields;
use super::findings::Findings;
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use super::{Mapped, date, id, profile, secrets, status, text};
use crate::document::field::{self, Field};
use crate::model::{Credentials, Mailbox};

/// A document of `warm_up_emails_table`, as it is taken over.
#[derive(Debug)]
pub(crate) struct LegacyMailbox {
    /// The mailbox, whose id is the document's `_id`.
    pub(crate) mailbox: Mailbox,
    /// Its secrets, as the document has them: a text may already be sealed.
    pub(crate) credentials: Credentials,
    /// What was changed.
    pub(crate) repairs: BTreeSet<Repair>,
}

const FIELDS: [Field; 15] = [
    field::ID,
    field::USER_ID,
    field::EMAIL,
    field::PASSWORD,
    field::ACCESS_TOKEN,
    field::REFRESH_TOKEN,
    field::PROVIDER,
    field::USER_PROFILE,
    field::IS_PRIMARY,
    field::IS_ACTIVE,
    field::STATUS,
    field::LAST_USED,
    field::CREATED_AT,
    field::UPDATED_AT,
    secrets::CREDENTIALS,
];

impl LegacyMailbox {
    /// Reads a legacy document.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn map(document: &RawDocument) -> Mapped<Self> {
        let mut findings = Findings::default();
        let [
            id,
            user_id,
            email,
            password,
            access_token,
            refresh_token,
            provider,
            user_profile,
            is_primary,
            is_active,
            status,
            last_used,
            created_at,
            updated_at,
            nested,
        ] = fields::read(document, FIELDS, &mut findings)?;

        let found = &mut findings;
        let id = found.own_id(id);
        let user_id = found.required(user_id, id::object_id, Repair::ConvertedId, Rejection::InvalidUserId);
        let email = found.required(email, text::email, Repair::NormalisedEmail, Rejection::InvalidEmail);
        let provider =
            found.required(provider, text::provider, Repair::NormalisedProvider, Rejection::InvalidProvider);
        let user_profile = found.optional(
            user_profile,
            profile::profile,
            Repair::ConvertedProfile,
            Rejection::InvalidProfile,
        );
        let credentials = secrets::credentials([password, access_token, refresh_token], nested, found)?;
        let is_primary = flag(is_primary, found);
        let is_active = flag(is_active, found);
        let status = found.status(status, status::mailbox);
        let last_used = last_use(last_used, found);
        let (created_at, updated_at) = date::made_and_changed(id, created_at, updated_at, found);

        let mailbox = || {
            Some(Mailbox {
                id: id?.into(),
                user_id: user_id?.into(),
                email: email?,
                provider: provider?,
                user_profile,
                is_primary: is_primary.unwrap_or(false),
                is_active: is_active.unwrap_or(true),
                status,
                last_used,
                created_at: created_at?,
                updated_at: updated_at?,
            })
        };
        let (mailbox, repairs) = findings.conclude(mailbox())?;
        Ok(Self { mailbox, credentials, repairs })
    }
}

fn flag(slot: Slot<'_>, findings: &mut Findings) -> Option<bool> {
    findings.optional(slot, boolean, Repair::ConvertedBool, Rejection::InvalidBool)
}

fn last_use(slot: Slot<'_>, findings: &mut Findings) -> Option<DateTime<Utc>> {
    if slot.value.is_some_and(date::is_never) {
        findings.repair(Repair::ClearedDate);
        return None;
    }
    findings.optional(slot, date::date, Repair::ConvertedDate, Rejection::InvalidDate)
}
