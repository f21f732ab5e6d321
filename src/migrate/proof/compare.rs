//! Whether a new document is what the old one becomes.

use std::borrow::Cow;

use bson::raw::{RawBsonRef, RawDocument};
use chrono::{DateTime, Utc};

use crate::document::UPDATED_AT;
use crate::document::mailbox::field;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::model::SecretField;
use crate::secret::Vault;

/// What is found where a new document should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It is what the old one becomes.
    Same,
    /// The application has changed it since.
    ChangedSince,
    /// This field differs.
    Differs(Cow<'static, str>),
}

/// Compares the new document with `record`. `is_demoted`: another mailbox of the user became the primary one.
pub(crate) fn compare<L: LegacyRecord>(
    record: &L,
    document: &RawDocument,
    is_demoted: bool,
    vault: &Vault,
    now: DateTime<Utc>,
) -> Comparison {
    let version = document.get_datetime(UPDATED_AT.as_str()).ok();
    if version.is_some_and(|version| version > record.updated_at().into()) {
        return Comparison::ChangedSince;
    }
    let expected = record.encode_plain();
    let mut expected_fields = 0;
    for element in &expected {
        let Ok((name, mut value)) = element else { return differs("(document)") };
        expected_fields += 1;
        if is_demoted && name == field::is_primary {
            value = RawBsonRef::Boolean(false);
        }
        if document.get(name.as_str()).ok().flatten() != Some(value) {
            return Comparison::Differs(name.as_str().to_owned().into());
        }
    }
    let is_secret = |name: &str| SecretField::ALL.iter().any(|field| field.as_str() == name);
    let others =
        document.iter().filter(|element| !element.as_ref().is_ok_and(|(name, _)| is_secret(name.as_str())));
    if others.count() != expected_fields {
        return differs("(document)");
    }
    record.differing_secret(document, vault, now).map_or(Comparison::Same, differs)
}

const fn differs(path: &'static str) -> Comparison {
    Comparison::Differs(Cow::Borrowed(path))
}
