//! The keys of a store, and what its database knows of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bson::{Document, doc};
use futures_util::TryStreamExt;

use super::link::connection::Connection;
use super::link::error::is_duplicate;
use super::link::table::Table;
use crate::collection::Collection;
use crate::document::bookkeeping::{fingerprint_of, fingerprints, known_fingerprints};
use crate::document::mailbox::sealed_under;
use crate::document::{Decode, ID};
use crate::error::{Error, Result};
use crate::secret::{Fingerprint, KeyError, KeyId, KeyLedger, SealedCredentials, Vault};

const OPERATION: &str = "keys.check";

/// The keys of a store.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) vault: Vault,
    ledger: Arc<Ledger>,
}

/// The fingerprints of the keys that ever sealed something in a database: a document for each id, in
/// `key_fingerprints`. So a process that has another key under the same id is refused, and cannot seal what
/// nobody else can open.
#[derive(Debug)]
struct Ledger {
    db: Arc<Connection>,
    /// The primary key that was last found in the database, or noted there; 0 for none.
    noted: AtomicU32,
}

impl Keys {
    /// Checks the keys of a vault, now and at every reload from now on.
    pub(super) async fn open(vault: Vault, db: Arc<Connection>) -> Result<Self> {
        let ledger = Arc::new(Ledger { db, noted: AtomicU32::new(0) });
        let watching: Arc<dyn KeyLedger> = ledger.clone();
        vault.check_with(&watching).await?;
        Ok(Self { vault, ledger })
    }

    /// Notes the primary key before it seals something for the first time.
    ///
    /// # Errors
    /// `Keys` when the database knows another key of this id, or has values under it that do not open.
    pub(crate) async fn note_primary(&self) -> Result<()> {
        let (id, fingerprint) = self.vault.primary_fingerprint()?;
        if self.ledger.noted.load(Ordering::Relaxed) == id.get() {
            return Ok(());
        }
        if self.ledger.known(&[id]).await?.is_empty() {
            self.require_opening(id).await?;
            self.ledger.note(id, fingerprint).await?;
        }
        self.ledger.check(&[(id, fingerprint)]).await?;
        self.ledger.noted.store(id.get(), Ordering::Relaxed);
        Ok(())
    }

    /// Values may have been sealed before fingerprints were noted. Then the key must open one of them.
    async fn require_opening(&self, id: KeyId) -> Result<()> {
        /// As many of the newest mailboxes are looked at: it must not take long, however many there are.
        const LOOKED_AT: i64 = 10_000;
        /// Some may be damaged.
        const TRIED: i64 = 20;
        let stages = [
            doc! { "$sort": { ID.as_str(): -1 } },
            doc! { "$limit": LOOKED_AT },
            doc! { "$match": sealed_under(id) },
            doc! { "$limit": TRIED },
        ];
        let db = &self.ledger.db;
        let sealed = async {
            let found = db.mailboxes.unscoped().aggregate(stages).with_type::<bson::RawDocumentBuf>().await?;
            found.try_collect::<Vec<_>>().await
        };
        let sealed = db.run(OPERATION, sealed).await?;
        let mut sealed = sealed.iter().filter_map(|row| SealedCredentials::decode(row).ok()).peekable();
        let is_unused = sealed.peek().is_none();
        if is_unused || sealed.any(|sealed| sealed.opens_under(&self.vault, id, db.now())) {
            return Ok(());
        }
        Err(KeyError::Changed(id).into())
    }
}

impl Ledger {
    fn table(&self) -> Table {
        Table::new(&self.db.database, Collection::KeyFingerprints)
    }

    /// The fingerprints that the database has of these ids.
    async fn known(&self, ids: &[KeyId]) -> Result<Vec<(KeyId, Option<Fingerprint>)>> {
        let (table, filter) = (self.table(), known_fingerprints(ids).to_filter());
        let found = async { table.unscoped().find(filter).await?.try_collect::<Vec<_>>().await };
        let found = self.db.run(OPERATION, found).await?;
        Ok(found.iter().filter_map(|row| fingerprints(row)).collect())
    }

    async fn note(&self, id: KeyId, fingerprint: Fingerprint) -> Result<()> {
        let table = self.table();
        let note: Document = fingerprint_of(id, fingerprint, self.db.now());
        let insert = async {
            match table.unscoped().clone_with_type::<Document>().insert_one(note).await {
                // Another process was faster. Whether it has the same key is checked next.
                Err(error) if is_duplicate(&error) => Ok(()),
                done => done.map(drop),
            }
        };
        self.db.write(OPERATION, insert).await
    }
}

#[async_trait]
impl KeyLedger for Ledger {
    async fn check(&self, keys: &[(KeyId, Fingerprint)]) -> Result<()> {
        let ids: Vec<_> = keys.iter().map(|(id, _)| *id).collect();
        for (id, known) in self.known(&ids).await? {
            let given = keys.iter().find(|(other, _)| *other == id).map(|(_, fingerprint)| *fingerprint);
            if given != known {
                return Err(Error::Keys(KeyError::Changed(id)));
            }
        }
        Ok(())
    }
}
