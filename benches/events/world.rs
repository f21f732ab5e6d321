//! A provisioned database with four campaigns and many tracking rows.

use campaign_store::{
    Campaign, CampaignDuration, Clock, Mailbox, MongoStore, NewCampaign, NewMailbox, NewSend, NewUser,
    Provider, Repositories, SystemClock, TrackingEvent, TrackingId,
};
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database};

use crate::{Result, server};

const CAMPAIGNS: usize = 4;
const BATCH: usize = 1_000;

/// A database, accessed by the store and by the plain driver, each with its own connections.
pub(crate) struct World {
    pub(crate) store: Repositories,
    pub(crate) plain: Database,
    pub(crate) mailbox: Mailbox,
    pub(crate) campaigns: Vec<Campaign>,
    /// The rows in insertion order, alternating between the campaigns.
    pub(crate) ids: Vec<TrackingId>,
}

impl World {
    pub(crate) async fn new(rows: usize) -> Result<Self> {
        let name = server::database_name();
        let mongo = MongoStore::connect(server::uri(), &name).await?;
        mongo.provision().await?;
        let store = mongo.system();
        let mut options = ClientOptions::parse(server::uri()).await?;
        options.write_concern = Some(WriteConcern::majority());
        let plain = Client::with_options(options)?.database(&name);
        let user = store.users.create(NewUser::new("Ada", "ada")?).await?;
        let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail)?;
        let mailbox = store.mailboxes.link(mailbox).await?;
        let now = SystemClock.now();
        let mut campaigns = Vec::new();
        for _ in 0..CAMPAIGNS {
            campaigns.push(campaign_of(&store, &mailbox).await?);
        }
        let mut ids = Vec::with_capacity(rows);
        while ids.len() < rows {
            let first = ids.len();
            let mut sends = Vec::with_capacity(BATCH);
            for (n, campaign) in (first..rows.min(first + BATCH)).zip(campaigns.iter().cycle()) {
                let recipient = format!("recipient{n}@example.com");
                let send = NewSend::new(campaign, &mailbox, recipient, now)?;
                // With the other fields, a row has 1.5 KB.
                let message = format!("Hello {n}, {}", "spring is here. ".repeat(66));
                sends.push(send.recipient_name(format!("Recipient {n}"))?.message(message)?);
            }
            ids.extend(sends.iter().map(NewSend::id));
            store.email_tracking.record_sends(sends).await?;
        }
        Ok(Self { store, plain, mailbox, campaigns, ids })
    }

    /// `n` opens of rows spread over the collection, different ones in every turn. Provider event ids start
    /// with the name of their way, if there is one.
    pub(crate) fn opens(&self, n: usize, turn: usize, way: Option<&str>) -> Result<Vec<TrackingEvent>> {
        // A prime step visits every row once before it comes back to the first.
        const STEP: usize = 7_919;
        let at = SystemClock.now() + TimeDelta::seconds(i64::try_from(turn)?);
        let places = (0..n).map(|i| ((turn * n + i) * STEP) % self.ids.len().max(1));
        let event = |(i, place): (usize, usize)| {
            let event = TrackingEvent::opened(*self.ids.get(place).ok_or("no rows")?, at);
            Ok(match way {
                Some(way) => event.provider_event_id(format!("{way}-{turn}-evt-{i:016}"))?,
                None => event,
            })
        };
        places.enumerate().map(event).collect()
    }

    /// A further campaign, without rows.
    pub(crate) async fn new_campaign(&self) -> Result<Campaign> {
        campaign_of(&self.store, &self.mailbox).await
    }

    /// Removes the rows of a campaign, so that the other figures are of the same rows as without it.
    pub(crate) async fn remove_rows_of(&self, campaign: &Campaign) -> Result<()> {
        self.rows().delete_many(doc! { "campaign_id": campaign.id.to_string() }).await?;
        self.store.campaign_metrics.recount(campaign.id).await?;
        Ok(())
    }

    /// A store with connections of its own, as in another process.
    pub(crate) async fn another_store(&self) -> Result<Repositories> {
        Ok(MongoStore::connect(server::uri(), self.plain.name()).await?.system())
    }

    pub(crate) fn rows(&self) -> Collection<Document> {
        self.plain.collection("email_tracking")
    }

    pub(crate) fn metrics(&self) -> Collection<Document> {
        self.plain.collection("campaign_metrics")
    }

    /// Fails if any metrics are not exact.
    pub(crate) async fn check(&self) -> Result<()> {
        let drift: Vec<_> = self.store.campaign_metrics.drift().await?.try_collect().await?;
        if drift.is_empty() { Ok(()) } else { Err(format!("the metrics drifted: {drift:?}").into()) }
    }

    /// Resets the rows to how they were sent, and the metrics too.
    pub(crate) async fn reset(&self) -> Result<()> {
        let update = doc! {
            "$set": { "opens": 0_i64 },
            "$unset": { "opened_at": "", "delivered_at": "" },
        };
        self.rows().update_many(doc! {}, update).await?;
        for campaign in &self.campaigns {
            self.store.campaign_metrics.recount(campaign.id).await?;
        }
        Ok(())
    }

    pub(crate) async fn remove(&self) -> Result<()> {
        Ok(self.plain.drop().await?)
    }
}

async fn campaign_of(store: &Repositories, mailbox: &Mailbox) -> Result<Campaign> {
    let (now, day) = (SystemClock.now(), CampaignDuration::hours(24.0)?);
    let new = NewCampaign::new(mailbox.user_id, mailbox.id, "Spring", "Spring is here", "Hello.", now, day)?;
    Ok(store.campaigns.create(new).await?)
}
