//! Key rotation for the secrets of mailboxes, step by step, without downtime.
//!
//! Run it with `cargo run --example rotate_keys`: it runs in memory and needs no server.
//! With `MONGODB_URI` set it does the same on that server, in the database `MONGODB_DB` (default:
//! `campaign_store_rotate_keys`), which it empties at the start and leaves in place.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use campaign_store::{
    AccessToken, Credentials, KeyError, KeyProvider, Keyring, MailboxId, MemoryStore, NewMailbox, NewUser,
    Provider, ReencryptPlan, ReencryptReport, RefreshToken, Repositories, Vault,
};
use futures_util::TryStreamExt;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Keys for this example. Create real keys with `openssl rand -base64 32`, and load them with `EnvKeys`,
/// `FileKeys`, or a provider like this one that asks a key management service.
const KEY_1: &str = "1:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
const KEY_2: &str = "2:r0LbzWCrnJ3jVfP0vRCqIQx3O1C2bTf2k8rQeUeXh2k=";

/// A store of keys that an operator can change while the service runs.
#[derive(Debug, Clone)]
struct KeyService(Arc<Mutex<String>>);

impl KeyService {
    fn new(keys: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(keys.into())))
    }

    fn put(&self, keys: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }
}

#[async_trait]
impl KeyProvider for KeyService {
    async fn load(&self) -> std::result::Result<Keyring, KeyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).parse()
    }
}

#[tokio::main]
async fn main() -> Result {
    let keys = KeyService::new(KEY_1);
    let vault = Vault::open(keys.clone()).await?;
    let store = open(vault.clone()).await?;
    let mailboxes = link_mailboxes(&store).await?;
    println!("1. {} mailboxes are linked; their tokens are sealed with key 1.", mailboxes.len());

    keys.put(format!("{KEY_1},{KEY_2}"));
    vault.reload().await?;
    println!("2. Key 2 is added behind the primary key: {:?}", vault.keys());

    keys.put(format!("{KEY_2},{KEY_1}"));
    let reload = vault.reload().await?;
    println!("3. Key {} is now primary; key {} still opens.", reload.primary, reload.previous_primary);

    let plan = ReencryptPlan::new().batch_size(4);
    let forecast = run(&store, plan.dry_run()).await?;
    println!("4. A dry run would rewrite {} mailboxes.", forecast.rewritten);

    // A service may refresh a token while the job runs: neither disturbs the other.
    let refreshed = Credentials::new().access_token(AccessToken::new("ya29.refreshed")?);
    let mut reports = store.mailbox_secrets.reencrypt(plan).await?;
    while let Some(report) = reports.try_next().await? {
        println!("   {} read, {} rewritten", report.scanned, report.rewritten);
        if let (4, Some(first)) = (report.scanned, mailboxes.first()) {
            let used = store.mailbox_secrets.credentials(*first).await?.ok_or("the mailbox is gone")?;
            store.mailbox_secrets.refresh_tokens(*first, &used, refreshed.clone()).await?;
        }
    }

    let check = run(&store, plan.dry_run()).await?;
    println!("5. Values under each key: {:?}; unreadable mailboxes: {}.", check.left_under, check.unreadable);
    if check.left_under.keys().any(|key| *key != vault.primary()) || check.unreadable != 0 {
        return Err("key 1 is still needed".into());
    }

    keys.put(format!("{KEY_2},{KEY_1}:disabled"));
    vault.reload().await?;
    println!("6. Key 1 is disabled: {:?}", vault.keys());
    for (n, id) in mailboxes.iter().enumerate() {
        let credentials = store.mailbox_secrets.credentials(*id).await?.ok_or("the mailbox is gone")?;
        let token = credentials.access_token.ok_or("the token is gone")?;
        let expected = if n == 0 { "ya29.refreshed".to_owned() } else { format!("ya29.token{n}") };
        if token.expose() != expected {
            return Err("a token has changed".into());
        }
    }
    println!("7. Every token opens and is unchanged. Key 1 can be destroyed.");
    Ok(())
}

/// Runs the plan to the end, and returns the last report.
async fn run(store: &Repositories, plan: ReencryptPlan) -> Result<ReencryptReport> {
    let reports: Vec<_> = store.mailbox_secrets.reencrypt(plan).await?.try_collect().await?;
    Ok(reports.into_iter().next_back().unwrap_or_default())
}

async fn link_mailboxes(store: &Repositories) -> Result<Vec<MailboxId>> {
    let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
    let mut ids = Vec::new();
    for n in 0..10 {
        let mailbox = NewMailbox::new(ada.id, format!("ada{n}@work.example"), Provider::Gmail)?
            .tokens(AccessToken::new(format!("ya29.token{n}"))?, RefreshToken::new(format!("1//token{n}"))?);
        ids.push(store.mailboxes.link(mailbox).await?.id);
    }
    Ok(ids)
}

/// The store that the environment selects.
async fn open(vault: Vault) -> Result<Repositories> {
    let Ok(uri) = std::env::var("MONGODB_URI") else {
        println!("Store: in memory (set MONGODB_URI for a server)");
        return Ok(MemoryStore::new().with_vault(vault).system());
    };
    on_server(&uri, vault).await
}

#[cfg(feature = "mongo")]
async fn on_server(uri: &str, vault: Vault) -> Result<Repositories> {
    let name = std::env::var("MONGODB_DB").unwrap_or_else(|_| "campaign_store_rotate_keys".to_owned());
    let options = campaign_store::MongoOptions::new(uri, &name).vault(vault);
    let database = campaign_store::MongoStore::connect_with(options).await?;
    mongodb::Client::with_uri_str(uri).await?.database(&name).drop().await?;
    database.provision().await?;
    println!("Store: MongoDB, database {name}, indexes provisioned");
    Ok(database.system())
}

#[cfg(not(feature = "mongo"))]
async fn on_server(_uri: &str, _vault: Vault) -> Result<Repositories> {
    Err("this example was built without the feature mongo".into())
}
