//! The secrets of a mailbox.

use bson::raw::cstr;

use super::Mapped;
use super::fields;
use super::findings::Findings;
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use crate::document::field::{self, Field};
use crate::model::{Credentials, Secret, SecretKind};

/// Where some older documents have their secrets.
pub(super) const CREDENTIALS: Field = cstr!("credentials");

const FIELDS: [Field; 3] = [field::PASSWORD, field::ACCESS_TOKEN, field::REFRESH_TOKEN];

/// The secrets of a document, which has them in fields of its own, in an object, or in both.
///
/// # Errors
/// The object is malformed.
pub(super) fn credentials(
    [password, access_token, refresh_token]: [Slot<'_>; 3],
    nested: Slot<'_>,
    findings: &mut Findings,
) -> Mapped<Credentials> {
    let [nested_password, nested_access, nested_refresh] = match nested.value {
        None => FIELDS.map(Slot::absent),
        Some(value) => match value.as_document() {
            None => {
                findings.reject(Rejection::InvalidSecret, nested);
                FIELDS.map(Slot::absent)
            }
            Some(object) => {
                // Under what name a secret is in there does not matter.
                let mut inside = Findings::default();
                let slots = fields::read(object, FIELDS, &mut inside)?;
                findings.reject_for(inside);
                slots
            }
        },
    };
    Ok(Credentials {
        password: secret(password, nested_password, findings),
        access_token: secret(access_token, nested_access, findings),
        refresh_token: secret(refresh_token, nested_refresh, findings),
    })
}

fn secret<K: SecretKind>(own: Slot<'_>, nested: Slot<'_>, findings: &mut Findings) -> Option<Secret<K>> {
    let (own_text, nested_text) = (text(own, findings), text(nested, findings));
    if nested_text.is_some() {
        findings.repair(Repair::UnnestedSecret);
    }
    if own_text.is_some() && nested_text.is_some() && own_text != nested_text {
        findings.reject(Rejection::ConflictingFields, own);
        return None;
    }
    let secret = Secret::new(own_text.or(nested_text)?);
    if secret.is_err() {
        findings.reject(Rejection::InvalidSecret, if own_text.is_some() { own } else { nested });
    }
    secret.ok()
}

fn text<'a>(slot: Slot<'a>, findings: &mut Findings) -> Option<&'a str> {
    let text = slot.value?.as_str();
    match text {
        None => findings.reject(Rejection::InvalidSecret, slot),
        Some("") => findings.repair(Repair::EmptySecret),
        Some(_) => {}
    }
    text.filter(|text| !text.is_empty())
}

/// Whether a field of a legacy document holds secrets, in whatever spelling of its name.
pub(crate) fn is_secret_name(key: &str) -> bool {
    FIELDS.iter().chain([&CREDENTIALS]).any(|name| fields::is_spelling_of(name.as_str(), key))
}
