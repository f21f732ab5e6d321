//! The event recorder on the in-memory store: batches, back-pressure, failures, and shutdown.
//!
//! Where timing matters, the clock of tokio is paused: it advances only when every task waits, so no test
//! depends on the speed of the machine.

#![expect(clippy::expect_used, reason = "a helper fails its test by a panic")]

mod batches;
mod ending;
mod failures;
mod watched;

use std::sync::Arc;

use campaign_store::{
    Campaign, CampaignDuration, EmailTracking, EventOutcome, EventRecorder, ManualClock, MemoryStore,
    NewCampaign, NewMailbox, NewSend, NewUser, Provider, Repositories, Result, TrackingEvent, TrackingId,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use watched::Watched;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_614_400_000).expect("a valid time")
}

/// A store with e-mails of some campaigns.
struct Scene {
    memory: MemoryStore,
    store: Repositories,
    /// The campaigns, and their e-mails.
    campaigns: Vec<(Campaign, Vec<TrackingId>)>,
}

impl Scene {
    async fn new(campaigns: usize, emails: usize) -> Self {
        let memory = MemoryStore::with_clock(Arc::new(ManualClock::new(noon())));
        let store = memory.system();
        let user =
            store.users.create(NewUser::new("Ada", "ada").expect("a name")).await.expect("a free login");
        let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("an address");
        let mailbox = store.mailboxes.link(mailbox).await.expect("a free address");
        let day = CampaignDuration::hours(24.0).expect("a duration");
        let mut made = Vec::new();
        for _ in 0..campaigns {
            let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Hi", noon(), day);
            let campaign = store.campaigns.create(new.expect("a campaign")).await.expect("a mailbox");
            let send = |n| NewSend::new(&campaign, &mailbox, format!("reader{n}@example.com"), noon());
            let sends: Vec<_> = (0..emails).map(send).collect::<Result<_, _>>().expect("addresses");
            let ids = sends.iter().map(NewSend::id).collect();
            store.email_tracking.record_sends(sends).await.expect("a campaign");
            made.push((campaign, ids));
        }
        Self { memory, store, campaigns: made }
    }

    /// The e-mails of the first campaign.
    fn emails(&self) -> Vec<TrackingId> {
        self.campaigns.first().map(|(_, ids)| ids.clone()).expect("a campaign")
    }

    fn watched(&self) -> Arc<Watched> {
        Arc::new(Watched::new(self.store.email_tracking.clone()))
    }

    async fn row(&self, id: TrackingId) -> EmailTracking {
        self.store.email_tracking.get(id).await.expect("the look-up").expect("a row")
    }
}

fn opened(id: TrackingId) -> TrackingEvent {
    TrackingEvent::opened(id, noon() + TimeDelta::minutes(5))
}

/// Hands all the events in at once.
async fn record_all(
    recorder: &EventRecorder,
    events: impl IntoIterator<Item = TrackingEvent>,
) -> Vec<Result<EventOutcome>> {
    join_all(events.into_iter().map(|event| recorder.record(event))).await
}
