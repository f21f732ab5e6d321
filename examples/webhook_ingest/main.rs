//! Exact metrics from the webhooks of four e-mail providers.
//!
//! The example parses recorded calls of SendGrid, Mailgun, Postmark and Amazon SES (`fixtures/`) into
//! tracking events, and records them through an [`EventRecorder`]: twice, because providers repeat calls.
//!
//! Run it with `cargo run --example webhook_ingest`: it runs in memory and needs no server. With
//! `MONGODB_URI` set it does the same on that server, in the database `MONGODB_DB` (default:
//! `campaign_store_webhooks`), which it empties at the start and leaves in place. Its tests run with `cargo
//! test --example webhook_ingest`.

mod mailgun;
mod payload;
mod postmark;
mod sendgrid;
mod ses;
#[path = "../support/mod.rs"]
mod support;
mod tally;

use campaign_store::{
    Campaign, CampaignMetrics, EventRecorder, NewSend, RecorderOptions, Repositories, TrackingEvent,
    TrackingId,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use serde::Deserialize;

use payload::{Payload, Refused};
use support::Result;
use tally::Tally;

/// A provider: its recorded calls, and the parser for them.
struct Provider {
    name: &'static str,
    calls: &'static [&'static str],
    parse: fn(&str) -> Result<Payload, Refused>,
}

const PROVIDERS: [Provider; 4] = [
    Provider { name: "SendGrid", calls: sendgrid::CALLS, parse: sendgrid::parse },
    Provider { name: "Mailgun", calls: mailgun::CALLS, parse: mailgun::parse },
    Provider { name: "Postmark", calls: postmark::CALLS, parse: postmark::parse },
    Provider { name: "Amazon SES", calls: ses::CALLS, parse: ses::parse },
];

/// An e-mail that the recorded calls refer to.
#[derive(Deserialize)]
struct Sent {
    tracking_id: TrackingId,
    recipient: String,
}

#[tokio::main]
async fn main() -> Result {
    // The calls were recorded in the hours after the start.
    let store = support::open("campaign_store_webhooks", start()? + TimeDelta::hours(12)).await?;
    let campaign = send(&store).await?;
    let recorder = EventRecorder::start(store.email_tracking.clone(), RecorderOptions::default());
    for round in ["First delivery", "Same calls again"] {
        println!("\n{round}\n{}", Tally::HEADER);
        for provider in &PROVIDERS {
            println!("{}", ingest(&recorder, provider).await?);
        }
    }
    let stats = recorder.shutdown().await;
    println!("\nRecorder: {} events in {} commits, {} failed", stats.recorded, stats.batches, stats.failed);
    print_metrics(&metrics(&store, &campaign).await?);
    Ok(())
}

fn start() -> Result<DateTime<Utc>> {
    Ok("2026-03-16T08:33:20Z".parse()?)
}

/// Records the sends, each with the tracking id that its provider will return.
async fn send(store: &Repositories) -> Result<Campaign> {
    let start = start()?;
    let (campaign, mailbox) = support::new_campaign(store, start).await?;
    let sent: Vec<Sent> = serde_json::from_str(include_str!("fixtures/sends.json"))?;
    let send = |sent: &Sent| -> Result<NewSend> {
        let send = NewSend::new(&campaign, &mailbox, &sent.recipient, start)?;
        Ok(send.tracking_id(sent.tracking_id))
    };
    store.email_tracking.record_sends(sent.iter().map(send).collect::<Result<_>>()?).await?;
    Ok(campaign)
}

/// The work of the webhook's handler for each call. It answers the provider once the outcomes are known:
/// after an error the provider retries the call, and events that were already recorded are then duplicates.
async fn ingest(recorder: &EventRecorder, provider: &Provider) -> Result<Tally> {
    let mut tally = Tally::new(provider.name);
    for call in provider.calls {
        let payload = (provider.parse)(call).map_err(|refused| format!("{}: {refused}", provider.name))?;
        let record = |event: TrackingEvent| recorder.record(event);
        tally.count(payload.skipped, &try_join_all(payload.events.into_iter().map(record)).await?);
    }
    Ok(tally)
}

async fn metrics(store: &Repositories, campaign: &Campaign) -> Result<CampaignMetrics> {
    Ok(store.campaign_metrics.get(campaign.id).await?.ok_or("the metrics are gone")?)
}

fn print_metrics(metrics: &CampaignMetrics) {
    let (totals, rates) = (&metrics.totals, &metrics.rates);
    println!("\nMetrics");
    println!("  sent         {:>3}", totals.sent);
    println!("  delivered    {:>3}", totals.delivered);
    println!("  opened       {:>3}  {:>5.1} % of delivered", totals.opened, rates.open_rate);
    println!("  clicked      {:>3}  {:>5.1} %", totals.clicked, rates.click_rate);
    println!("  replied      {:>3}  {:>5.1} %", totals.replied, rates.reply_rate);
    println!("  unsubscribed {:>3}", totals.unsubscribed);
    println!("  bounced      {:>3}  {:>5.1} % of sent", totals.bounced, rates.bounce_rate);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use campaign_store::{ManualClock, MemoryStore};

    use super::*;

    fn new_store() -> Repositories {
        let clock = ManualClock::new(start().unwrap() + TimeDelta::hours(12));
        MemoryStore::with_clock(Arc::new(clock)).system()
    }

    async fn ingest_all(recorder: &EventRecorder) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for provider in &PROVIDERS {
            tallies.push(ingest(recorder, provider).await.unwrap());
        }
        tallies
    }

    #[tokio::test]
    async fn what_is_called_twice_counts_once() {
        let store = new_store();
        let campaign = send(&store).await.unwrap();
        let recorder = EventRecorder::start(store.email_tracking.clone(), RecorderOptions::default());

        let first = ingest_all(&recorder).await;
        // SendGrid's call contains one event twice, and an event of an e-mail that is not ours.
        let [sendgrid, others @ ..] = first.as_slice() else { panic!("four providers") };
        assert_eq!((sendgrid.duplicates, sendgrid.unknown), (1, 1));
        assert!(others.iter().all(|tally| (tally.duplicates, tally.unknown) == (0, 0)));
        // Each has a soft bounce.
        assert!(first.iter().all(|tally| (tally.noted, tally.implausible) == (1, 0)));

        let metrics = metrics(&store, &campaign).await.unwrap();
        let totals = metrics.totals;
        assert_eq!((totals.sent, totals.delivered, totals.bounced), (16, 12, 4));
        assert_eq!((totals.opened, totals.clicked, totals.replied, totals.unsubscribed), (8, 4, 1, 8));

        let again = ingest_all(&recorder).await;
        assert!(again.iter().all(|tally| (tally.first, tally.repeats, tally.noted) == (0, 0, 0)));
        assert_eq!(super::metrics(&store, &campaign).await.unwrap(), metrics);
        assert_eq!(recorder.shutdown().await.failed, 0);
    }

    #[tokio::test]
    async fn the_times_are_those_of_the_events() {
        let store = new_store();
        send(&store).await.unwrap();
        let recorder = EventRecorder::start(store.email_tracking.clone(), RecorderOptions::default());
        ingest_all(&recorder).await;
        let id = "a0000000-0000-4000-8000-000000000001".parse().unwrap();
        let row = store.email_tracking.get(id).await.unwrap().unwrap();
        // The call has the click first, although the open was five seconds earlier.
        let after_start = |at: Option<DateTime<Utc>>| (at.unwrap() - row.sent_at).num_seconds();
        assert_eq!([row.delivered_at, row.opened_at, row.clicked_at].map(after_start), [3, 900, 905]);
        assert_eq!((row.opens, row.clicks), (2, 1));
    }
}
