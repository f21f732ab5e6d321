//! The same key id with other bytes, in another process: group C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use campaign_store::contract::{key, vault};
use campaign_store::{
    Collection, Error, KeyError, KeyId, KeyProvider, Keyring, MailboxFilter, MongoStore, NewMailbox,
    PageRequest, Provider, Repositories, Vault,
};
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};

use super::{ACCESS, PASSWORD, REFRESH, Stored, credentials, link};

fn changed(id: u32) -> Error {
    Error::Keys(KeyError::Changed(KeyId::new(id).expect("a key id")))
}

impl Stored {
    async fn connect(&self, keys: &[String]) -> Result<MongoStore, Error> {
        let options = self.database.options().await.vault(vault(keys).await);
        MongoStore::connect_with(options).await
    }

    async fn fingerprints(&self) -> mongodb::Collection<Document> {
        self.database.collection(Collection::KeyFingerprints.name()).await
    }
}

async fn try_link(store: &Repositories, stored: &Stored, name: &str) -> Result<(), Error> {
    let new = NewMailbox::new(stored.user.id, format!("{name}@work.example"), Provider::Gmail);
    let new = new.expect("a valid address").credentials(credentials(PASSWORD, ACCESS, REFRESH));
    store.mailboxes.link(new).await.map(drop)
}

#[tokio::test]
async fn another_key_under_a_known_id_is_refused_when_connecting() {
    let stored = Stored::new().await;
    for keys in
        [vec![key(1, 9)], vec![key(2, 2), key(1, 9)], vec![key(2, 2), format!("{}:disabled", key(1, 9))]]
    {
        let refused = stored.connect(&keys).await.err();
        assert_eq!(refused, Some(changed(1)), "132");
    }
    let text = changed(1).to_string();
    assert_eq!(
        text,
        "the keys cannot be used: key 1 has changed. Restore it, and give the new key an id of its own"
    );
    stored.connect(&[key(2, 2), key(1, 1)]).await.unwrap();
    stored.connect(&[key(3, 3)]).await.unwrap();
}

/// Provides key 1 at first, and later another key 2, too.
#[derive(Debug, Clone, Default)]
struct Later(Arc<AtomicBool>);

#[async_trait]
impl KeyProvider for Later {
    async fn load(&self) -> Result<Keyring, KeyError> {
        if self.0.load(Ordering::Relaxed) { [key(2, 9), key(1, 1)].join(",") } else { key(1, 1) }.parse()
    }
}

#[tokio::test]
async fn another_key_under_a_known_id_is_refused_at_a_reload() {
    let stored = Stored::new().await;
    let provider = Later::default();
    let vault = Vault::open(provider.clone()).await.unwrap();
    let store = stored.database.connect_with_vault(&vault).await.system();
    link(&stored.rotated().await, &stored.user, "two").await;
    provider.0.store(true, Ordering::Relaxed);
    assert_eq!(vault.reload().await, Err(KeyError::Changed(KeyId::new(2).unwrap())), "132");
    assert_eq!(vault.primary().get(), 1);
    link(&store, &stored.user, "one").await;
}

/// Databases of version 0.1 have sealed values and no fingerprints.
#[tokio::test]
async fn a_key_that_opens_nothing_of_its_id_is_never_noted() {
    let stored = Stored::new().await;
    stored.fingerprints().await.drop().await.unwrap();
    let wrong = stored.connect(&[key(1, 9)]).await.unwrap().system();
    let before = stored.sealed().await;
    assert_eq!(try_link(&wrong, &stored, "wrong").await, Err(changed(1)), "132");
    let (id, new) = (stored.mailbox.id, credentials(PASSWORD, "access2", REFRESH));
    assert_eq!(wrong.mailbox_secrets.replace_credentials(id, new.clone()).await, Err(changed(1)), "132");
    let used = credentials(PASSWORD, ACCESS, REFRESH);
    assert_eq!(wrong.mailbox_secrets.refresh_tokens(id, &used, new).await, Err(changed(1)), "132");
    assert_eq!(stored.sealed().await, before);
    let page = wrong.mailboxes.list(&MailboxFilter::all(), &PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(stored.fingerprints().await.count_documents(doc! {}).await.unwrap(), 0);

    let right = stored.connect(&[key(1, 1)]).await.unwrap().system();
    // A damaged value is no proof against the key.
    link(&stored.store, &stored.user, "damaged").await;
    stored.set("password", "enc1.1.AAAA").await;
    try_link(&right, &stored, "right").await.unwrap();
    assert_eq!(stored.connect(&[key(1, 9)]).await.err(), Some(changed(1)));
}

#[tokio::test]
async fn of_many_new_keys_under_one_id_one_is_noted() {
    let stored = Stored::new().await;
    let stores = join_all((10..18).map(|seed| {
        let stored = &stored;
        async move { stored.connect(&[key(2, seed), key(1, 1)]).await.unwrap().system() }
    }))
    .await;
    let linked = join_all(stores.iter().enumerate().map(|(n, store)| {
        let stored = &stored;
        async move { try_link(store, stored, &format!("box{n}")).await }
    }))
    .await;
    assert_eq!(linked.iter().filter(|linked| linked.is_ok()).count(), 1, "{linked:?}");
    assert!(linked.iter().all(|linked| matches!(linked, Ok(()) | Err(Error::Keys(_)))), "{linked:?}");
}

#[tokio::test]
async fn who_only_reads_notes_nothing() {
    let stored = Stored::new().await;
    stored.fingerprints().await.drop().await.unwrap();
    let store = stored.connect(&[key(2, 2), key(1, 1)]).await.unwrap().system();
    store.mailbox_secrets.credentials(stored.mailbox.id).await.unwrap();
    assert_eq!(stored.fingerprints().await.count_documents(doc! {}).await.unwrap(), 0);
}
