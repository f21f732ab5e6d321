use bson::Document;

use super::{KeyId, Vault, sealed_document};
use crate::error::SecretProblem;

/// The sealed original of a document in quarantine.
pub(crate) struct SealedOriginal {
    /// Its `_id` in the quarantine.
    pub(crate) id: Document,
    /// Where it belongs: it opens nowhere else.
    pub(crate) place: Vec<u8>,
    /// What it is called in reports, without a value of the document.
    pub(crate) name: String,
    pub(crate) sealed: Vec<u8>,
}

impl SealedOriginal {
    /// The key that it names, whether it opens or not.
    pub(super) fn key(&self) -> Option<KeyId> {
        sealed_document::key_of(&self.sealed)
    }

    /// The original, sealed with the primary key; `None` when it is already.
    pub(super) fn reencrypted(&self, vault: Option<&Vault>) -> Result<Option<Vec<u8>>, SecretProblem> {
        let vault = vault.ok_or(SecretProblem::NoKeys)?;
        let (key, document) = vault.unseal_document(&self.place, &self.sealed)?;
        if key == vault.primary() { Ok(None) } else { vault.seal_document(&self.place, &document).map(Some) }
    }
}
