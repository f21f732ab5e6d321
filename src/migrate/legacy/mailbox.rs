use std::collections::BTreeSet;

use bson::raw::RawDocument;
use chrono::{DateTime, Utc};

use super::boolean::boolean;
use super::fields::Slots;
use super::findings::Findings;
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use super::{Mapped, date, id, profile, secrets, status, text};
use crate::document::mailbox::field;
use crate::document::{Part, Texts};
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

impl LegacyMailbox {
    /// Reads a legacy document.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn map(document: &RawDocument) -> Mapped<Self> {
        let mut findings = Findings::default();
        let names = Mailbox::names(Texts::Read).into_iter().chain(secrets::fields());
        let slots = Slots::read(document, names, &mut findings)?;

        let (found, of) = (&mut findings, |name| slots.get(name));
        let id = found.own_id(of(field::id));
        let user_id =
            found.required(of(field::user_id), id::object_id, Repair::ConvertedId, Rejection::InvalidUserId);
        let email =
            found.required(of(field::email), text::email, Repair::NormalisedEmail, Rejection::InvalidEmail);
        let provider = found.required(
            of(field::provider),
            text::provider,
            Repair::NormalisedProvider,
            Rejection::InvalidProvider,
        );
        let user_profile = found.optional(
            of(field::user_profile),
            profile::profile,
            Repair::ConvertedProfile,
            Rejection::InvalidProfile,
        );
        let credentials = secrets::credentials(&slots, found)?;
        let is_primary = flag(of(field::is_primary), found);
        let is_active = flag(of(field::is_active), found);
        let status = found.status(of(field::status), status::mailbox);
        let last_used = last_use(of(field::last_used), found);
        let (created_at, updated_at) =
            date::made_and_changed(id, of(field::created_at), of(field::updated_at), found);

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
