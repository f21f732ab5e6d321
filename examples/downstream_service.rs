//! A function of a service that uses the store, and its unit tests on the in-memory store.
//!
//! Run it with `cargo run --example downstream_service`, and its tests with `cargo test --example
//! downstream_service`. It needs no server.

use campaign_store::{
    Campaign, CampaignId, Clock, EmailAddress, Error, Invalid, MemoryStore, NewSend, Problem, Repositories,
    Result, SendOutcome, SystemClock,
};
use chrono::{DateTime, Utc};

/// The outcome of one e-mail.
#[derive(Debug, PartialEq)]
enum Sent {
    Now,
    Before,
    NotAllowed,
}

/// The service's own logic: sends an e-mail of a campaign to one recipient, unless the recipient does not
/// want it or already has it.
async fn send_one(
    store: &Repositories,
    campaign: &Campaign,
    to: &EmailAddress,
    at: DateTime<Utc>,
) -> Result<Sent> {
    // An error here stops the send: without an answer, nothing is sent.
    if store.email_tracking.is_suppressed(campaign.user_id, to).await? {
        return Ok(Sent::NotAllowed);
    }
    let mailbox = store.mailboxes.touch(campaign.mailbox_id).await?;
    let send = NewSend::new(campaign, &mailbox, to.as_str(), at)?;
    match store.email_tracking.record_sends(vec![send]).await?.as_slice() {
        [SendOutcome::Recorded] => Ok(Sent::Now),
        [SendOutcome::UnknownCampaign] => {
            Err(Error::not_found(campaign_store::Collection::Campaigns, campaign.id))
        }
        [SendOutcome::AlreadyRecorded] => Ok(Sent::Before),
        // The clocks of the service and of the store differ by more than a day.
        _ => Err(Invalid::new("sent_at", Problem::OutOfCalendar).into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let memory = MemoryStore::new();
    let store = memory.system();
    let campaign = example_campaign(&store, SystemClock.now()).await?;
    let bob = EmailAddress::new("bob@example.com")?;
    for _ in 0..2 {
        println!("{:?}", send_one(&store, &campaign, &bob, campaign.start_time).await?);
    }
    println!("sent: {}", sent(&store, campaign.id).await?);
    Ok(())
}

async fn example_campaign(store: &Repositories, start: DateTime<Utc>) -> Result<Campaign> {
    use campaign_store::{CampaignDuration, NewCampaign, NewMailbox, NewUser, Provider};
    let ada = store.users.create(NewUser::new("Ada", "ada")?).await?;
    let mailbox = store.mailboxes.link(NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail)?).await?;
    let day = CampaignDuration::hours(24.0)?;
    let new = NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "Flowers are out.", start, day)?;
    store.campaigns.create(new).await
}

async fn sent(store: &Repositories, campaign: CampaignId) -> Result<u64> {
    Ok(store.campaign_metrics.get(campaign).await?.map_or(0, |metrics| metrics.totals.sent))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use campaign_store::{Collection, ManualClock};
    use chrono::TimeDelta;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-03-16T12:00:00Z".parse().unwrap()
    }

    /// A fresh store for each test, with a clock that the test controls.
    async fn set_up() -> (MemoryStore, Arc<ManualClock>, Repositories, Campaign, EmailAddress) {
        let clock = Arc::new(ManualClock::new(noon()));
        let memory = MemoryStore::with_clock(clock.clone());
        let store = memory.system();
        let campaign = example_campaign(&store, noon()).await.unwrap();
        (memory, clock, store, campaign, EmailAddress::new("bob@example.com").unwrap())
    }

    #[tokio::test]
    async fn an_email_is_sent_once() {
        let (_, clock, store, campaign, bob) = set_up().await;
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(send_one(&store, &campaign, &bob, campaign.start_time).await, Ok(Sent::Now));
        assert_eq!(send_one(&store, &campaign, &bob, campaign.start_time).await, Ok(Sent::Before));
        assert_eq!(sent(&store, campaign.id).await, Ok(1));
        let mailbox = store.mailboxes.get(campaign.mailbox_id).await.unwrap().unwrap();
        assert_eq!(mailbox.last_used, Some(noon() + TimeDelta::minutes(5)));
    }

    #[tokio::test]
    async fn nothing_is_sent_while_suppression_is_unknown() {
        let (memory, _, store, campaign, bob) = set_up().await;
        memory.fail_next(Collection::EmailTracking, Error::unavailable("test", "away"));
        let error = send_one(&store, &campaign, &bob, campaign.start_time).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(sent(&store, campaign.id).await, Ok(0));
    }
}
