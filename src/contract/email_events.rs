//! The contract of events in [`EmailTrackingRepository`](crate::EmailTrackingRepository).

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::fixtures::{self, address, crowd, metrics_of, only_sent, record, send, sends};
use super::{Opened, start};
use crate::{
    BounceKind, Campaign, CampaignId, EmailTracking, EventOutcome, PageRequest, Rates, Signal, Totals,
    TrackingEvent, TrackingFilter, TrackingId, UserId,
};

use EventOutcome::{Duplicate, First, ImplausibleTime, Noted, Repeat, UnknownTracking};

/// The `n`-th minute after the start.
fn minute(n: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(n)
}

/// A campaign with `n` e-mails.
async fn sent(db: &Opened, n: usize) -> (Campaign, Vec<TrackingId>) {
    let campaign = fixtures::scene(db).await.campaign;
    let ids = sent_by(db, &campaign, n).await;
    (campaign, ids)
}

async fn sent_by(db: &Opened, campaign: &Campaign, n: usize) -> Vec<TrackingId> {
    let sends = sends(campaign, n);
    let ids = sends.iter().map(crate::NewSend::id).collect();
    record(db, sends).await;
    ids
}

async fn happen(db: &Opened, events: Vec<TrackingEvent>) -> Vec<EventOutcome> {
    db.store.email_tracking.record_events(events).await.expect("the outcomes")
}

/// The row as the other handle sees it.
async fn row(db: &Opened, id: TrackingId) -> EmailTracking {
    db.second.email_tracking.get(id).await.expect("a look-up").expect("the row")
}

async fn totals(db: &Opened, campaign: CampaignId) -> Totals {
    metrics_of(db, campaign).await.totals
}

fn bounced(id: TrackingId, at: DateTime<Utc>) -> TrackingEvent {
    TrackingEvent::bounced(id, at, BounceKind::Hard, Some("550 no such user")).expect("a valid reason")
}

fn named(event: TrackingEvent, id: &str) -> TrackingEvent {
    event.provider_event_id(id).expect("a valid id")
}

/// An event changes its row and nothing else, and is counted.
pub async fn an_event_changes_its_row_and_the_metrics(db: &Opened) {
    let (campaign, ids) = sent(db, 2).await;
    let (before, other) = (row(db, ids[0]).await, row(db, ids[1]).await);
    assert_eq!(happen(db, vec![TrackingEvent::delivered(ids[0], minute(1))]).await, [First]);
    let expected = EmailTracking { delivered_at: Some(minute(1)), ..before };
    assert_eq!(row(db, ids[0]).await, expected);
    assert_eq!(row(db, ids[1]).await, other);
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 1, ..only_sent(2) });
}

/// Every kind of event is stored with its time, count and reason.
pub async fn every_kind_of_event_is_read_back(db: &Opened) {
    let (campaign, ids) = sent(db, 1).await;
    let id = ids[0];
    let before = row(db, id).await;
    let events = vec![
        TrackingEvent::delivered(id, minute(1)),
        TrackingEvent::opened(id, minute(2)),
        TrackingEvent::clicked(id, minute(3)),
        TrackingEvent::replied(id, minute(4)),
        TrackingEvent::unsubscribed(id, minute(5)),
        bounced(id, minute(6)),
    ];
    assert_eq!(happen(db, events).await, [First; 6]);
    let expected = EmailTracking {
        delivered_at: Some(minute(1)),
        opened_at: Some(minute(2)),
        opens: 1,
        clicked_at: Some(minute(3)),
        clicks: 1,
        replied_at: Some(minute(4)),
        replies: 1,
        unsubscribed: true,
        unsubscribed_at: Some(minute(5)),
        bounced: true,
        bounce_reason: Some("550 no such user".to_owned()),
        ..before
    };
    assert_eq!(row(db, id).await, expected);
    let expected = Totals { bounced: 1, unsubscribed: 1, ..only_sent(1) };
    assert_eq!(totals(db, campaign.id).await, expected);
}

/// A complaint unsubscribes and suppresses, in any order with the others, and a bounce does not void it.
pub async fn a_complaint_unsubscribes_and_suppresses(db: &Opened) {
    let (campaign, ids) = sent(db, 2).await;
    let recipient = row(db, ids[0]).await.recipient_email;
    let suppressed = async || {
        let found = db.store.email_tracking.is_suppressed(campaign.user_id, &recipient).await;
        found.expect("a look-up")
    };
    assert!(!suppressed().await);
    assert_eq!(happen(db, vec![TrackingEvent::complained(ids[0], minute(5))]).await, [First]);
    assert!(suppressed().await);
    let complained = row(db, ids[0]).await;
    assert_eq!((complained.unsubscribed, complained.unsubscribed_at), (true, Some(minute(5))));
    assert_eq!(totals(db, campaign.id).await, Totals { unsubscribed: 1, ..only_sent(2) });
    let events = vec![TrackingEvent::unsubscribed(ids[0], minute(3)), bounced(ids[0], minute(6))];
    assert_eq!(happen(db, events).await, [Repeat, First]);
    assert_eq!(row(db, ids[0]).await.unsubscribed_at, Some(minute(3)));
    assert_eq!(totals(db, campaign.id).await, Totals { unsubscribed: 1, bounced: 1, ..only_sent(2) });
    let filter = TrackingFilter::campaign(campaign.id).state(Signal::Complained);
    let page = db.store.email_tracking.list(&filter, &PageRequest::default()).await.expect("a page");
    assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[0]]);
}

/// A click implies an open and a delivery, but does not count as another open.
pub async fn a_click_is_an_open_and_a_delivery(db: &Opened) {
    let (campaign, ids) = sent(db, 1).await;
    assert_eq!(happen(db, vec![TrackingEvent::clicked(ids[0], minute(3))]).await, [First]);
    let clicked = row(db, ids[0]).await;
    assert_eq!((clicked.opens, clicked.clicks), (0, 1));
    assert_eq!([clicked.delivered_at, clicked.opened_at, clicked.clicked_at], [Some(minute(3)); 3]);
    let expected = Totals { delivered: 1, opened: 1, clicked: 1, ..only_sent(1) };
    assert_eq!(totals(db, campaign.id).await, expected);
    assert_eq!(happen(db, vec![TrackingEvent::opened(ids[0], minute(4))]).await, [First]);
    assert_eq!(totals(db, campaign.id).await, expected);
}

/// The earliest event sets the time, in whatever order events arrive; every event is counted.
pub async fn the_earliest_event_gives_the_time(db: &Opened) {
    let (campaign, ids) = sent(db, 1).await;
    for (at, outcome) in [(5, First), (3, Repeat), (7, Repeat)] {
        assert_eq!(happen(db, vec![TrackingEvent::opened(ids[0], minute(at))]).await, [outcome]);
    }
    let opened = row(db, ids[0]).await;
    assert_eq!((opened.opens, opened.opened_at, opened.delivered_at), (3, Some(minute(3)), Some(minute(3))));
    let expected = Totals { delivered: 1, opened: 1, ..only_sent(1) };
    assert_eq!(totals(db, campaign.id).await, expected);
}

/// Several events of one e-mail in one batch are applied one after another.
pub async fn events_of_one_email_in_a_batch_add_up(db: &Opened) {
    let (_, ids) = sent(db, 2).await;
    let events = vec![
        TrackingEvent::opened(ids[0], minute(2)),
        TrackingEvent::opened(ids[1], minute(9)),
        TrackingEvent::opened(ids[0], minute(1)),
        TrackingEvent::delivered(ids[0], minute(1)),
    ];
    assert_eq!(happen(db, events).await, [First, First, Repeat, Repeat]);
    assert_eq!((row(db, ids[0]).await.opens, row(db, ids[1]).await.opens), (2, 1));
}

/// An event recorded with a provider event id is not recorded again.
pub async fn an_event_with_a_known_id_is_a_duplicate(db: &Opened) {
    let (campaign, ids) = sent(db, 1).await;
    let event = named(TrackingEvent::opened(ids[0], minute(2)), "evt-1");
    assert_eq!(happen(db, vec![event.clone(), event.clone()]).await, [First, Duplicate]);
    let (before, metrics) = (row(db, ids[0]).await, metrics_of(db, campaign.id).await);
    assert_eq!(happen(db, vec![event.clone()]).await, [Duplicate]);
    // The id decides, whatever else the event says.
    let other = named(TrackingEvent::clicked(ids[0], minute(1)), "evt-1");
    assert_eq!(happen(db, vec![other, event]).await, [Duplicate, Duplicate]);
    assert_eq!(row(db, ids[0]).await, before);
    assert_eq!(metrics_of(db, campaign.id).await, metrics);
    assert_eq!(happen(db, vec![named(TrackingEvent::opened(ids[0], minute(2)), "evt-2")]).await, [Repeat]);
}

/// The same provider event id on another e-mail is another event.
pub async fn an_event_id_holds_for_its_email(db: &Opened) {
    let (_, ids) = sent(db, 2).await;
    let events: Vec<_> = ids.iter().map(|id| named(TrackingEvent::opened(*id, minute(2)), "evt-1")).collect();
    assert_eq!(happen(db, events.clone()).await, [First, First]);
    assert_eq!(happen(db, events).await, [Duplicate, Duplicate]);
}

/// An event of an unknown e-mail is not remembered, so it can be retried once the e-mail exists.
pub async fn an_event_of_an_unknown_email_can_come_again(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let late = send(&campaign, "late@example.com");
    let event = named(TrackingEvent::opened(late.id(), minute(2)), "evt-1");
    assert_eq!(happen(db, vec![event.clone(), event.clone()]).await, [UnknownTracking; 2]);
    record(db, vec![late]).await;
    assert_eq!(happen(db, vec![event]).await, [First]);
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 1, opened: 1, ..only_sent(1) });
}

/// One batch can have all outcomes; they are in batch order.
pub async fn outcomes_are_in_the_order_of_the_batch(db: &Opened) {
    let (_, ids) = sent(db, 2).await;
    let open = |id| TrackingEvent::opened(id, minute(2));
    happen(db, vec![named(open(ids[0]), "evt-1")]).await;
    let unknown = Uuid::nil().into();
    let events = vec![
        open(unknown),
        named(open(ids[0]), "evt-1"),
        open(ids[1]),
        open(ids[0]),
        named(open(unknown), "evt-1"),
        open(ids[1]),
    ];
    let expected = [UnknownTracking, Duplicate, First, Repeat, UnknownTracking, Repeat];
    assert_eq!(happen(db, events).await, expected);
}

/// A bounce revokes the delivery and the open, even if it arrives first.
pub async fn a_bounce_stands_above_all(db: &Opened) {
    let (campaign, ids) = sent(db, 2).await;
    happen(db, vec![TrackingEvent::opened(ids[0], minute(1))]).await;
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 1, opened: 1, ..only_sent(2) });
    assert_eq!(happen(db, vec![bounced(ids[0], minute(2))]).await, [First]);
    assert_eq!(totals(db, campaign.id).await, Totals { bounced: 1, ..only_sent(2) });
    let late = vec![bounced(ids[1], minute(2)), TrackingEvent::clicked(ids[1], minute(1))];
    assert_eq!(happen(db, late).await, [First, First]);
    assert_eq!(totals(db, campaign.id).await, Totals { bounced: 2, ..only_sent(2) });
    let metrics = metrics_of(db, campaign.id).await;
    assert_eq!(metrics.rates, Rates::of(&metrics.totals));
}

/// Of several bounce reasons the smallest text stays; a missing reason never replaces one.
pub async fn the_smallest_bounce_reason_stays(db: &Opened) {
    let (_, ids) = sent(db, 1).await;
    let bounce =
        |reason| TrackingEvent::bounced(ids[0], minute(1), BounceKind::Hard, reason).expect("a valid reason");
    for (reason, expected) in [
        (None, None),
        (Some("b"), Some("b")),
        (Some("$a"), Some("$a")),
        (Some("c"), Some("$a")),
        (None, Some("$a")),
    ] {
        happen(db, vec![bounce(reason)]).await;
        assert_eq!(row(db, ids[0]).await.bounce_reason.as_deref(), expected);
    }
}

/// A soft bounce changes neither the row nor the metrics, and suppresses nobody. Its id is remembered.
pub async fn a_soft_bounce_is_noted(db: &Opened) {
    let (campaign, ids) = sent(db, 2).await;
    let soft = |n: usize| {
        TrackingEvent::bounced(ids[n], minute(1), BounceKind::Soft, Some("452 full")).expect("a valid reason")
    };
    let (before, totals_before) = (row(db, ids[0]).await, metrics_of(db, campaign.id).await);
    let batch = vec![soft(0), named(soft(0), "1"), named(soft(0), "1"), soft(1)];
    assert_eq!(happen(db, batch.clone()).await, [Noted, Noted, Duplicate, Noted]);
    assert_eq!(happen(db, batch).await, [Noted, Duplicate, Duplicate, Noted]);
    assert_eq!(row(db, ids[0]).await, before);
    assert_eq!(metrics_of(db, campaign.id).await, totals_before);
    let tracking = &db.store.email_tracking;
    let recipient = &before.recipient_email;
    assert!(!tracking.is_suppressed(campaign.user_id, recipient).await.expect("an answer"));

    // What follows counts as if there had been none.
    let delivered = named(TrackingEvent::delivered(ids[0], minute(2)), "2");
    assert_eq!(happen(db, vec![delivered, bounced(ids[1], minute(3))]).await, [First, First]);
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 1, bounced: 1, ..only_sent(2) });
    let unknown = TrackingId::from(Uuid::nil());
    let unknown = TrackingEvent::bounced(unknown, minute(1), BounceKind::Soft, None).expect("no reason");
    assert_eq!(happen(db, vec![unknown]).await, [UnknownTracking]);
}

/// An event more than a day before its send, or more than a day after the time of the store, is not recorded; the
/// others of its batch are. Its id is not remembered, so that the event can come again with the right time.
pub async fn an_event_at_an_implausible_time_is_not_recorded(db: &Opened) {
    let (campaign, ids) = sent(db, 1).await;
    let id = ids[0];
    db.clock.set(minute(7 * 24 * 60));
    let (day, millisecond) = (TimeDelta::days(1), TimeDelta::milliseconds(1));
    let (earliest, latest) = (start() - day, minute(7 * 24 * 60) + day);
    let before = row(db, id).await;
    let year_0 = "0000-01-01T00:00:00Z".parse().expect("a time");
    let year_58174 = "+58174-01-01T00:00:00Z".parse().expect("a time");
    let bad = [earliest - millisecond, latest + millisecond, year_0, year_58174, DateTime::UNIX_EPOCH];
    for signal in Signal::ALL {
        let events = bad.map(|at| named(TrackingEvent::new(*signal, id, at), "1"));
        for _ in 0..2 {
            assert_eq!(happen(db, events.to_vec()).await, [ImplausibleTime; 5], "{signal}");
        }
    }
    assert_eq!(row(db, id).await, before);
    let open = |at| TrackingEvent::opened(id, at);
    let batch = vec![open(year_0), named(open(latest), "1"), open(earliest), open(year_58174)];
    assert_eq!(happen(db, batch).await, [ImplausibleTime, First, Repeat, ImplausibleTime]);
    let row = row(db, id).await;
    assert_eq!((row.opened_at, row.delivered_at, row.opens), (Some(earliest), Some(earliest), 2));
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 1, opened: 1, ..only_sent(1) });
}

/// A batch can span many campaigns; each is counted separately.
pub async fn a_batch_of_thousands_is_counted_by_campaign(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut campaigns = vec![scene.campaign];
    for _ in 1..3 {
        campaigns.push(fixtures::campaign(db, &scene.user, &scene.mailbox).await);
    }
    let mut events = Vec::new();
    for (n, campaign) in campaigns.iter().enumerate() {
        for id in sent_by(db, campaign, 400 * (n + 1)).await {
            events.push(TrackingEvent::opened(id, minute(1)));
        }
    }
    events.extend_from_within(..1_000);
    let outcomes = happen(db, events).await;
    assert!(outcomes[..2_400].iter().all(|outcome| *outcome == First));
    assert!(outcomes[2_400..].iter().all(|outcome| *outcome == Repeat));
    for (n, campaign) in (1..).zip(&campaigns) {
        let expected = Totals { delivered: 400 * n, opened: 400 * n, ..only_sent(400 * n) };
        assert_eq!(totals(db, campaign.id).await, expected);
    }
}

/// An empty batch is not an error.
pub async fn an_empty_batch_of_events_is_no_error(db: &Opened) {
    assert_eq!(happen(db, Vec::new()).await, []);
}

/// If many callers record the same events at once, each event counts once.
pub async fn the_same_events_by_many_at_once_count_once(db: &Opened) {
    let (campaign, ids) = sent(db, 5).await;
    let outcomes = crowd(db, async |store, n| {
        let mut events: Vec<_> =
            ids.iter().map(|id| named(TrackingEvent::opened(*id, minute(1)), "evt-1")).collect();
        events.rotate_left(n % 5);
        store.email_tracking.record_events(events).await.expect("the outcomes")
    })
    .await;
    let firsts = outcomes.iter().flatten().filter(|outcome| **outcome == First).count();
    let duplicates = outcomes.iter().flatten().filter(|outcome| **outcome == Duplicate).count();
    assert_eq!((firsts, duplicates), (5, 5 * fixtures::CROWD - 5));
    for id in ids {
        assert_eq!(row(db, id).await.opens, 1);
    }
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 5, opened: 5, ..only_sent(5) });
}

/// If many callers record different events at once, all of them count.
pub async fn different_events_by_many_at_once_all_count(db: &Opened) {
    let (campaign, ids) = sent(db, 3).await;
    let outcomes = crowd(db, async |store, n| {
        let at = minute(i64::try_from(n).expect("a small number") + 1);
        let events = ids.iter().map(|id| TrackingEvent::opened(*id, at)).collect();
        store.email_tracking.record_events(events).await.expect("the outcomes")
    })
    .await;
    assert_eq!(outcomes.iter().flatten().filter(|outcome| **outcome == First).count(), 3);
    for id in ids {
        let row = row(db, id).await;
        assert_eq!((row.opens, row.opened_at), (fixtures::CROWD as u64, Some(minute(1))));
    }
    assert_eq!(totals(db, campaign.id).await, Totals { delivered: 3, opened: 3, ..only_sent(3) });
}

/// A recipient who bounced or unsubscribed is suppressed for that sender, and for no other.
pub async fn whoever_bounced_or_unsubscribed_is_suppressed(db: &Opened) {
    let (campaign, ids) = sent(db, 4).await;
    let events = vec![
        bounced(ids[0], minute(1)),
        TrackingEvent::unsubscribed(ids[1], minute(1)),
        TrackingEvent::clicked(ids[2], minute(1)),
    ];
    happen(db, events).await;
    let recipients: Vec<_> = (0..5).map(|n| address(&format!("recipient{n}@example.com"))).collect();
    let tracking = &db.second.email_tracking;
    for (recipient, expected) in recipients.iter().zip([true, true, false, false, false]) {
        let is_suppressed = tracking.is_suppressed(campaign.user_id, recipient).await;
        assert_eq!(is_suppressed.expect("an answer"), expected);
    }
    let suppressed = tracking.suppressed(campaign.user_id, &recipients).await;
    assert_eq!(suppressed.expect("an answer"), recipients[..2].iter().cloned().collect());
    let others = tracking.suppressed(UserId::new(), &recipients).await;
    assert_eq!(others.expect("an answer"), HashSet::new());
}

/// A look-up accepts thousands of recipients, or none.
pub async fn thousands_of_recipients_can_be_checked(db: &Opened) {
    let (campaign, ids) = sent(db, 2_500).await;
    happen(db, ids.iter().step_by(2).map(|id| TrackingEvent::unsubscribed(*id, minute(1))).collect()).await;
    let recipients: Vec<_> = (0..2_500).map(|n| address(&format!("recipient{n}@example.com"))).collect();
    let tracking = &db.store.email_tracking;
    let suppressed = tracking.suppressed(campaign.user_id, &recipients).await;
    assert_eq!(suppressed.expect("an answer"), recipients.iter().step_by(2).cloned().collect());
    let none = tracking.suppressed(campaign.user_id, &[]).await;
    assert_eq!(none.expect("an answer"), HashSet::new());
}
