//! The contract of recounts, series and totals in
//! [`CampaignMetricsRepository`](crate::CampaignMetricsRepository).

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::fixtures::{self, assert_fails, drain, metrics_of, only_sent, record, sends};
use super::{Opened, start};
use crate::{
    BounceKind, Campaign, CampaignId, Collection, Error, MetricsFilter, RecountProgress, Repositories,
    SeriesPoint, SeriesStep, Signal, Totals, TrackingEvent,
};

/// A campaign with three e-mails: the first was clicked, the second opened, the third bounced.
async fn lively(db: &Opened) -> Campaign {
    let campaign = fixtures::scene(db).await.campaign;
    let sends = sends(&campaign, 3);
    let ids: Vec<_> = sends.iter().map(crate::NewSend::id).collect();
    record(db, sends).await;
    let at = |minutes| start() + TimeDelta::minutes(minutes);
    let events = vec![
        TrackingEvent::clicked(ids[0], at(30)),
        TrackingEvent::opened(ids[1], at(90)),
        TrackingEvent::opened(ids[1], at(95)),
        TrackingEvent::bounced(ids[2], at(5), BounceKind::Hard, None).expect("no reason"),
    ];
    db.store.email_tracking.record_events(events).await.expect("the outcomes");
    campaign
}

const LIVELY: Totals =
    Totals { sent: 3, delivered: 2, opened: 2, clicked: 1, bounced: 1, replied: 0, unsubscribed: 0 };

async fn series(
    db: &Opened,
    filter: &MetricsFilter,
    state: Signal,
    step: SeriesStep,
    period: Range<DateTime<Utc>>,
) -> Vec<SeriesPoint> {
    db.store.campaign_metrics.series(filter, state, step, period).await.expect("a series")
}

/// From a day before the start to a day after it.
fn around() -> Range<DateTime<Utc>> {
    start() - TimeDelta::days(1)..start() + TimeDelta::days(1)
}

/// A recount of correct metrics writes nothing.
pub async fn a_recount_of_right_metrics_changes_nothing(db: &Opened) {
    let campaign = lively(db).await;
    let before = metrics_of(db, campaign.id).await;
    assert_eq!(before.totals, LIVELY);
    let recounted = db.store.campaign_metrics.recount(campaign.id).await;
    assert_eq!(recounted.expect("the metrics"), before);
    assert_eq!(metrics_of(db, campaign.id).await, before);
}

/// A campaign that does not exist cannot be recounted.
pub async fn a_recount_of_an_unknown_campaign_is_not_found(db: &Opened) {
    lively(db).await;
    let unknown = CampaignId::from(Uuid::nil());
    let recounted = db.store.campaign_metrics.recount(unknown).await;
    assert_fails(recounted, &Error::not_found(Collection::Campaigns, unknown));
}

/// A recount of everything covers every campaign, even those without e-mails.
pub async fn a_recount_of_all_looks_at_every_campaign(db: &Opened) {
    let campaign = lively(db).await;
    let user = fixtures::user(db, "bob").await;
    let mailbox = fixtures::mailbox(db, &user, "bob@work.example").await;
    fixtures::campaign(db, &user, &mailbox).await;
    let before = metrics_of(db, campaign.id).await;
    let progress = drain(db.store.campaign_metrics.recount_all().await.expect("a stream")).await;
    let expected = RecountProgress { checked: 2, ..RecountProgress::default() };
    assert_eq!(progress, [expected]);
    assert_eq!(metrics_of(db, campaign.id).await, before);
    assert_eq!(drain(db.store.campaign_metrics.drift().await.expect("a stream")).await, []);
}

/// Metrics stay exact when recounts run beside sends and events.
pub async fn recounts_beside_sends_and_events_are_exact(db: &Opened) {
    let campaign = lively(db).await;
    let act = async |store: &Repositories, n: usize| {
        let send = fixtures::send(&campaign, &format!("crowd{n}@example.com"));
        let events = vec![TrackingEvent::opened(send.id(), start())];
        store.email_tracking.record_sends(vec![send]).await.expect("the outcome");
        store.campaign_metrics.recount(campaign.id).await.expect("the metrics");
        store.email_tracking.record_events(events).await.expect("the outcome");
        store.campaign_metrics.recount(campaign.id).await.expect("the metrics");
    };
    fixtures::crowd(db, act).await;
    let totals = metrics_of(db, campaign.id).await.totals;
    let crowd = fixtures::CROWD as u64;
    assert_eq!((totals.sent, totals.opened), (LIVELY.sent + crowd, LIVELY.opened + crowd));
    assert_eq!(drain(db.store.campaign_metrics.drift().await.expect("a stream")).await, []);
}

/// An empty store can be recounted.
pub async fn nothing_can_be_recounted(db: &Opened) {
    let progress = drain(db.store.campaign_metrics.recount_all().await.expect("a stream")).await;
    assert_eq!(progress, [RecountProgress::default()]);
    assert_eq!(drain(db.store.campaign_metrics.drift().await.expect("a stream")).await, []);
    let nothing = series(db, &MetricsFilter::all(), Signal::Opened, SeriesStep::Day, around()).await;
    assert_eq!(nothing, []);
}

/// A series counts each e-mail at its first event.
pub async fn a_series_counts_first_events(db: &Opened) {
    let campaign = lively(db).await;
    // The clock shows slightly more than nine o'clock.
    let nine = start() - TimeDelta::milliseconds(start().timestamp_millis() % 3_600_000);
    let point = |hours, count| SeriesPoint { start: nine + TimeDelta::hours(hours), count };
    for filter in [
        MetricsFilter::all(),
        MetricsFilter::user(campaign.user_id),
        MetricsFilter::mailbox(campaign.mailbox_id),
        MetricsFilter::campaigns([campaign.id]),
    ] {
        let opened = series(db, &filter, Signal::Opened, SeriesStep::Hour, around()).await;
        assert_eq!(opened, [point(0, 1), point(1, 1)], "{filter:?}");
        let bounced = series(db, &filter, Signal::Bounced, SeriesStep::Hour, around()).await;
        assert_eq!(bounced, [point(0, 1)], "{filter:?}");
    }
    let other = MetricsFilter::campaigns([CampaignId::from(Uuid::nil())]);
    assert_eq!(series(db, &other, Signal::Opened, SeriesStep::Hour, around()).await, []);
    let days = series(db, &MetricsFilter::all(), Signal::Opened, SeriesStep::Day, around()).await;
    assert_eq!(days.iter().map(|day| day.count).collect::<Vec<_>>(), [2]);
    assert_eq!(days[0].start.timestamp() % 86_400, 0);
}

/// Bounds of a period that lie between two milliseconds are exact.
pub async fn bounds_below_a_millisecond_are_exact(db: &Opened) {
    let campaign = lively(db).await;
    // Bounces count at the time of sending.
    let (sent, moment) = (start(), TimeDelta::nanoseconds(1));
    let later = sent + TimeDelta::hours(1);
    for (period, expected) in [
        (sent..later, 1),
        (sent..sent + moment, 1),
        (sent - moment..later, 1),
        (sent + moment..later, 0),
        (sent - moment..sent, 0),
    ] {
        let filter = MetricsFilter::campaigns([campaign.id]);
        let points = series(db, &filter, Signal::Bounced, SeriesStep::Hour, period.clone()).await;
        assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), expected, "{period:?}");
        let created = db.store.campaign_metrics.totals(&MetricsFilter::all().created(period.clone())).await;
        assert_eq!(created.expect("the totals").totals.bounced, expected, "{period:?}");
    }
}

/// The counts of a series add up to the totals, however time is divided into periods.
pub async fn the_parts_of_a_series_add_up_to_the_totals(db: &Opened) {
    lively(db).await;
    let counts = [
        (Signal::Delivered, LIVELY.delivered),
        (Signal::Opened, LIVELY.opened),
        (Signal::Clicked, LIVELY.clicked),
        (Signal::Bounced, LIVELY.bounced),
        (Signal::Replied, LIVELY.replied),
        (Signal::Unsubscribed, LIVELY.unsubscribed),
    ];
    let Range { start: first, end: last } = around();
    for (state, expected) in counts {
        for cut in [0, 5, 30, 31, 90, 92, 95] {
            let cut = start() + TimeDelta::minutes(cut);
            let mut sum = 0;
            for period in [first..cut, cut..last] {
                let points = series(db, &MetricsFilter::all(), state, SeriesStep::Hour, period).await;
                sum += points.iter().map(|point| point.count).sum::<u64>();
            }
            assert_eq!(sum, expected, "{state} cut at {cut}");
        }
    }
}

/// Totals and lists can be limited to the campaigns created in a time range.
pub async fn totals_can_be_of_a_range_of_time(db: &Opened) {
    let campaign = lively(db).await;
    let created = campaign.created_at;
    let millisecond = TimeDelta::milliseconds(1);
    for (range, expected) in [
        (created..created + millisecond, LIVELY),
        (created - millisecond..created, only_sent(0)),
        (created + millisecond..created + TimeDelta::days(1), only_sent(0)),
        (created + millisecond..created - millisecond, only_sent(0)),
    ] {
        for filter in [MetricsFilter::all(), MetricsFilter::user(campaign.user_id)] {
            let totals = db.store.campaign_metrics.totals(&filter.clone().created(range.clone())).await;
            assert_eq!(totals.expect("the totals").totals, expected, "{range:?}");
        }
    }
    let filter = MetricsFilter::all().created(created..created + millisecond);
    let days = series(db, &filter, Signal::Clicked, SeriesStep::Day, around()).await;
    assert_eq!(days.iter().map(|day| day.count).collect::<Vec<_>>(), [1]);
}
