//! Rows of other programs, with types that the store does not write: the reader, the filters, the
//! aggregations, the series and the suppression give each the same meaning.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::str::FromStr;

use bson::{Bson, Decimal128, Document, doc};
use campaign_store::{
    Campaign, CampaignDuration, Clock, Error, EventOutcome, MetricsFilter, NewCampaign, NewMailbox, NewSend,
    NewUser, PageRequest, Provider, Repositories, SeriesStep, Signal, SystemClock, TrackingEvent,
    TrackingFilter, contract,
};
use chrono::TimeDelta;

use crate::support::database::TestDatabase;

const STATES: [Signal; 6] = [
    Signal::Delivered,
    Signal::Opened,
    Signal::Clicked,
    Signal::Replied,
    Signal::Bounced,
    Signal::Unsubscribed,
];

/// The fields of a row, and what it counts as; `None` if it cannot be read.
type Row = (Document, Option<Vec<Signal>>);

fn rows() -> Vec<Row> {
    [vec![(doc! {}, counts_as(&[]))], counts(), times(), flags(), opt_outs(), bounces()].concat()
}

#[expect(clippy::unnecessary_wraps, reason = "rows that cannot be read count as `None`")]
fn counts_as(signals: &[Signal]) -> Option<Vec<Signal>> {
    Some(signals.to_vec())
}

fn date() -> Bson {
    Bson::DateTime(contract::start().into())
}

fn counts() -> Vec<Row> {
    use Signal::{Clicked, Delivered, Opened, Replied};
    let decimal = |text| Decimal128::from_str(text).expect("a decimal");
    vec![
        (doc! { "opens": "0" }, counts_as(&[])),
        (doc! { "opens": "" }, counts_as(&[])),
        (doc! { "opens": 0 }, counts_as(&[])),
        (doc! { "opens": 0.0 }, counts_as(&[])),
        (doc! { "opens": false }, counts_as(&[])),
        (doc! { "opens": null }, counts_as(&[])),
        (doc! { "opens": decimal("0") }, counts_as(&[])),
        (doc! { "opens": 3 }, counts_as(&[Delivered, Opened])),
        (doc! { "opens": 3.0 }, counts_as(&[Delivered, Opened])),
        (doc! { "opens": "3" }, counts_as(&[Delivered, Opened])),
        (doc! { "opens": " 03 " }, counts_as(&[Delivered, Opened])),
        (doc! { "opens": decimal("3") }, counts_as(&[Delivered, Opened])),
        (doc! { "clicks": "1" }, counts_as(&[Delivered, Opened, Clicked])),
        (doc! { "replies": decimal("2") }, counts_as(&[Delivered, Replied])),
        (doc! { "opens": -1 }, None),
        (doc! { "opens": 0.5 }, None),
        (doc! { "opens": "-1" }, None),
        (doc! { "opens": "many" }, None),
        (doc! { "opens": true }, None),
        (doc! { "opens": [1] }, None),
    ]
}

fn times() -> Vec<Row> {
    use Signal::{Clicked, Delivered, Opened, Replied};
    vec![
        (doc! { "opened_at": "" }, counts_as(&[])),
        (doc! { "opened_at": false }, counts_as(&[])),
        (doc! { "opened_at": "None" }, counts_as(&[])),
        (doc! { "opened_at": "null" }, counts_as(&[])),
        (doc! { "opened_at": null }, counts_as(&[])),
        (doc! { "opened_at": date() }, counts_as(&[Delivered, Opened])),
        (doc! { "opened_at": "2026-01-05T10:00:00Z" }, counts_as(&[Delivered, Opened])),
        (doc! { "opened_at": "2026-01-05 10:00:00" }, counts_as(&[Delivered, Opened])),
        (doc! { "clicked_at": "2026-01-05T10:00:00.123+02:00" }, counts_as(&[Delivered, Opened, Clicked])),
        (doc! { "replied_at": "Mon, 05 Jan 2026 10:00:00 +0000" }, counts_as(&[Delivered, Replied])),
        (doc! { "delivered_at": "2026-01-05" }, counts_as(&[Delivered])),
        (doc! { "opened_at": "soon" }, None),
        (doc! { "opened_at": "05/01/2026" }, None),
        (doc! { "opened_at": true }, None),
        (doc! { "opened_at": 1_767_603_600 }, None),
    ]
}

fn flags() -> Vec<Row> {
    use Signal::{Clicked, Delivered, Opened, Replied};
    vec![
        (doc! { "opened": true }, counts_as(&[Delivered, Opened])),
        (doc! { "opened": false }, counts_as(&[])),
        (doc! { "clicked": true }, counts_as(&[Delivered, Opened, Clicked])),
        (doc! { "replied": true }, counts_as(&[Delivered, Replied])),
        (doc! { "opened": true, "opens": "5" }, counts_as(&[Delivered, Opened])),
    ]
}

fn opt_outs() -> Vec<Row> {
    use Signal::Unsubscribed;
    vec![
        (doc! { "unsubscribed": true }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": 1 }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": 1.0 }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": "true" }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": " True" }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed_at": date() }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed_at": "2026-01-05T10:00:00Z" }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": false, "unsubscribed_at": date() }, counts_as(&[Unsubscribed])),
        (doc! { "unsubscribed": 0 }, counts_as(&[])),
        (doc! { "unsubscribed": "false" }, counts_as(&[])),
        (doc! { "unsubscribed": "" }, counts_as(&[])),
        (doc! { "unsubscribed": "perhaps" }, None),
        (doc! { "unsubscribed": 7 }, None),
    ]
}

/// They stand above all but opt-outs.
fn bounces() -> Vec<Row> {
    use Signal::{Bounced, Unsubscribed};
    vec![
        (doc! { "bounced": true }, counts_as(&[Bounced])),
        (doc! { "bounced": 1 }, counts_as(&[Bounced])),
        (doc! { "bounced": "true" }, counts_as(&[Bounced])),
        (doc! { "bounced": "1", "opens": "2" }, counts_as(&[Bounced])),
        (doc! { "bounce_reason": "550 no such user" }, counts_as(&[Bounced])),
        (doc! { "bounce_reason": "550 no such user", "opened_at": date() }, counts_as(&[Bounced])),
        (doc! { "bounce_reason": "" }, counts_as(&[])),
        (doc! { "bounced": false, "bounce_reason": "mailbox full" }, counts_as(&[])),
        (doc! { "bounced": "true", "unsubscribed": "1" }, counts_as(&[Bounced, Unsubscribed])),
        (doc! { "bounced": "hard" }, None),
    ]
}

async fn campaign(store: &Repositories, name: &str) -> Campaign {
    let user = store.users.create(NewUser::new("Ada", name).expect("valid")).await.expect("a user");
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("valid");
    let mailbox = store.mailboxes.link(mailbox).await.expect("a mailbox");
    let day = CampaignDuration::hours(24.0).expect("valid");
    let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers.", contract::start(), day);
    store.campaigns.create(new.expect("valid")).await.expect("a campaign")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one scene, looked at in every way")]
async fn every_type_means_the_same_to_everybody() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let collection = database.collection("email_tracking").await;
    let mut wrong = Vec::new();
    for (n, (fields, expected)) in rows().into_iter().enumerate() {
        let campaign = campaign(&store, &format!("ada{n}")).await;
        let start = contract::start();
        let send = NewSend::new(
            &campaign,
            &contract::sender_of(&campaign, "ada@work.example"),
            "bob@example.com",
            start,
        )
        .expect("valid");
        store.email_tracking.record_sends(vec![send.clone()]).await.expect("the outcomes");
        let id = doc! { "tracking_id": send.id().to_string() };
        let marks = ["opens", "clicks", "replies", "bounced", "unsubscribed"];
        let unset: Document = marks.iter().map(|name| ((*name).to_owned(), Bson::from(""))).collect();
        collection.update_one(id.clone(), doc! { "$unset": unset }).await.expect("an update");
        if !fields.is_empty() {
            collection.update_one(id, doc! { "$set": fields.clone() }).await.expect("an update");
        }
        let mut check = |what: &str, is_right: bool| {
            if !is_right {
                wrong.push(format!("{fields}: {what}"));
            }
        };
        let row = store.email_tracking.get(send.id()).await;
        let recounted = store.campaign_metrics.recount(campaign.id).await.expect("metrics").totals;
        check("sent", recounted.sent == 1);
        let sent = start..start + TimeDelta::milliseconds(1);
        let of_mailbox = store.campaign_metrics.mailbox_totals(campaign.mailbox_id, sent).await;
        let of_mailbox = of_mailbox.expect("totals");
        check("mailbox totals", of_mailbox.totals == recounted);
        check("mailbox unreadable", of_mailbox.unreadable == u64::from(expected.is_none()));
        let Some(expected) = expected else {
            check("it is read", matches!(row, Err(Error::Corrupt { .. })));
            check("it is counted", STATES.iter().all(|state| recounted.of(*state) == 0));
            continue;
        };
        let Ok(Some(row)) = row else {
            check("it is not read", false);
            continue;
        };
        for state in STATES {
            let is_so = expected.contains(&state);
            check(&format!("reader {state}"), row.first(state).is_some() == is_so);
            let filter = TrackingFilter::campaign(campaign.id).state(state);
            let page = store.email_tracking.list(&filter, &PageRequest::default()).await;
            check(&format!("filter {state}"), page.is_ok_and(|page| page.items.len() == usize::from(is_so)));
            check(&format!("total {state}"), recounted.of(state) == u64::from(is_so));
            let around = start - TimeDelta::days(400)..start + TimeDelta::days(400);
            let metrics = MetricsFilter::campaigns([campaign.id]);
            let series = store.campaign_metrics.series(&metrics, state, SeriesStep::Day, around).await;
            let points = series.map(|points| points.iter().map(|point| point.count).sum::<u64>());
            check(&format!("series {state}"), points == Ok(u64::from(is_so)));
        }
        let suppresses = expected.contains(&Signal::Bounced) || expected.contains(&Signal::Unsubscribed);
        let suppressed = store.email_tracking.is_suppressed(campaign.user_id, &row.recipient_email).await;
        check("suppression", suppressed == Ok(suppresses));
        let event = TrackingEvent::unsubscribed(send.id(), start);
        let outcome = store.email_tracking.record_events(vec![event]).await;
        let is_first = !expected.contains(&Signal::Unsubscribed);
        let wanted = if is_first { EventOutcome::First } else { EventOutcome::Repeat };
        check("event", outcome == Ok(vec![wanted]));
        let metrics = store.campaign_metrics.get(campaign.id).await.expect("metrics").expect("metrics");
        check("metrics after the event", metrics.totals.unsubscribed == 1);
        let again = store.campaign_metrics.recount(campaign.id).await.expect("metrics");
        check("recount after the event", again == metrics);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Version 0.1 kept them as texts. They are known until they have expired.
#[tokio::test]
async fn a_receipt_of_version_0_1_is_known() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let campaign = campaign(&store, "ada").await;
    let start = contract::start();
    let send = NewSend::new(
        &campaign,
        &contract::sender_of(&campaign, "ada@work.example"),
        "bob@example.com",
        start,
    )
    .unwrap();
    let id = send.id();
    store.email_tracking.record_sends(vec![send]).await.unwrap();
    let expires_at = bson::DateTime::from_chrono(SystemClock.now() + TimeDelta::days(1));
    let receipt = doc! { "_id": format!("{id}/evt-1"), "expires_at": expires_at };
    database.collection("event_receipts").await.insert_one(receipt).await.unwrap();
    let opened = |event| TrackingEvent::opened(id, start).provider_event_id(event).unwrap();
    for (event, outcome) in [("evt-1", EventOutcome::Duplicate), ("evt-2", EventOutcome::First)] {
        assert_eq!(store.email_tracking.record_events(vec![opened(event)]).await.unwrap(), [outcome]);
    }
}
