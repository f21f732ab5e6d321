//! What the old collections have in common.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::reason::Reason;
use crate::document::mailbox::secret_texts;
use crate::document::{Decode, Field, Record, campaign, mailbox, with_texts};
use crate::error::Result;
use crate::migrate::legacy::{LegacyCampaign, LegacyMailbox};
use crate::migrate::{MigrationStep, Rejection, Repair};
use crate::model::{CampaignStatus, Credentials, Mailbox, MailboxId, SecretField, UserId};
use crate::secret::{SealedCredentials, SecretPlace, Vault, is_sealed, seal};

/// Of two documents that clash, the smaller one survives.
pub(crate) type Rank = (bool, Reverse<DateTime<Utc>>, ObjectId);

/// Of a user's primary mailboxes, the smallest one stays primary.
pub(crate) type PrimaryRank = (Reverse<Option<DateTime<Utc>>>, ObjectId);

/// An old document, read.
pub(crate) trait LegacyRecord: Sized + Send + Sync + 'static {
    const STEP: MigrationStep;
    /// The field by which two documents clash.
    const KEY_FIELD: &'static str;

    /// Reads an old document.
    fn read(document: &RawDocument) -> Result<Self, Vec<Reason>>;

    /// The `_id`, which the new document keeps.
    fn id(&self) -> ObjectId;

    /// The version that the new document has at first.
    fn updated_at(&self) -> DateTime<Utc>;

    /// What was changed.
    fn repairs(&self) -> &BTreeSet<Repair>;

    fn rank(&self) -> Rank;

    /// Opens what was sealed before, for this very place.
    fn open(&mut self, _vault: &Vault) -> Result<(), Vec<Reason>> {
        Ok(())
    }

    /// The new document, with secrets sealed.
    fn encode(&self, vault: &Vault) -> Result<RawDocumentBuf>;

    /// The fields that no two new documents may share, as one value.
    fn key(document: &RawDocument) -> Option<RawDocumentBuf>;

    /// The new document without its secrets.
    fn encode_plain(&self) -> RawDocumentBuf;

    /// The field of a new document whose secret is not that of this one, if there is such.
    fn differing_secret(
        &self,
        _document: &RawDocument,
        _vault: &Vault,
        _now: DateTime<Utc>,
    ) -> Option<&'static str> {
        None
    }

    /// The mailbox that the document cannot do without.
    fn needed_mailbox(&self) -> Option<MailboxId> {
        None
    }

    /// The user whose primary mailbox it is, and its rank among several.
    fn primary_of(&self) -> Option<(UserId, PrimaryRank)> {
        None
    }

    /// The new document, as no primary mailbox.
    fn encode_demoted(&self, vault: &Vault) -> Result<RawDocumentBuf> {
        self.encode(vault)
    }
}

impl LegacyRecord for LegacyMailbox {
    const STEP: MigrationStep = MigrationStep::Mailboxes;
    const KEY_FIELD: &'static str = "email";

    fn read(document: &RawDocument) -> Result<Self, Vec<Reason>> {
        Self::map(document)
    }

    fn id(&self) -> ObjectId {
        self.mailbox.id.as_object_id()
    }

    fn updated_at(&self) -> DateTime<Utc> {
        self.mailbox.updated_at
    }

    fn repairs(&self) -> &BTreeSet<Repair> {
        &self.repairs
    }

    fn open(&mut self, vault: &Vault) -> Result<(), Vec<Reason>> {
        let (mailbox, owner) = (self.mailbox.id, self.mailbox.user_id);
        let mut failed = Vec::new();
        for field in SecretField::ALL.iter().copied() {
            let Some(text) = self.credentials.get(field).filter(|text| is_sealed(text)) else { continue };
            let opened = vault.unseal(SecretPlace::new(mailbox, owner, field), text);
            if !opened.is_ok_and(|opened| self.credentials.set(field, &opened)) {
                failed.push(Reason {
                    code: Rejection::InvalidSecret,
                    path: field.as_str(),
                    bson_type: "string",
                });
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    /// The active one, then the newest.
    fn rank(&self) -> Rank {
        (!self.mailbox.is_active, Reverse(self.mailbox.updated_at), self.id())
    }

    fn encode(&self, vault: &Vault) -> Result<RawDocumentBuf> {
        encode(&self.mailbox, &self.credentials, vault)
    }

    fn key(document: &RawDocument) -> Option<RawDocumentBuf> {
        fields(document, &[mailbox::field::user_id, mailbox::field::email])
    }

    fn encode_plain(&self) -> RawDocumentBuf {
        self.mailbox.encode()
    }

    fn differing_secret(
        &self,
        document: &RawDocument,
        vault: &Vault,
        now: DateTime<Utc>,
    ) -> Option<&'static str> {
        let Ok(stored) = SealedCredentials::decode(document) else { return Some("(document)") };
        let differs = |field: &SecretField| {
            let opened = stored.open_field(*field, Some(vault), now);
            let opened = opened.as_ref().map(|opened| opened.as_ref().map(|(_, text)| text.as_str()));
            !opened.is_ok_and(|opened| opened == self.credentials.get(*field))
        };
        SecretField::ALL.iter().copied().find(differs).map(SecretField::as_str)
    }

    /// The one used last.
    fn primary_of(&self) -> Option<(UserId, PrimaryRank)> {
        let rank = (Reverse(self.mailbox.last_used), self.id());
        self.mailbox.is_primary.then_some((self.mailbox.user_id, rank))
    }

    fn encode_demoted(&self, vault: &Vault) -> Result<RawDocumentBuf> {
        encode(&Mailbox { is_primary: false, ..self.mailbox.clone() }, &self.credentials, vault)
    }
}

fn encode(mailbox: &Mailbox, credentials: &Credentials, vault: &Vault) -> Result<RawDocumentBuf> {
    let sealed = seal(credentials, Some(vault), mailbox.id, mailbox.user_id)?;
    Ok(with_texts(mailbox.encode(), secret_texts(&sealed)))
}

impl LegacyRecord for LegacyCampaign {
    const STEP: MigrationStep = MigrationStep::Campaigns;
    const KEY_FIELD: &'static str = "campaign_id";

    fn read(document: &RawDocument) -> Result<Self, Vec<Reason>> {
        Self::map(document)
    }

    fn id(&self) -> ObjectId {
        self.object_id
    }

    fn updated_at(&self) -> DateTime<Utc> {
        self.campaign.updated_at
    }

    fn repairs(&self) -> &BTreeSet<Repair> {
        &self.repairs
    }

    /// The newest one.
    fn rank(&self) -> Rank {
        (false, Reverse(self.campaign.updated_at), self.id())
    }

    fn encode(&self, _vault: &Vault) -> Result<RawDocumentBuf> {
        Ok(self.encode_plain())
    }

    fn encode_plain(&self) -> RawDocumentBuf {
        self.campaign.encode_as(self.object_id)
    }

    fn key(document: &RawDocument) -> Option<RawDocumentBuf> {
        fields(document, &[campaign::field::id])
    }

    /// A campaign that is over keeps the name of a mailbox that is gone, as everywhere.
    fn needed_mailbox(&self) -> Option<MailboxId> {
        CampaignStatus::UNFINISHED.contains(&self.campaign.status).then_some(self.campaign.mailbox_id)
    }
}

fn fields(document: &RawDocument, names: &[Field]) -> Option<RawDocumentBuf> {
    let mut key = RawDocumentBuf::new();
    for name in names {
        key.append(*name, document.get(name.as_str()).ok()??);
    }
    Some(key)
}
