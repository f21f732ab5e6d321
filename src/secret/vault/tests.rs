use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64ct::{Base64, Encoding};
use futures_util::future::join_all;

use super::*;
use crate::{
    Collection, MailboxFilter, MailboxPassword, MemoryStore, NewMailbox, NewUser, PageRequest, Provider,
    SecretField,
};

fn entry(id: u8) -> String {
    let bytes: Vec<u8> = (0..32).map(|place| id * 41 + place).collect();
    format!("{id}:{}", Base64::encode_string(&bytes))
}

fn place() -> SecretPlace {
    let id = |byte| bson::oid::ObjectId::from_bytes([byte; 12]);
    SecretPlace { mailbox: id(1).into(), owner: id(2).into(), field: SecretField::Password }
}

/// Provides key 1 at first, and keys 2 and 1 later, after a delay.
#[derive(Debug, Clone, Default)]
struct Slow {
    loads: Arc<AtomicUsize>,
}

#[async_trait]
impl KeyProvider for Slow {
    async fn load(&self) -> Result<Keyring, KeyError> {
        if self.loads.fetch_add(1, Ordering::Relaxed) == 0 {
            return entry(1).parse();
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        [entry(2), entry(1)].join(",").parse()
    }
}

#[tokio::test]
async fn without_random_numbers_nothing_is_stored() {
    let ring = Keyring::ephemeral().unwrap();
    let vault =
        Vault::with(Arc::new(ring.clone()), ring, VaultOptions::new(), |_| Err(SecretProblem::NoRandomness));
    let store = MemoryStore::new().with_vault(vault).system();
    let user = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let new = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).unwrap();
    let new = new.password(MailboxPassword::new("hunter 2").unwrap());
    let error = store.mailboxes.link(new).await.unwrap_err();
    assert!(matches!(error, Error::Secret { problem: SecretProblem::NoRandomness, .. }), "44: {error:?}");
    let all = store.mailboxes.list(&MailboxFilter::all(), &PageRequest::default()).await.unwrap();
    assert!(all.items.is_empty(), "44: no part of {}", Collection::Mailboxes);
}

#[tokio::test]
async fn plaintext_is_read_in_its_field_and_its_time_alone() {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let vault = Vault::open(Keyring::ephemeral().unwrap()).await.unwrap();
    let read = |vault: &Vault, field, text: &str, seconds| {
        let opened = vault.open_stored(SecretPlace { field, ..place() }, text, at(seconds));
        opened.map(|(key, text)| (key, text.to_string()))
    };
    let refused = Err(SecretProblem::PlaintextRefused);
    assert_eq!(read(&vault, SecretField::Password, "hunter2", 0), refused, "51");
    let ring: Keyring = [entry(2), entry(1)].join(",").parse().unwrap();
    let allow = VaultOptions::new().allow_plaintext(SecretField::Password, at(100));
    let allowing = allow.clone().open(ring.clone()).await.unwrap();
    let plain = |text: &str| Ok((None, text.to_owned()));
    assert_eq!(read(&allowing, SecretField::Password, "hunter2", 99), plain("hunter2"));
    assert_eq!(read(&allowing, SecretField::Password, "hunter2", 100), refused, "52");
    assert_eq!(read(&allowing, SecretField::AccessToken, "hunter2", 99), refused);
    for text in ["", "ob1.", "ENC1.1.AA", "enc", "🔑"] {
        assert_eq!(read(&allowing, SecretField::Password, text, 99), plain(text), "54");
    }
    let sealed = allowing.seal(place(), "hunter2").unwrap();
    for broken in ["enc1.", "enc1.hunter2", &sealed[..sealed.len() - 1]] {
        let expected = Err(SecretProblem::Malformed);
        assert_eq!(read(&allowing, SecretField::Password, broken, 99), expected, "53");
    }
    let both = allow.allow_plaintext(SecretField::AccessToken, at(100)).open(ring).await.unwrap();
    let elsewhere = read(&both, SecretField::AccessToken, &sealed, 99);
    assert_eq!(elsewhere, Err(SecretProblem::NotAuthentic), "53");
}

#[tokio::test]
async fn all_who_meet_an_unknown_key_at_once_get_the_new_ring() {
    let provider = Slow::default();
    let vault = Vault::open(provider.clone()).await.unwrap();
    let newer = Vault::open([entry(2), entry(1)].join(",").parse::<Keyring>().unwrap()).await.unwrap();
    let sealed = newer.seal(place(), "hunter2").unwrap();
    let opened = join_all((0..50).map(async |_| {
        let now = DateTime::UNIX_EPOCH;
        match vault.open_stored(place(), &sealed, now) {
            Err(SecretProblem::UnknownKey(2)) => {
                vault.reload_for_unknown_key().await;
                vault.open_stored(place(), &sealed, now)
            }
            opened => opened,
        }
    }))
    .await;
    assert!(opened.iter().all(Result::is_ok), "41");
    assert_eq!(provider.loads.load(Ordering::Relaxed), 2, "one reload for all of them");
}

#[tokio::test]
async fn a_key_that_nobody_has_does_not_lead_to_a_reload_each_time() {
    let provider = Slow::default();
    let vault = Vault::open(provider.clone()).await.unwrap();
    for _ in 0..100 {
        vault.reload_for_unknown_key().await;
    }
    assert_eq!(provider.loads.load(Ordering::Relaxed), 2, "9");
}

/// A database that knows another key 2.
#[cfg(feature = "mongo")]
#[derive(Debug)]
struct KnowsOther;

#[cfg(feature = "mongo")]
#[async_trait]
impl KeyLedger for KnowsOther {
    async fn check(&self, keys: &[(KeyId, Fingerprint)]) -> Result<(), Error> {
        let changed = keys.iter().find(|(id, _)| id.get() == 2);
        changed.map_or(Ok(()), |(id, _)| Err(KeyError::Changed(*id).into()))
    }
}

#[cfg(feature = "mongo")]
#[tokio::test]
async fn keys_that_a_database_refuses_are_not_taken_into_use() {
    let vault = Vault::open(Slow::default()).await.unwrap();
    let ledger: Arc<dyn KeyLedger> = Arc::new(KnowsOther);
    vault.check_with(&ledger).await.unwrap();
    let two = KeyId::new(2).unwrap();
    assert_eq!(vault.reload().await, Err(KeyError::Changed(two)), "39");
    assert_eq!(vault.clone().primary().get(), 1);
    drop(ledger);
    assert_eq!(vault.reload().await.unwrap().primary, two, "the database is no longer in use");
}

#[cfg(feature = "mongo")]
#[test]
fn fingerprints_tell_keys_apart_and_nothing_else() {
    let fingerprint = |key: &str| key.parse::<Keyring>().unwrap().fingerprints().unwrap().remove(0).1;
    let [one, other] = [entry(1), entry(2)];
    assert!(fingerprint(&one) == fingerprint(&one.replacen("1:", "7:", 1)), "whatever the id");
    assert!(fingerprint(&one) != fingerprint(&other));
    // Pinned: they are stored.
    let pinned = 0x9844_3d00_7eea_8e2d_92cd_ebcd_820c_ad4a_u128;
    assert_eq!(fingerprint(&one).as_bytes(), pinned.to_be_bytes());
}
