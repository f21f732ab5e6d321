//! Re-encrypting the secrets of many mailboxes.

use std::time::Instant;

use campaign_store::{
    AccessToken, Keyring, MailboxId, MailboxPassword, MongoOptions, MongoStore, NewMailbox, NewUser,
    Provider, ReencryptPlan, ReencryptReport, RefreshToken, SecretField, SecretPlace, Vault,
};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Database};

use crate::{Result, server};

const MAILBOXES: usize = 100_000;
const BATCH: usize = 500;
const OLD: &str = "1:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
const NEW: &str = "2:r0LbzWCrnJ3jVfP0vRCqIQx3O1C2bTf2k8rQeUeXh2k=";
const SECRETS: [&str; 3] = ["password", "access_token", "refresh_token"];

/// Our mailboxes per second, relative to the driver's.
pub(crate) async fn ratio() -> Result<f64> {
    let name = server::database_name();
    let mut options = ClientOptions::parse(server::uri()).await?;
    options.write_concern = Some(WriteConcern::majority());
    let plain = Client::with_options(options)?.database(&name);
    fill(&name, &plain).await?;
    let vault = Vault::open(format!("{NEW},{OLD}").parse::<Keyring>()?).await?;
    let store = MongoStore::connect_with(MongoOptions::new(server::uri(), &name).vault(vault)).await?;
    let start = Instant::now();
    let plan = ReencryptPlan::new().batch_size(BATCH);
    let reports = store.system().mailbox_secrets.reencrypt(plan).await?;
    let last: Vec<ReencryptReport> = reports.try_collect().await?;
    let ours = start.elapsed().as_secs_f64();
    let last = last.last().ok_or("no report")?;
    if last.rewritten != u64::try_from(MAILBOXES)? {
        return Err("not all mailboxes were rewritten".into());
    }
    let plain_time = f64::midpoint(rewrite(&plain).await?, rewrite(&plain).await?);
    eprintln!("{MAILBOXES} mailboxes: store {ours:.2} s, driver {plain_time:.2} s");
    plain.drop().await?;
    Ok(plain_time / ours)
}

/// Creates one mailbox with the store, and then as many of its kind as the bench needs.
async fn fill(name: &str, plain: &Database) -> Result<()> {
    let vault = Vault::open(OLD.parse::<Keyring>()?).await?;
    let store = MongoStore::connect_with(MongoOptions::new(server::uri(), name).vault(vault.clone())).await?;
    store.provision().await?;
    let store = store.system();
    let user = store.users.create(NewUser::new("Ada", "ada")?).await?;
    let token = "t".repeat(200);
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail)?
        .password(MailboxPassword::new("correct horse")?)
        .tokens(AccessToken::new(&token)?, RefreshToken::new(&token)?);
    store.mailboxes.link(mailbox).await?;
    let mailboxes = plain.collection::<Document>("mailboxes");
    let model = mailboxes.find_one(doc! {}).await?.ok_or("the mailbox is missing")?;
    let mut batch = Vec::new();
    for n in 1..MAILBOXES {
        let id = MailboxId::new();
        let mut row = model.clone();
        row.insert("_id", id.as_object_id());
        row.insert("email", format!("ada{n}@work.example"));
        row.insert("is_primary", false);
        for (field, secret) in SecretField::ALL.iter().zip(["correct horse", &token, &token]) {
            row.insert(field.as_str(), vault.seal(SecretPlace::new(id, user.id, *field), secret)?);
        }
        batch.push(row);
        if batch.len() == 5_000 || n + 1 == MAILBOXES {
            mailboxes.insert_many(std::mem::take(&mut batch)).await?;
        }
    }
    Ok(())
}

/// Reads all mailboxes and writes other texts of the same length, in batches of the same size. Returns the
/// seconds.
async fn rewrite(plain: &Database) -> Result<f64> {
    let start = Instant::now();
    let mailboxes = plain.collection::<RawDocumentBuf>("mailboxes");
    let rows = mailboxes.find(doc! {}).sort(doc! { "_id": 1 });
    let mut batches = rows.batch_size(u32::try_from(BATCH)?).await?.chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let mut updates = Vec::with_capacity(BATCH);
        for row in batch {
            let row = row?;
            let mut set = Document::new();
            for field in SECRETS {
                set.insert(field, row.get_str(field)?.chars().rev().collect::<String>());
            }
            updates.push(doc! { "q": { "_id": row.get_object_id("_id")? }, "u": { "$set": set } });
        }
        let write = doc! { "update": "mailboxes", "updates": updates, "writeConcern": { "w": "majority" } };
        plain.run_command(write).await?;
    }
    Ok(start.elapsed().as_secs_f64())
}
