//! A campaign from start to finish: a user, mailboxes, a campaign, its sends, its metrics.
//!
//! Run it with `cargo run --example quickstart`: it runs in memory and needs no server.
//! With `MONGODB_URI` set it does the same on that server, in the database `MONGODB_DB` (default:
//! `campaign_store_quickstart`), which it empties at the start and leaves in place.

use std::error::Error;
use std::sync::Arc;

use campaign_store::{
    Campaign, CampaignDuration, Clock, MemoryStore, NewCampaign, NewMailbox, NewSend, NewUser, Provider,
    Repositories, SendOutcome, Store, SystemClock, User,
};
use chrono::TimeDelta;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result {
    let store = open().await?;
    // A sign-up and the workers are about all users. What Ada does is done within her.
    let all = store.system();
    let ada = sign_up(&all).await?;
    let hers = store.of(ada.id);
    let campaign = schedule(&hers, &ada).await?;
    send_what_is_due(&all).await?;
    summarise(&hers, &ada, &campaign).await
}

/// The store that the environment selects.
async fn open() -> Result<Arc<dyn Store>> {
    let Ok(uri) = std::env::var("MONGODB_URI") else {
        println!("Store: in memory (set MONGODB_URI for a server)");
        return Ok(Arc::new(MemoryStore::new()));
    };
    on_server(&uri).await
}

#[cfg(feature = "mongo")]
async fn on_server(uri: &str) -> Result<Arc<dyn Store>> {
    let name = std::env::var("MONGODB_DB").unwrap_or_else(|_| "campaign_store_quickstart".to_owned());
    let database = campaign_store::MongoStore::connect(uri, &name).await?;
    mongodb::Client::with_uri_str(uri).await?.database(&name).drop().await?;
    database.provision().await?;
    println!("Store: MongoDB, database {name}, indexes provisioned");
    Ok(Arc::new(database))
}

#[cfg(not(feature = "mongo"))]
async fn on_server(_uri: &str) -> Result<Arc<dyn Store>> {
    Err("this example was built without the feature mongo".into())
}

async fn sign_up(store: &Repositories) -> Result<User> {
    let ada = store.users.create(NewUser::new("Ada", "ada@example.com")?.email("ada@example.com")?).await?;
    for (address, provider) in [("ada@work.example", Provider::Gmail), ("ada@lab.example", Provider::Outlook)]
    {
        let mailbox = store.mailboxes.link(NewMailbox::new(ada.id, address, provider)?).await?;
        let role = if mailbox.is_primary { "primary" } else { "second" };
        println!("Mailbox: {} at {} ({role})", mailbox.email, mailbox.provider);
    }
    Ok(ada)
}

async fn schedule(store: &Repositories, ada: &User) -> Result<Campaign> {
    let mailbox = store.mailboxes.least_recently_used(ada.id).await?.ok_or("no mailbox can send")?;
    let start = SystemClock.now() - TimeDelta::minutes(1);
    let day = CampaignDuration::hours(24.0)?;
    let new = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, day)?;
    let campaign = store.campaigns.create(new).await?;
    println!("Campaign: {}, {}, until {}", campaign.campaign_name, campaign.status, campaign.end_time);
    Ok(campaign)
}

/// The work of a worker. Any number of workers can run.
async fn send_what_is_due(store: &Repositories) -> Result {
    let now = SystemClock.now();
    for campaign in store.campaigns.claim_due(now, 10).await? {
        let mailbox = store.mailboxes.touch(campaign.mailbox_id).await?;
        let recipients: Vec<_> = (1..=250).map(|n| format!("reader{n}@example.com")).collect();
        store.campaigns.add_recipients(campaign.id, 250.into()).await?;
        let mut sends = Vec::new();
        for recipient in &recipients {
            sends.push(NewSend::new(&campaign, &mailbox, recipient, now)?);
        }
        let outcomes = store.email_tracking.record_sends(sends.clone()).await?;
        println!("Sends: {} recorded", count(&outcomes, SendOutcome::Recorded));
        // A worker that does not know whether its sends were recorded simply retries.
        let outcomes = store.email_tracking.record_sends(sends).await?;
        println!("Retry: {} already recorded", count(&outcomes, SendOutcome::AlreadyRecorded));
    }
    Ok(())
}

fn count(outcomes: &[SendOutcome], wanted: SendOutcome) -> usize {
    outcomes.iter().filter(|outcome| **outcome == wanted).count()
}

async fn summarise(store: &Repositories, ada: &User, campaign: &Campaign) -> Result {
    let campaign = store.campaigns.get(campaign.id).await?.ok_or("the campaign is gone")?;
    let metrics = store.campaign_metrics.get(campaign.id).await?.ok_or("the metrics are gone")?;
    println!("\n{} of {}", campaign.campaign_name, ada.user_name);
    println!("  status      {}", campaign.status);
    println!("  recipients  {}", campaign.total_recipients);
    println!("  sent        {}", metrics.totals.sent);
    println!("  delivered   {}", metrics.totals.delivered);
    println!("  open rate   {:.1} %", metrics.rates.open_rate);
    println!("  bounce rate {:.1} %", metrics.rates.bounce_rate);
    Ok(())
}
