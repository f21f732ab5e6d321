//! Rows of other programs, with types that the store does not write: the reader, the filters, the
//! aggregations, the series and the suppression give each the same meaning.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::str::FromStr;

use bson::{Bson, Decimal128, Document, doc};
use campaign_store::{
    Campaign, CampaignDuration, Error, EventOutcome, MetricsFilter, NewCampaign, NewMailbox, NewSend,
    NewUser, PageRequest, Provider, SeriesStep, Signal, Store, TrackingEvent, TrackingFilter, contract,
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

/// What a row with these fields counts as. `None` if it cannot be read.
fn rows() -> Vec<(Document, Option<Vec<Signal>>)> {
    use Signal::{Bounced, Clicked, Delivered, Opened, Replied, Unsubscribed};
    let date = Bson::DateTime(contract::start().into());
    let decimal = |text| Decimal128::from_str(text).expect("a decimal");
    let opened = || Some(vec![Delivered, Opened]);
    let clicked = || Some(vec![Delivered, Opened, Clicked]);
    let replied = || Some(vec![Delivered, Replied]);
    let (bounced, unsubscribed) = (|| Some(vec![Bounced]), || Some(vec![Unsubscribed]));
    let nothing = || Some(vec![]);
    vec![
        (doc! {}, nothing()),
        // Counts.
        (doc! { "opens": "0" }, nothing()),
        (doc! { "opens": "" }, nothing()),
        (doc! { "opens": 0 }, nothing()),
        (doc! { "opens": 0.0 }, nothing()),
        (doc! { "opens": false }, nothing()),
        (doc! { "opens": null }, nothing()),
        (doc! { "opens": decimal("0") }, nothing()),
        (doc! { "opens": 3 }, opened()),
        (doc! { "opens": 3.0 }, opened()),
        (doc! { "opens": "3" }, opened()),
        (doc! { "opens": " 03 " }, opened()),
        (doc! { "opens": decimal("3") }, opened()),
        (doc! { "clicks": "1" }, clicked()),
        (doc! { "replies": decimal("2") }, replied()),
        (doc! { "opens": -1 }, None),
        (doc! { "opens": 0.5 }, None),
        (doc! { "opens": "-1" }, None),
        (doc! { "opens": "many" }, None),
        (doc! { "opens": true }, None),
        (doc! { "opens": [1] }, None),
        // Times.
        (doc! { "opened_at": "" }, nothing()),
        (doc! { "opened_at": false }, nothing()),
        (doc! { "opened_at": "None" }, nothing()),
        (doc! { "opened_at": "null" }, nothing()),
        (doc! { "opened_at": null }, nothing()),
        (doc! { "opened_at": date.clone() }, opened()),
        (doc! { "opened_at": "2026-01-05T10:00:00Z" }, opened()),
        (doc! { "opened_at": "2026-01-05 10:00:00" }, opened()),
        (doc! { "clicked_at": "2026-01-05T10:00:00.123+02:00" }, clicked()),
        (doc! { "replied_at": "Mon, 05 Jan 2026 10:00:00 +0000" }, replied()),
        (doc! { "delivered_at": "2026-01-05" }, Some(vec![Delivered])),
        (doc! { "opened_at": "soon" }, None),
        (doc! { "opened_at": "05/01/2026" }, None),
        (doc! { "opened_at": true }, None),
        (doc! { "opened_at": 1_767_603_600 }, None),
        // Flags of older programs.
        (doc! { "opened": true }, opened()),
        (doc! { "opened": false }, nothing()),
        (doc! { "clicked": true }, clicked()),
        (doc! { "replied": true }, replied()),
        (doc! { "opened": true, "opens": "5" }, opened()),
        // Opt-outs.
        (doc! { "unsubscribed": true }, unsubscribed()),
        (doc! { "unsubscribed": 1 }, unsubscribed()),
        (doc! { "unsubscribed": 1.0 }, unsubscribed()),
        (doc! { "unsubscribed": "true" }, unsubscribed()),
        (doc! { "unsubscribed": " True" }, unsubscribed()),
        (doc! { "unsubscribed_at": date.clone() }, unsubscribed()),
        (doc! { "unsubscribed_at": "2026-01-05T10:00:00Z" }, unsubscribed()),
        (doc! { "unsubscribed": false, "unsubscribed_at": date.clone() }, unsubscribed()),
        (doc! { "unsubscribed": 0 }, nothing()),
        (doc! { "unsubscribed": "false" }, nothing()),
        (doc! { "unsubscribed": "" }, nothing()),
        (doc! { "unsubscribed": "perhaps" }, None),
        (doc! { "unsubscribed": 7 }, None),
        // Bounces stand above all but opt-outs.
        (doc! { "bounced": true }, bounced()),
        (doc! { "bounced": 1 }, bounced()),
        (doc! { "bounced": "true" }, bounced()),
        (doc! { "bounced": "1", "opens": "2" }, bounced()),
        (doc! { "bounce_reason": "550 no such user" }, bounced()),
        (doc! { "bounce_reason": "550 no such user", "opened_at": date.clone() }, bounced()),
        (doc! { "bounce_reason": "" }, nothing()),
        (doc! { "bounced": false, "bounce_reason": "mailbox full" }, nothing()),
        (doc! { "bounced": "true", "unsubscribed": "1" }, Some(vec![Bounced, Unsubscribed])),
        (doc! { "bounced": "hard" }, None),
    ]
}

async fn campaign(store: &Store, name: &str) -> Campaign {
    let user = store.users.create(NewUser::new("Ada", name).expect("valid")).await.expect("a user");
    let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("valid");
    let mailbox = store.mailboxes.link(mailbox).await.expect("a mailbox");
    let day = CampaignDuration::hours(24.0).expect("valid");
    let new = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers.", contract::start(), day);
    store.campaigns.create(new.expect("valid")).await.expect("a campaign")
}

#[tokio::test]
async fn every_type_means_the_same_to_everybody() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.repositories();
    let collection = database.collection("email_tracking").await;
    let mut wrong = Vec::new();
    for (n, (fields, expected)) in rows().into_iter().enumerate() {
        let campaign = campaign(&store, &format!("ada{n}")).await;
        let start = contract::start();
        let send = NewSend::new(&campaign, "ada@work.example", "bob@example.com", start).expect("valid");
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
