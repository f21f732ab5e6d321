//! A provisioned database with a user, a mailbox and a campaign.

use std::ops::Range;

use campaign_store::{
    Campaign, CampaignDuration, Clock, Mailbox, MongoStore, NewCampaign, NewMailbox, NewSend, NewUser,
    Provider, Repositories, SystemClock, User,
};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database};

use crate::{Result, server};

/// The number of sends in a batch.
pub(crate) const BATCH: u64 = 1_000;

/// A database, accessed by the store and by the plain driver, each with its own connections.
pub(crate) struct World {
    pub(crate) store: Repositories,
    pub(crate) plain: Database,
    pub(crate) user: User,
    pub(crate) mailbox: Mailbox,
    pub(crate) campaign: Campaign,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let name = server::database_name();
        let mongo = MongoStore::connect(server::uri(), &name).await?;
        mongo.provision().await?;
        let store = mongo.system();
        let mut options = ClientOptions::parse(server::uri()).await?;
        options.write_concern = Some(WriteConcern::majority());
        let plain = Client::with_options(options)?.database(&name);
        let user = store.users.create(NewUser::new("Ada", "ada")?.email("ada@example.com")?).await?;
        let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail)?;
        let mailbox = store.mailboxes.link(mailbox).await?;
        let campaign = NewCampaign::new(
            user.id,
            mailbox.id,
            "Spring",
            "Spring is here",
            "Hello, spring is here.",
            SystemClock.now(),
            CampaignDuration::hours(24.0)?,
        )?;
        let campaign = store.campaigns.create(campaign).await?;
        let campaign = store.campaigns.start(campaign.id).await?;
        Ok(Self { store, plain, user, mailbox, campaign })
    }

    pub(crate) fn rows(&self, collection: &str) -> Collection<RawDocumentBuf> {
        self.plain.collection(collection)
    }

    /// The sends of a batch.
    pub(crate) fn sends(&self, batch: u64) -> Result<Vec<NewSend>> {
        let now = SystemClock.now();
        let send = |n| {
            let send = NewSend::new(&self.campaign, &self.mailbox, recipient(n), now)?;
            Ok(send.recipient_name(recipient_name(n))?.message(message(n))?)
        };
        numbers(batch).map(send).collect()
    }

    pub(crate) async fn remove(&self) -> Result<()> {
        Ok(self.plain.drop().await?)
    }
}

/// The numbers of the sends of a batch, different for every batch.
pub(crate) fn numbers(batch: u64) -> Range<u64> {
    batch * BATCH..(batch + 1) * BATCH
}

pub(crate) fn recipient(n: u64) -> String {
    format!("recipient{n}@example.com")
}

pub(crate) fn recipient_name(n: u64) -> String {
    format!("Recipient {n}")
}

/// With the other fields, a row has 1.5 KB.
pub(crate) fn message(n: u64) -> String {
    format!("Hello {n}, {}", "spring is here. ".repeat(66))
}
