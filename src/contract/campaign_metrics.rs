//! The contract of [`CampaignMetricsRepository`](crate::CampaignMetricsRepository).

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::fixtures::{self, Scene, metrics_of, only_sent, pages, record, sends};
use super::{Opened, start};
use crate::{
    BounceKind, Campaign, CampaignId, CampaignMetrics, CampaignPatch, Contribution, Error, MailboxId,
    MetricsFilter, NewSend, Order, PageRequest, Rates, Totals, TrackingEvent, TrackingFilter, UserId,
};

/// Ada's campaign, another one from her second mailbox, and one of Bob's.
async fn three_campaigns(db: &Opened) -> [Campaign; 3] {
    let ada = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &ada.user, "other@work.example").await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    let second = fixtures::campaign(db, &ada.user, &other).await;
    [ada.campaign, second, fixtures::campaign(db, &bob, &bobs).await]
}

async fn totals(db: &Opened, filter: &MetricsFilter) -> Totals {
    let sum = db.store.campaign_metrics.totals(filter).await.expect("the totals");
    assert_eq!(sum.unreadable, 0);
    sum.totals
}

/// The campaigns whose metrics are listed, in list order.
async fn listed(db: &Opened, filter: &MetricsFilter, page: &PageRequest) -> Vec<CampaignId> {
    let page = db.store.campaign_metrics.list(filter, page).await.expect("a page");
    page.items.iter().map(|metrics| metrics.campaign_id).collect()
}

/// A campaign that does not exist has no metrics.
pub async fn an_unknown_campaign_has_no_metrics(db: &Opened) {
    fixtures::scene(db).await;
    let unknown = CampaignId::from(Uuid::nil());
    let metrics = db.store.campaign_metrics.get(unknown).await;
    assert_eq!(metrics.expect("a look-up"), None);
}

/// The metrics of a new campaign are zero.
pub async fn a_new_campaign_has_zeros(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let metrics = metrics_of(db, campaign.id).await;
    let expected = CampaignMetrics {
        id: metrics.id,
        campaign_id: campaign.id,
        user_id: campaign.user_id,
        mailbox_id: campaign.mailbox_id,
        totals: only_sent(0),
        rates: Rates::default(),
        last_updated: start(),
        created_at: start(),
    };
    assert_eq!(metrics, expected);
    let same = db.store.campaign_metrics.get(campaign.id).await.expect("a look-up");
    assert_eq!(same, Some(expected));
}

/// Recorded sends count in the metrics of their campaign and no other.
pub async fn recorded_sends_are_counted(db: &Opened) {
    let [campaign, other, _] = three_campaigns(db).await;
    let before = metrics_of(db, campaign.id).await;
    let untouched = metrics_of(db, other.id).await;
    record(db, sends(&campaign, 3)).await;
    let after = metrics_of(db, campaign.id).await;
    assert!(after.last_updated > before.last_updated);
    let (totals, last_updated) = (only_sent(3), after.last_updated);
    let rates = Rates::of(&totals);
    assert_eq!(after, CampaignMetrics { totals, rates, last_updated, ..before });
    assert_eq!(metrics_of(db, other.id).await, untouched);
}

/// Every batch that counts makes `last_updated` later, even if the clock stands still.
pub async fn every_count_makes_a_later_version(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let mut versions = vec![metrics_of(db, campaign.id).await.last_updated];
    for send in sends(&campaign, 4) {
        record(db, vec![send]).await;
        versions.push(metrics_of(db, campaign.id).await.last_updated);
    }
    assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(4));
}

/// A list returns the metrics of the campaigns that match the filter, in order of creation.
pub async fn lists_hold_what_the_filter_names(db: &Opened) {
    let [first, second, third] = three_campaigns(db).await;
    let unknown = CampaignId::from(Uuid::nil());
    for (filter, expected) in [
        (MetricsFilter::all(), vec![first.id, second.id, third.id]),
        (MetricsFilter::user(first.user_id), vec![first.id, second.id]),
        (MetricsFilter::user(third.user_id), vec![third.id]),
        (MetricsFilter::user(UserId::new()), vec![]),
        (MetricsFilter::mailbox(second.mailbox_id), vec![second.id]),
        (MetricsFilter::mailbox(MailboxId::new()), vec![]),
        (MetricsFilter::campaigns([third.id, unknown, first.id]), vec![first.id, third.id]),
        (MetricsFilter::campaigns([]), vec![]),
    ] {
        assert_eq!(listed(db, &filter, &PageRequest::default()).await, expected, "{filter:?}");
        let newest_first = PageRequest::default().order(Order::NewestFirst);
        let reversed: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(listed(db, &filter, &newest_first).await, reversed, "{filter:?}");
    }
}

/// Listed metrics equal looked-up metrics.
pub async fn lists_and_look_ups_agree(db: &Opened) {
    let campaigns = three_campaigns(db).await;
    record(db, sends(&campaigns[1], 5)).await;
    let page = PageRequest::default();
    let listed = db.store.campaign_metrics.list(&MetricsFilter::all(), &page).await;
    let mut looked_up = Vec::new();
    for campaign in &campaigns {
        looked_up.push(metrics_of(db, campaign.id).await);
    }
    assert_eq!(listed.expect("a page").items, looked_up);
}

/// Pages return each record once, in order of creation.
pub async fn pages_give_each_record_once(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let mut created = vec![scene.campaign.id];
    for _ in 1..5 {
        created.push(fixtures::campaign(db, &scene.user, &scene.mailbox).await.id);
    }
    let filter = MetricsFilter::user(scene.user.id);
    let metrics = &db.store.campaign_metrics;
    let pages = pages(2, async |page: PageRequest| metrics.list(&filter, &page).await).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let paged: Vec<_> = pages.iter().flatten().map(|metrics| metrics.campaign_id).collect();
    assert_eq!(paged, created);
}

/// A list names up to 10,000 campaigns; totals name any number.
pub async fn a_list_of_too_many_campaigns_is_refused(db: &Opened) {
    let [first, ..] = three_campaigns(db).await;
    record(db, sends(&first, 2)).await;
    let many = || (0..MetricsFilter::MAX_LISTED as u128).map(|n| CampaignId::from(Uuid::from_u128(n)));
    let page = PageRequest::default();
    assert_eq!(listed(db, &MetricsFilter::campaigns(many()), &page).await, []);
    let filter = MetricsFilter::campaigns(many().chain([first.id]));
    let refused = db.store.campaign_metrics.list(&filter, &page).await.expect_err("too many");
    assert!(matches!(&refused, Error::Invalid(invalid) if invalid.field == "campaigns"), "{refused:?}");
    assert_eq!(totals(db, &filter).await, only_sent(2));
}

/// Totals are the sum over the campaigns that match the filter.
pub async fn totals_are_of_what_the_filter_names(db: &Opened) {
    let [first, second, third] = three_campaigns(db).await;
    let unknown = CampaignId::from(Uuid::nil());
    record(db, sends(&first, 1)).await;
    record(db, sends(&second, 10)).await;
    record(db, sends(&third, 100)).await;
    for (filter, expected) in [
        (MetricsFilter::all(), 111),
        (MetricsFilter::user(first.user_id), 11),
        (MetricsFilter::user(UserId::new()), 0),
        (MetricsFilter::mailbox(first.mailbox_id), 1),
        (MetricsFilter::mailbox(MailboxId::new()), 0),
        (MetricsFilter::campaigns([first.id, third.id]), 101),
        (MetricsFilter::campaigns([second.id, unknown, second.id]), 10),
        (MetricsFilter::campaigns([unknown]), 0),
        (MetricsFilter::campaigns([]), 0),
    ] {
        assert_eq!(totals(db, &filter).await, only_sent(expected), "{filter:?}");
    }
}

/// The totals of an empty store are zero.
pub async fn totals_of_nothing_are_zeros(db: &Opened) {
    assert_eq!(totals(db, &MetricsFilter::all()).await, only_sent(0));
    assert_eq!(listed(db, &MetricsFilter::all(), &PageRequest::default()).await, []);
}

/// When a campaign switches to another mailbox, all of its e-mails count for the new one.
pub async fn totals_by_mailbox_follow_the_campaign(db: &Opened) {
    let [campaign, second, _] = three_campaigns(db).await;
    record(db, sends(&campaign, 3)).await;
    let patch = CampaignPatch::new().mailbox(second.mailbox_id);
    let moved = db.store.campaigns.update(campaign.id, patch, campaign.updated_at).await;
    let late = fixtures::send(&moved.expect("a moved campaign"), "late@example.com");
    record(db, vec![late]).await;
    assert_eq!(totals(db, &MetricsFilter::mailbox(campaign.mailbox_id)).await, only_sent(0));
    assert_eq!(totals(db, &MetricsFilter::mailbox(second.mailbox_id)).await, only_sent(4));
}

/// The totals of a mailbox are of the e-mails that it sent in the period, whatever their campaigns.
pub async fn totals_of_a_mailbox_are_of_what_it_sent(db: &Opened) {
    let Scene { user, mailbox, campaign } = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &user, "other@work.example").await;
    let second = fixtures::campaign(db, &user, &other).await;
    let at = |hours| start() - TimeDelta::hours(hours);
    let mut ids = Vec::new();
    // In rotation: both mailboxes send both campaigns, an e-mail in each hour.
    for (hours, campaign, mailbox) in
        [(4, &campaign, &mailbox), (3, &campaign, &other), (2, &second, &mailbox), (1, &second, &other)]
    {
        let send = NewSend::new(campaign, mailbox, format!("r{hours}@example.com"), at(hours));
        let send = send.expect("valid inputs");
        ids.push(send.id());
        record(db, vec![send]).await;
    }
    let events = vec![
        TrackingEvent::clicked(ids[0], start()),
        TrackingEvent::bounced(ids[2], start(), BounceKind::Hard, None).expect("no reason"),
        TrackingEvent::unsubscribed(ids[1], start()),
    ];
    db.store.email_tracking.record_events(events).await.expect("the outcomes");
    let metrics = &db.second.campaign_metrics;
    let totals = async |mailbox: MailboxId, period: Range<DateTime<Utc>>| {
        let sum = metrics.mailbox_totals(mailbox, period).await.expect("totals");
        assert_eq!(sum.unreadable, 0);
        sum.totals
    };
    let clicked = Totals { delivered: 1, opened: 1, clicked: 1, ..only_sent(1) };
    let bounced = Totals { bounced: 1, ..only_sent(1) };
    let unsubscribed = Totals { unsubscribed: 1, ..only_sent(2) };
    let always = DateTime::<Utc>::MIN_UTC..DateTime::<Utc>::MAX_UTC;
    let nanosecond = TimeDelta::nanoseconds(1);
    for (mailbox, period, expected) in [
        (mailbox.id, always.clone(), clicked + bounced),
        (other.id, always.clone(), unsubscribed),
        (MailboxId::new(), always, only_sent(0)),
        (mailbox.id, at(4)..at(2), clicked),
        (mailbox.id, at(4) + nanosecond..at(2) + nanosecond, bounced),
        (mailbox.id, at(4)..at(4) + nanosecond, clicked),
        (mailbox.id, at(2)..at(4), only_sent(0)),
        (mailbox.id, at(4)..at(4), only_sent(0)),
    ] {
        assert_eq!(totals(mailbox, period.clone()).await, expected, "{period:?}");
    }
}

/// The totals of one campaign and of all campaigns are the sum of what their rows contribute.
pub async fn totals_are_the_sum_of_the_rows(db: &Opened) {
    let campaigns = three_campaigns(db).await;
    for (campaign, n) in campaigns.iter().zip([7, 0, 13]) {
        record(db, sends(campaign, n)).await;
    }
    for campaign in &campaigns {
        let rows = db.store.email_tracking.stream(&TrackingFilter::campaign(campaign.id)).await;
        let rows = fixtures::drain(rows.expect("a stream")).await;
        let sum: Totals = rows.iter().map(|row| Totals::from(Contribution::of(row))).sum();
        assert_eq!(metrics_of(db, campaign.id).await.totals, sum);
    }
    let rows = db.store.email_tracking.stream(&TrackingFilter::all()).await.expect("a stream");
    let sum: Totals = fixtures::drain(rows).await.iter().map(|row| Totals::from(Contribution::of(row))).sum();
    assert_eq!(sum, only_sent(20));
    assert_eq!(totals(db, &MetricsFilter::all()).await, sum);
}
