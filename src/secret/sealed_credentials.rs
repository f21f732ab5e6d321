//! The stored secrets of a mailbox.

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::{KeyId, SecretPlace, Vault, envelope};
use crate::collection::Collection;
use crate::error::{Error, Result, SecretProblem};
use crate::model::{Credentials, MailboxId, Secret, SecretField, SecretKind, UserId};

/// A secret field and its new sealed value.
pub(crate) type SealedField = (SecretField, String);

/// The content of a secret field of a stored mailbox.
#[derive(Clone, PartialEq)]
pub(crate) enum StoredSecret {
    /// No value.
    Absent,
    /// A text. It should be sealed.
    Text(Zeroizing<String>),
    /// A value that is not a text.
    Other,
}

/// The stored secret fields of a mailbox.
#[derive(Clone)]
pub(crate) struct SealedCredentials {
    pub(crate) mailbox: MailboxId,
    pub(crate) owner: UserId,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) password: StoredSecret,
    pub(crate) access_token: StoredSecret,
    pub(crate) refresh_token: StoredSecret,
}

/// The re-encrypted values of a mailbox.
#[derive(Clone)]
pub(crate) struct Reencrypted {
    pub(crate) mailbox: MailboxId,
    pub(crate) owner: UserId,
    /// For each field, the value that it must still have, and the new one.
    pub(crate) fields: Vec<(SecretField, Zeroizing<String>, String)>,
}

impl Reencrypted {
    /// Whether `stored` still has the values that were re-encrypted.
    pub(crate) fn is_of(&self, stored: &SealedCredentials) -> bool {
        let is_old = |field, old| matches!(stored.get(field), StoredSecret::Text(text) if text == old);
        self.owner == stored.owner && self.fields.iter().all(|(field, old, _)| is_old(*field, old))
    }
}

/// Seals the secrets that are set in `credentials`, for a mailbox.
pub(crate) fn seal(
    credentials: &Credentials,
    vault: Option<&Vault>,
    mailbox: MailboxId,
    owner: UserId,
) -> Result<Vec<SealedField>> {
    let present = SecretField::ALL.iter().filter_map(|field| Some((*field, credentials.get(*field)?)));
    present
        .map(|(field, text)| Ok((field, seal_field(SecretPlace::new(mailbox, owner, field), vault, text)?)))
        .collect()
}

fn seal_field(place: SecretPlace, vault: Option<&Vault>, text: &str) -> Result<String> {
    let sealed = vault.ok_or(SecretProblem::NoKeys).and_then(|vault| vault.seal(place, text));
    sealed.map_err(|problem| Error::secret(place.mailbox, place.field.as_str(), problem))
}

impl SealedCredentials {
    /// Opens all fields. If the key of a field is unknown, it reloads the keys once, because another
    /// process may already use a newer key.
    pub(crate) async fn open(&self, vault: Option<&Vault>, now: DateTime<Utc>) -> Result<Credentials> {
        match (self.open_now(vault, now), vault) {
            (Err(Error::Secret { problem: SecretProblem::UnknownKey(_), .. }), Some(vault)) => {
                vault.reload_for_unknown_key().await;
                self.open_now(Some(vault), now)
            }
            (opened, _) => opened,
        }
    }

    fn open_now(&self, vault: Option<&Vault>, now: DateTime<Utc>) -> Result<Credentials> {
        Ok(Credentials {
            password: self.open_secret(SecretField::Password, vault, now)?,
            access_token: self.open_secret(SecretField::AccessToken, vault, now)?,
            refresh_token: self.open_secret(SecretField::RefreshToken, vault, now)?,
        })
    }

    fn open_secret<K: SecretKind>(
        &self,
        field: SecretField,
        vault: Option<&Vault>,
        now: DateTime<Utc>,
    ) -> Result<Option<Secret<K>>> {
        let Some((_, text)) = self.open_field(field, vault, now)? else { return Ok(None) };
        let secret =
            Secret::new(text.as_str()).map_err(|_| self.failure(field, SecretProblem::OutOfBounds))?;
        Ok(Some(secret))
    }

    /// The text of a field, and the key that sealed it; `None` for the key if the text is not sealed.
    pub(crate) fn open_field(
        &self,
        field: SecretField,
        vault: Option<&Vault>,
        now: DateTime<Utc>,
    ) -> Result<Option<(Option<KeyId>, Zeroizing<String>)>> {
        let text = match self.get(field) {
            StoredSecret::Absent => return Ok(None),
            StoredSecret::Other => return Err(self.failure(field, SecretProblem::Malformed)),
            StoredSecret::Text(text) => text,
        };
        let place = SecretPlace::new(self.mailbox, self.owner, field);
        let opened = vault.ok_or(SecretProblem::NoKeys).and_then(|vault| vault.open_stored(place, text, now));
        opened.map(Some).map_err(|problem| self.failure(field, problem))
    }

    /// What the stored form of a value under this key begins with.
    #[cfg(feature = "mongo")]
    pub(crate) fn prefix(key: KeyId) -> String {
        envelope::prefix(key)
    }

    /// Whether one of the values that name this key opens.
    #[cfg(feature = "mongo")]
    pub(crate) fn opens_under(&self, vault: &Vault, key: KeyId, now: DateTime<Utc>) -> bool {
        SecretField::ALL.iter().any(|field| {
            let opened = self.open_field(*field, Some(vault), now);
            opened.is_ok_and(|opened| opened.is_some_and(|(id, _)| id == Some(key)))
        })
    }

    /// The keys that the values name, `None` for one that names none.
    pub(super) fn keys(&self) -> Vec<Option<KeyId>> {
        let texts = SecretField::ALL.iter().filter_map(|field| match self.get(*field) {
            StoredSecret::Text(text) => Some(text),
            StoredSecret::Absent | StoredSecret::Other => None,
        });
        texts.map(|text| envelope::key_of(text)).collect()
    }

    /// Seals the texts of fields with the primary key.
    pub(super) fn reencrypt(
        &self,
        texts: Vec<(SecretField, Zeroizing<String>)>,
        vault: Option<&Vault>,
    ) -> Result<Reencrypted> {
        let (mailbox, owner) = (self.mailbox, self.owner);
        let mut fields = Vec::with_capacity(texts.len());
        for (field, text) in texts {
            if let StoredSecret::Text(old) = self.get(field) {
                let new = seal_field(SecretPlace::new(mailbox, owner, field), vault, &text)?;
                fields.push((field, old.clone(), new));
            }
        }
        Ok(Reencrypted { mailbox, owner, fields })
    }

    /// Fails unless the tokens are those of `used`, under whichever key they are sealed.
    pub(crate) async fn require_tokens(
        &self,
        used: &Credentials,
        vault: Option<&Vault>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        // A password that does not open must not prevent a refresh.
        let tokens = Self { password: StoredSecret::Absent, ..self.clone() };
        if tokens.open(vault, now).await?.has_tokens_of(used) {
            return Ok(());
        }
        Err(Error::conflict(Collection::Mailboxes, self.mailbox))
    }

    fn get(&self, field: SecretField) -> &StoredSecret {
        match field {
            SecretField::Password => &self.password,
            SecretField::AccessToken => &self.access_token,
            SecretField::RefreshToken => &self.refresh_token,
        }
    }

    fn failure(&self, field: SecretField, problem: SecretProblem) -> Error {
        Error::secret(self.mailbox, field.as_str(), problem)
    }
}
