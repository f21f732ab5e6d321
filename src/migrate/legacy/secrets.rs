//! The secrets of a mailbox.

use bson::raw::{RawBsonRef, cstr};

use super::Mapped;
use super::fields::{Slots, is_spelling_of};
use super::findings::Findings;
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use crate::document::Field;
use crate::document::mailbox::secret_field;
use crate::model::{Credentials, Secret, SecretField, SecretKind};

/// Where some older documents have their secrets.
pub(super) const CREDENTIALS: Field = cstr!("credentials");

/// The fields that hold secrets.
pub(super) fn fields() -> impl Iterator<Item = Field> {
    names().chain([CREDENTIALS])
}

fn names() -> impl Iterator<Item = Field> {
    SecretField::ALL.iter().map(|field| secret_field(*field))
}

/// The secrets of a document, which has them in fields of its own, in an object, or in both.
///
/// # Errors
/// The object is malformed.
pub(super) fn credentials(own: &Slots<'_>, findings: &mut Findings) -> Mapped<Credentials> {
    let outer = own.get(CREDENTIALS);
    let object = outer.value.and_then(RawBsonRef::as_document);
    if outer.value.is_some() && object.is_none() {
        findings.reject(Rejection::InvalidSecret, outer);
    }
    // Under what name a secret is in there does not matter.
    let mut inside = Findings::default();
    let nested = object.map(|object| Slots::read(object, names(), &mut inside)).transpose()?;
    findings.reject_for(inside);
    let slots = |field| {
        let name = secret_field(field);
        (own.get(name), nested.as_ref().map_or(Slot::absent(name), |nested| nested.get(name)))
    };
    Ok(Credentials {
        password: secret(slots(SecretField::Password), findings),
        access_token: secret(slots(SecretField::AccessToken), findings),
        refresh_token: secret(slots(SecretField::RefreshToken), findings),
    })
}

fn secret<K: SecretKind>((own, nested): (Slot<'_>, Slot<'_>), findings: &mut Findings) -> Option<Secret<K>> {
    let (own_text, nested_text) = (text(own, findings), text(nested, findings));
    if nested_text.is_some() {
        findings.repair(Repair::UnnestedSecret);
    }
    if own_text.is_some() && nested_text.is_some() && own_text != nested_text {
        findings.reject(Rejection::ConflictingFields, own);
        return None;
    }
    let text = own_text.or(nested_text)?;
    let secret = Secret::new(text);
    if secret.as_ref().is_ok_and(|secret| secret.expose() != text) {
        findings.repair(Repair::TrimmedText);
    }
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
    fields().any(|name| is_spelling_of(name.as_str(), key))
}
