//! Code shared by the larger examples.

use std::error::Error;
use std::sync::Arc;

use campaign_store::{
    Campaign, CampaignDuration, Mailbox, ManualClock, MemoryStore, NewCampaign, NewMailbox, NewUser,
    Provider, Repositories,
};
use chrono::{DateTime, Utc};

pub(crate) type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// The store that the environment selects: in memory, or with `MONGODB_URI` set on that server, in the
/// database `MONGODB_DB` (default: `default_name`), which is emptied.
///
/// Its clock shows `now`, since a store refuses events in its future.
pub(crate) async fn open(default_name: &str, now: DateTime<Utc>) -> Result<Repositories> {
    let clock = Arc::new(ManualClock::new(now));
    let Ok(uri) = std::env::var("MONGODB_URI") else {
        println!("Store: in memory (set MONGODB_URI for a server)");
        return Ok(MemoryStore::with_clock(clock).system());
    };
    let name = std::env::var("MONGODB_DB").unwrap_or_else(|_| default_name.to_owned());
    on_server(&uri, &name, clock).await
}

#[cfg(feature = "mongo")]
async fn on_server(uri: &str, name: &str, clock: Arc<ManualClock>) -> Result<Repositories> {
    let options = campaign_store::MongoOptions::new(uri, name).clock(clock);
    let database = campaign_store::MongoStore::connect_with(options).await?;
    mongodb::Client::with_uri_str(uri).await?.database(name).drop().await?;
    database.provision().await?;
    println!("Store: MongoDB, database {name}, indexes provisioned");
    Ok(database.system())
}

#[cfg(not(feature = "mongo"))]
async fn on_server(_uri: &str, _name: &str, _clock: Arc<ManualClock>) -> Result<Repositories> {
    Err("this example was built without the feature mongo".into())
}

/// A campaign of a new user that starts at `start`, and its mailbox.
pub(crate) async fn new_campaign(store: &Repositories, start: DateTime<Utc>) -> Result<(Campaign, Mailbox)> {
    let ada = store.users.create(NewUser::new("Ada", "ada@example.com")?).await?;
    let mailbox = store.mailboxes.link(NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?).await?;
    let days = CampaignDuration::hours(72.0)?;
    let new = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, days)?;
    Ok((store.campaigns.create(new).await?, mailbox))
}
