//! Events of a campaign that is being sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use campaign_store::{
    Campaign, Clock, Mailbox, NewSend, Repositories, SystemClock, TrackingEvent, TrackingId,
};

use crate::Result;
use crate::ours::per_second;
use crate::world::World;

const PERIOD: Duration = Duration::from_secs(3);
const SENDERS: usize = 4;
const BATCH: usize = 1_000;
/// How long the one who records events waits before the next.
const PAUSE: Duration = Duration::from_millis(5);

/// What an event takes while its campaign is sent at full speed by four tasks, in the same process and in
/// another. The keys
/// start with `name`.
pub(crate) async fn while_sending(world: &World, figures: &mut BTreeMap<String, Vec<f64>>) -> Result<()> {
    let campaign = world.new_campaign().await?;
    let opened = NewSend::new(&campaign, &world.mailbox, "first@example.com", SystemClock.now())?;
    let id = opened.id();
    world.store.email_tracking.record_sends(vec![opened]).await?;
    for (way, store) in [("shared", world.store.clone()), ("apart", world.another_store().await?)] {
        let stop = Arc::new(AtomicBool::new(false));
        let sender = |n| {
            send_on(
                world.store.clone(),
                campaign.clone(),
                world.mailbox.clone(),
                format!("{way}{n}"),
                stop.clone(),
            )
        };
        let senders: Vec<_> = (0..SENDERS).map(|n| tokio::spawn(sender(n))).collect();
        let (mut times, failed) = events(&store, id).await?;
        stop.store(true, Ordering::SeqCst);
        let mut sends_per_s = 0.0;
        for sender in senders {
            sends_per_s += sender.await??;
        }
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
        for (what, figure) in [
            ("event_p50_ms", at(50)),
            ("event_p90_ms", at(90)),
            ("event_p99_ms", at(99)),
            ("event_max_ms", times.last().copied().unwrap_or_default()),
            ("events_failed", failed),
            ("sends_per_s", sends_per_s),
        ] {
            eprintln!("{way}_{what} {figure:.1}");
            figures.entry(format!("{way}_{what}")).or_default().push(figure);
        }
        world.check().await?;
    }
    world.remove_rows_of(&campaign).await
}

async fn send_on(
    store: Repositories,
    campaign: Campaign,
    mailbox: Mailbox,
    way: String,
    stop: Arc<AtomicBool>,
) -> Result<f64> {
    let message = "spring is here. ".repeat(66);
    let mut sent = 0;
    let started = Instant::now();
    let run = SystemClock.now().timestamp_millis();
    while !stop.load(Ordering::SeqCst) {
        let send = |n| {
            let recipient = format!("{way}{run}x{n}@example.com");
            NewSend::new(&campaign, &mailbox, recipient, SystemClock.now())?.message(&message)
        };
        let sends = (sent..sent + BATCH).map(send).collect::<std::result::Result<Vec<_>, _>>()?;
        store.email_tracking.record_sends(sends).await?;
        sent += BATCH;
    }
    Ok(per_second(sent, started.elapsed().as_secs_f64()))
}

/// What each event took, in milliseconds, and how many failed.
async fn events(store: &Repositories, id: TrackingId) -> Result<(Vec<f64>, f64)> {
    let (mut times, mut failed) = (Vec::new(), 0.0);
    let started = Instant::now();
    while started.elapsed() < PERIOD {
        let before = Instant::now();
        let event = TrackingEvent::opened(id, SystemClock.now());
        if store.email_tracking.record_events(vec![event]).await.is_err() {
            failed += 1.0;
        }
        times.push(before.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(PAUSE).await;
    }
    Ok((times, failed))
}
