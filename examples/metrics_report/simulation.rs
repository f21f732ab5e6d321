//! A simulation of what happens to a campaign's e-mails, always the same.

use campaign_store::{BounceKind, Campaign, Mailbox, NewSend, Repositories, TrackingEvent, TrackingId};
use chrono::{DateTime, TimeDelta, Timelike, Utc};

use crate::support::Result;

/// Sends `emails` e-mails and records what happens to them: late, out of order and partly twice, as in
/// practice. Returns the number of events.
pub(crate) async fn run(
    store: &Repositories,
    campaign: &Campaign,
    mailbox: &Mailbox,
    emails: u32,
) -> Result<usize> {
    let mut random = Random(2026);
    let mut sends = Vec::new();
    let mut events = Vec::new();
    for n in 0..emails {
        let at = campaign.start_time + seconds(f64::from(n) * 9.0);
        let send = NewSend::new(campaign, mailbox, format!("reader{n}@example.com"), at)?;
        life(&mut random, send.id(), at, &mut events)?;
        sends.push(send);
    }
    let repeated: Vec<_> = events.iter().filter(|_| random.chance(0.1)).cloned().collect();
    events.extend(repeated);
    events.sort_by_cached_key(|_| random.next());
    let count = events.len();
    store.email_tracking.record_sends(sends).await?;
    store.email_tracking.record_events(events).await?;
    Ok(count)
}

/// The events of one e-mail. Each has an id, so that a repetition is recognised.
fn life(random: &mut Random, id: TrackingId, sent: DateTime<Utc>, events: &mut Vec<TrackingEvent>) -> Result {
    let mut happen = |event: TrackingEvent, name: &str| -> Result {
        events.push(event.provider_event_id(name)?);
        Ok(())
    };
    if random.chance(0.04) {
        let event = TrackingEvent::bounced(
            id,
            sent + seconds(5.0),
            BounceKind::Hard,
            Some("550 5.1.1 user unknown"),
        )?;
        return happen(event, "bounce");
    }
    happen(TrackingEvent::delivered(id, sent + seconds(2.0 + random.wait(10.0))), "delivery")?;
    if !random.chance(0.46) {
        return Ok(());
    }
    let opened = awake(sent + seconds(60.0 + random.wait(8.0 * 3_600.0)), random);
    happen(TrackingEvent::opened(id, opened), "open-1")?;
    if random.chance(0.35) {
        let again = opened + seconds(random.wait(20.0 * 3_600.0));
        happen(TrackingEvent::opened(id, again), "open-2")?;
    }
    if random.chance(0.31) {
        let clicked = opened + seconds(10.0 + random.wait(90.0));
        happen(TrackingEvent::clicked(id, clicked), "click")?;
        if random.chance(0.3) {
            happen(TrackingEvent::replied(id, clicked + seconds(random.wait(2.0 * 3_600.0))), "reply")?;
        }
    }
    if random.chance(0.03) {
        happen(TrackingEvent::unsubscribed(id, opened + seconds(30.0)), "unsubscribe")?;
    }
    Ok(())
}

/// Most readers sleep from 22 to 6 o'clock, and read in the morning instead.
fn awake(at: DateTime<Utc>, random: &mut Random) -> DateTime<Utc> {
    let sleeps = at.hour() >= 22 || at.hour() < 6;
    if sleeps && random.chance(0.85) { at + TimeDelta::hours(8) } else { at }
}

#[expect(clippy::cast_possible_truncation, reason = "some hours in milliseconds")]
fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1_000.0) as i64)
}

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.part() < probability
    }

    /// A random waiting time of about `mean`, and below four times that.
    fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - 0.98 * self.part()).ln()
    }
}
