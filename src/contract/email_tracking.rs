//! The contract of [`EmailTrackingRepository`](crate::EmailTrackingRepository).

use chrono::TimeDelta;
use futures_util::future::join_all;
use uuid::Uuid;

use super::fixtures::{self, Scene, address, everything, metrics_of, only_sent, pages, record, sends};
use super::{Opened, start};
use crate::{
    BounceKind, Campaign, CampaignId, CampaignPatch, EmailSummary, EmailTracking, MailboxStatus, Message,
    NewSend, Order, PageRequest, SendOutcome, Signal, TrackingEvent, TrackingFilter, TrackingId, UserId,
};

async fn outcomes(db: &Opened, sends: Vec<NewSend>) -> Vec<SendOutcome> {
    db.store.email_tracking.record_sends(sends).await.expect("the outcomes")
}

/// The row as the other handle sees it.
async fn row(db: &Opened, id: TrackingId) -> Option<EmailTracking> {
    db.second.email_tracking.get(id).await.expect("a look-up")
}

async fn list(db: &Opened, filter: &TrackingFilter) -> Vec<EmailTracking> {
    let page = db.store.email_tracking.list(filter, &everything()).await;
    page.expect("a page of e-mails").items
}

/// The streamed rows, ordered by id.
async fn streamed(db: &Opened, filter: &TrackingFilter) -> Vec<EmailTracking> {
    let stream = db.second.email_tracking.stream(filter).await.expect("a stream");
    let mut rows = fixtures::drain(stream).await;
    rows.sort_unstable_by_key(|row| row.id);
    rows
}

async fn found(db: &Opened, campaign: &Campaign, recipient: &str) -> Vec<TrackingId> {
    let tracking = &db.store.email_tracking;
    let rows = tracking.find_by_campaign_and_recipient(campaign.id, &address(recipient)).await;
    rows.expect("the e-mails").items.iter().map(|row| row.id).collect()
}

/// The same campaign under an id that does not exist.
fn unknown(campaign: &Campaign) -> Campaign {
    Campaign { id: CampaignId::from(Uuid::nil()), ..campaign.clone() }
}

/// A send is stored with all fields as given.
pub async fn every_field_of_a_send_is_read_back(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let campaign = scene.campaign;
    // It need not be the campaign's own.
    let mailbox = fixtures::mailbox(db, &scene.user, "Other@Work.Example").await;
    let sent_at = start() - TimeDelta::milliseconds(5_001);
    let (subject, message) = ("$set.x Привет", "$$ROOT.a\r\n\tline 2 👋\n");
    let send = NewSend::new(&campaign, &mailbox, "Bob+x@Example.com", sent_at)
        .and_then(|send| send.recipient_name("$name.Bob Ødegård"))
        .and_then(|send| send.subject(subject))
        .and_then(|send| send.message(message))
        .expect("valid inputs");
    let expected = EmailTracking {
        id: send.id(),
        campaign_id: campaign.id,
        user_id: campaign.user_id,
        mailbox_id: mailbox.id,
        sender_email: address("other@work.example"),
        recipient_email: address("bob+x@example.com"),
        recipient_name: Some("$name.Bob Ødegård".to_owned()),
        subject: subject.to_owned(),
        message: Message::new(message).expect("a valid message"),
        sent_at,
        delivered_at: None,
        opened_at: None,
        opens: 0,
        clicked_at: None,
        clicks: 0,
        replied_at: None,
        replies: 0,
        bounced: false,
        bounce_reason: None,
        unsubscribed: false,
        unsubscribed_at: None,
        created_at: start(),
    };
    record(db, vec![send]).await;
    assert_eq!(row(db, expected.id).await, Some(expected));
}

/// A send without its own texts takes those of its campaign, and has no recipient name.
pub async fn a_plain_send_has_the_texts_of_its_campaign(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let send = fixtures::send(&campaign, "bob@example.com");
    let id = send.id();
    record(db, vec![send]).await;
    let row = row(db, id).await.expect("the row");
    assert_eq!(row.recipient_name, None);
    assert_eq!((row.subject, row.message), (campaign.subject, campaign.message));
}

/// An e-mail that was not recorded is not found.
pub async fn an_unknown_send_is_not_there(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    assert_eq!(row(db, fixtures::send(&campaign, "bob@example.com").id()).await, None);
}

/// Each handle sees what the other one recorded.
pub async fn the_second_handle_sees_the_rows(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 2);
    record(db, vec![batch[0].clone()]).await;
    let outcomes = db.second.email_tracking.record_sends(batch.clone()).await;
    let expected = [SendOutcome::AlreadyRecorded, SendOutcome::Recorded];
    assert_eq!(outcomes.expect("the outcomes"), expected);
    for send in batch {
        let first = db.store.email_tracking.get(send.id()).await.expect("a look-up");
        assert!(first.is_some());
        assert_eq!(first, row(db, send.id()).await);
    }
}

/// Recording a batch again changes neither rows nor metrics.
pub async fn a_batch_that_is_repeated_changes_nothing(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 5);
    record(db, batch.clone()).await;
    let rows = list(db, &TrackingFilter::all()).await;
    let metrics = metrics_of(db, campaign.id).await;
    db.clock.advance(TimeDelta::hours(1));
    assert_eq!(outcomes(db, batch).await, [SendOutcome::AlreadyRecorded; 5]);
    assert_eq!(list(db, &TrackingFilter::all()).await, rows);
    assert_eq!(metrics_of(db, campaign.id).await, metrics);
}

/// Of several sends with one id in a batch, the first is recorded, however far apart they are.
pub async fn an_id_that_comes_twice_in_a_batch_is_recorded_once(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let mut batch = sends(&campaign, 1_200);
    let again = batch[0].clone().subject("Another one").expect("a valid subject");
    batch.insert(1, again.clone());
    batch.push(again);
    let outcomes = outcomes(db, batch).await;
    let repeats: Vec<_> =
        (0..outcomes.len()).filter(|n| outcomes[*n] == SendOutcome::AlreadyRecorded).collect();
    assert_eq!((outcomes.len(), repeats), (1_202, vec![1, 1_201]));
    let id = TrackingId::for_send(campaign.id, &address("recipient0@example.com"), 0);
    assert_eq!(row(db, id).await.expect("the row").subject, campaign.subject);
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(1_200));
}

/// An id belongs to the send recorded first, whatever a later one says.
pub async fn the_first_send_with_an_id_stays(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let send = fixtures::send(&scene.campaign, "bob@example.com");
    let id = send.id();
    record(db, vec![send]).await;
    let first = row(db, id).await;
    let later = vec![
        fixtures::send(&scene.campaign, "eve@example.com").tracking_id(id),
        fixtures::send(&other, "bob@example.com").tracking_id(id),
    ];
    assert_eq!(outcomes(db, later).await, [SendOutcome::AlreadyRecorded; 2]);
    assert_eq!(row(db, id).await, first);
    assert_eq!(metrics_of(db, scene.campaign.id).await.totals, only_sent(1));
    assert_eq!(metrics_of(db, other.id).await.totals, only_sent(0));
}

/// Outcomes are in the order of the sends, and one send's outcome does not affect the others.
pub async fn a_batch_can_mix_new_old_and_unknown_sends(db: &Opened) {
    use SendOutcome::{AlreadyRecorded as Old, Recorded as New, UnknownCampaign as Unknown};
    let scene = fixtures::scene(db).await;
    let other = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let old = sends(&scene.campaign, 2);
    record(db, old.clone()).await;
    let batch = vec![
        fixtures::send(&unknown(&scene.campaign), "recipient0@example.com"),
        old[1].clone(),
        fixtures::send(&scene.campaign, "new@example.com"),
        fixtures::send(&other, "new@example.com"),
        fixtures::send(&unknown(&scene.campaign), "new@example.com"),
        old[0].clone(),
    ];
    let ids: Vec<_> = batch.iter().map(NewSend::id).collect();
    assert_eq!(outcomes(db, batch).await, [Unknown, Old, New, New, Unknown, Old]);
    for (id, exists) in ids.into_iter().zip([false, true, true, true, false, true]) {
        assert_eq!(row(db, id).await.is_some(), exists);
    }
    assert_eq!(metrics_of(db, scene.campaign.id).await.totals, only_sent(3));
    assert_eq!(metrics_of(db, other.id).await.totals, only_sent(1));
}

/// Sends of an unknown campaign are not recorded, however often they are retried.
pub async fn sends_of_an_unknown_campaign_are_not_recorded(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&unknown(&campaign), 3);
    for _ in 0..2 {
        assert_eq!(outcomes(db, batch.clone()).await, [SendOutcome::UnknownCampaign; 3]);
        assert_eq!(list(db, &TrackingFilter::all()).await, []);
    }
    let metrics = db.store.campaign_metrics.get(CampaignId::from(Uuid::nil())).await;
    assert_eq!(metrics.expect("a look-up"), None);
}

/// An empty batch has no outcomes and is not an error.
pub async fn an_empty_batch_is_no_error(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let metrics = metrics_of(db, campaign.id).await;
    assert_eq!(outcomes(db, vec![]).await, []);
    assert_eq!(metrics_of(db, campaign.id).await, metrics);
}

/// A batch of thousands is recorded completely, and each send is counted for its campaign.
pub async fn a_batch_of_thousands_is_counted_by_campaign(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let second = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let third = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let campaigns = [scene.campaign, second, third];
    let mut batch = Vec::new();
    for n in 0..2_500 {
        let recipient = format!("recipient{n}@example.com");
        batch.push(fixtures::send(&campaigns[n % 3], &recipient));
    }
    record(db, batch).await;
    for (campaign, n) in campaigns.iter().zip([834, 833, 833]) {
        assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(n));
        let rows = streamed(db, &TrackingFilter::campaign(campaign.id)).await;
        assert!(rows.iter().all(|row| row.campaign_id == campaign.id));
        assert_eq!(u64::try_from(rows.len()), Ok(n));
    }
}

/// If many callers record the same sends at once, each send is recorded and counted once.
pub async fn sends_recorded_by_many_at_once_count_once(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 200);
    let handles = [&db.store, &db.second];
    let calls = (0..8).map(|n| handles[n % 2].email_tracking.record_sends(batch.clone()));
    let mut recorded = vec![0; 200];
    for outcomes in join_all(calls).await {
        let outcomes = outcomes.expect("the outcomes");
        assert_eq!(outcomes.len(), 200);
        for (times, outcome) in recorded.iter_mut().zip(outcomes) {
            assert_ne!(outcome, SendOutcome::UnknownCampaign);
            *times += u32::from(outcome == SendOutcome::Recorded);
        }
    }
    assert_eq!(recorded, [1; 200]);
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(200));
    assert_eq!(list(db, &TrackingFilter::campaign(campaign.id)).await.len(), 200);
}

/// If many callers record different sends of one campaign at once, the metrics count them all.
pub async fn different_sends_recorded_at_once_are_all_counted(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 200);
    let handles = [&db.store, &db.second];
    let calls = batch
        .chunks(25)
        .zip(handles.into_iter().cycle())
        .map(|(part, handle)| handle.email_tracking.record_sends(part.to_vec()));
    for outcomes in join_all(calls).await {
        assert_eq!(outcomes.expect("the outcomes"), [SendOutcome::Recorded; 25]);
    }
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(200));
    assert_eq!(list(db, &TrackingFilter::campaign(campaign.id)).await.len(), 200);
}

/// Sends are recorded whatever the status of their campaign, even if it is over.
pub async fn sends_of_a_campaign_that_is_over_are_recorded(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    db.store.campaigns.cancel(campaign.id).await.expect("a cancelled campaign");
    record(db, sends(&campaign, 3)).await;
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(3));
}

/// A row names the mailbox of its send, even if the campaign has since switched to another one.
pub async fn rows_keep_the_mailbox_that_they_were_sent_from(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::mailbox(db, &scene.user, "other@work.example").await;
    let campaign = scene.campaign;
    let [before, late] =
        ["before@example.com", "late@example.com"].map(|recipient| fixtures::send(&campaign, recipient));
    let ids = [before.id(), late.id()];
    record(db, vec![before]).await;
    let patch = CampaignPatch::new().mailbox(other.id);
    let moved = db.store.campaigns.update(campaign.id, patch, campaign.updated_at).await;
    assert_eq!(moved.expect("a moved campaign").mailbox_id, other.id);
    record(db, vec![late]).await;
    for id in ids {
        assert_eq!(row(db, id).await.expect("the row").mailbox_id, campaign.mailbox_id);
    }
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(2));
}

/// A send is found by the id derived from its campaign, recipient and number.
pub async fn a_send_has_the_id_of_its_recipient_and_number(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let bob = address("bob@example.com");
    let numbered = [0, 1, 7].map(|n| fixtures::send(&campaign, "Bob@Example.com").nth(n));
    record(db, numbered.to_vec()).await;
    for n in [0, 1, 7] {
        let found = row(db, TrackingId::for_send(campaign.id, &bob, n)).await;
        assert_eq!(found.expect("the row").recipient_email, bob);
    }
    assert_eq!(row(db, TrackingId::for_send(campaign.id, &bob, 2)).await, None);
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(3));
}

/// A send more than a day after the time of the store is not recorded, and the others of its batch are. Whatever has
/// happened to its user and mailbox since, any other send is recorded.
pub async fn a_send_in_the_future_is_implausible(db: &Opened) {
    use SendOutcome::{AlreadyRecorded, ImplausibleTime, Recorded};
    let Scene { user, mailbox, campaign } = fixtures::scene(db).await;
    let day = TimeDelta::days(1);
    let times = [start() + day, start() + day + TimeDelta::milliseconds(1), start() - day * 9_000];
    let send = |n: usize| NewSend::new(&campaign, &mailbox, format!("r{n}@example.com"), times[n]);
    let batch: Vec<_> = (0..3).map(|n| send(n).expect("valid inputs")).collect();
    db.store.users.set_active(user.id, false).await.expect("a user");
    db.store.mailboxes.set_status(mailbox.id, MailboxStatus::Error).await.expect("a mailbox");
    assert_eq!(outcomes(db, batch.clone()).await, [Recorded, ImplausibleTime, Recorded]);
    assert_eq!(outcomes(db, batch.clone()).await, [AlreadyRecorded, ImplausibleTime, AlreadyRecorded]);
    assert_eq!(row(db, batch[1].id()).await, None);
    assert_eq!(metrics_of(db, campaign.id).await.totals, only_sent(2));
}

/// The caller can choose the id of a send.
pub async fn a_send_can_have_an_id_of_the_callers(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let ids = [TrackingId::new_at(start()), TrackingId::from(Uuid::max())];
    let own = ids.map(|id| fixtures::send(&campaign, "bob@example.com").tracking_id(id));
    record(db, own.to_vec()).await;
    for id in ids {
        assert_eq!(row(db, id).await.expect("the row").id, id);
    }
}

/// The e-mails of a campaign to a recipient are found in order, without those to other recipients.
pub async fn the_emails_to_a_recipient_are_found_oldest_first(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let mut expected = Vec::new();
    for (minutes, n) in [(0, 3), (1, 0), (2, 1), (3, 2)] {
        let now = start() + TimeDelta::minutes(minutes);
        db.clock.set(now);
        let send = NewSend::new(&scene.campaign, &scene.mailbox, "bob@example.com", now);
        let send = send.expect("valid addresses").nth(n);
        expected.push(send.id());
        let to_eve = fixtures::send(&scene.campaign, "eve@example.com").nth(n);
        record(db, vec![send, to_eve]).await;
    }
    let elsewhere = fixtures::send(&other, "bob@example.com");
    let elsewhere_id = elsewhere.id();
    record(db, vec![elsewhere]).await;
    assert_eq!(found(db, &scene.campaign, "BOB@example.com").await, expected);
    assert_eq!(found(db, &other, "bob@example.com").await, [elsewhere_id]);
    assert_eq!(found(db, &other, "eve@example.com").await, []);
    assert_eq!(found(db, &unknown(&other), "bob@example.com").await, []);
}

/// Neither an unknown recipient nor one who was merely sent an e-mail is suppressed.
pub async fn nobody_is_suppressed_for_getting_an_email(db: &Opened) {
    let scene = fixtures::scene(db).await;
    record(db, vec![fixtures::send(&scene.campaign, "bob@example.com")]).await;
    for (user, recipient) in [
        (scene.user.id, "bob@example.com"),
        (scene.user.id, "stranger@example.com"),
        (UserId::new(), "bob@example.com"),
    ] {
        let suppressed = db.store.email_tracking.is_suppressed(user, &address(recipient)).await;
        assert!(!suppressed.expect("an answer"));
    }
}

/// Lists and streams return exactly the e-mails that match the filter.
pub async fn lists_and_streams_hold_what_the_filter_names(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let second = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    let bob = fixtures::user(db, "bob").await;
    let bobs = fixtures::mailbox(db, &bob, "bob@work.example").await;
    let third = fixtures::campaign(db, &bob, &bobs).await;
    let first = scene.campaign;
    let [x, y, nobody] = ["x@example.com", "y@example.com", "nobody@example.com"].map(address);
    for (campaign, recipient) in [(&first, &x), (&first, &y), (&second, &x), (&third, &x)] {
        record(db, vec![fixtures::send(campaign, recipient.as_str())]).await;
    }
    let all = list(db, &TrackingFilter::all()).await;
    assert_eq!(all.len(), 4);
    for (filter, expected) in [
        (TrackingFilter::all(), vec![0, 1, 2, 3]),
        (TrackingFilter::all().recipient(x.clone()), vec![0, 2, 3]),
        (TrackingFilter::all().recipient(nobody), vec![]),
        (TrackingFilter::campaign(first.id), vec![0, 1]),
        (TrackingFilter::campaign(unknown(&first).id), vec![]),
        (TrackingFilter::campaign(first.id).recipient(y.clone()), vec![1]),
        (TrackingFilter::campaign(second.id).recipient(y), vec![]),
        (TrackingFilter::user(first.user_id), vec![0, 1, 2]),
        (TrackingFilter::user(first.user_id).recipient(x), vec![0, 2]),
        (TrackingFilter::user(bob.id), vec![3]),
        (TrackingFilter::user(UserId::new()), vec![]),
    ] {
        let mut expected: Vec<_> = expected.into_iter().map(|n: usize| all[n].clone()).collect();
        assert_eq!(list(db, &filter).await, expected, "{filter:?}");
        expected.sort_unstable_by_key(|row| row.id);
        assert_eq!(streamed(db, &filter).await, expected, "{filter:?}");
    }
}

/// An e-mail without events is in no state.
pub async fn a_plain_send_is_in_no_state(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    record(db, sends(&campaign, 3)).await;
    for plain in
        [TrackingFilter::all(), TrackingFilter::campaign(campaign.id), TrackingFilter::user(campaign.user_id)]
    {
        assert_eq!(list(db, &plain).await.len(), 3);
        for state in Signal::ALL {
            let filter = plain.clone().state(*state);
            assert_eq!(list(db, &filter).await, [], "{state}");
            assert_eq!(streamed(db, &filter).await, [], "{state}");
        }
    }
}

/// E-mails are listed in the order in which they were recorded or its reverse, whenever they were sent.
pub async fn lists_are_in_the_order_of_recording(db: &Opened) {
    let Scene { campaign, mailbox, .. } = fixtures::scene(db).await;
    let mut recorded = Vec::new();
    for minutes in [5, 1, 4, 2, 3] {
        let sent_at = start() + TimeDelta::minutes(minutes);
        let recipient = format!("after{minutes}@example.com");
        let send = NewSend::new(&campaign, &mailbox, recipient, sent_at);
        let send = send.expect("valid addresses");
        recorded.push(send.id());
        record(db, vec![send]).await;
    }
    let filter = TrackingFilter::campaign(campaign.id);
    let listed: Vec<_> = list(db, &filter).await.iter().map(|row| row.id).collect();
    assert_eq!(listed, recorded);
    let page = PageRequest::default().order(Order::NewestFirst);
    let newest_first = db.store.email_tracking.list(&filter, &page).await.expect("a page").items;
    let newest_first: Vec<_> = newest_first.iter().rev().map(|row| row.id).collect();
    assert_eq!(newest_first, recorded);
}

/// Summaries are the e-mails without their bodies, in the same lists and streams; a cursor of one list works in
/// the other.
pub async fn summaries_are_the_emails_without_bodies(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    record(db, sends(&campaign, 5)).await;
    let event = TrackingEvent::bounced(sends(&campaign, 1)[0].id(), start(), BounceKind::Hard, None);
    let event = event.expect("no reason");
    db.store.email_tracking.record_events(vec![event]).await.expect("an outcome");
    let filter = TrackingFilter::campaign(campaign.id);
    let expected: Vec<_> = list(db, &filter).await.into_iter().map(EmailSummary::from).collect();
    let tracking = &db.store.email_tracking;
    let two = PageRequest::new(2).expect("a limit");
    let first = tracking.list(&filter, &two).await.expect("a page");
    let rest = two.after(first.next.expect("more"));
    let rest = tracking.list_summaries(&filter, &rest).await.expect("a page");
    assert_eq!(rest.items, expected[2..4]);
    let all = tracking.list_summaries(&filter, &everything()).await.expect("a page");
    assert_eq!(all.items, expected);
    let streamed = tracking.stream_summaries(&filter).await.expect("a stream");
    let mut streamed = fixtures::drain(streamed).await;
    streamed.sort_unstable_by_key(|summary| summary.id);
    let mut expected = expected;
    expected.sort_unstable_by_key(|summary| summary.id);
    assert_eq!(streamed, expected);
}

/// The ids of e-mails can be streamed alone, for every filter.
pub async fn ids_are_streamed_alone(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    record(db, sends(&scene.campaign, 5)).await;
    record(db, sends(&other, 3)).await;
    for (filter, expected) in [
        (TrackingFilter::campaign(scene.campaign.id), 5),
        (TrackingFilter::user(scene.user.id), 8),
        (TrackingFilter::user(UserId::new()), 0),
    ] {
        let mut listed: Vec<_> = list(db, &filter).await.iter().map(|row| row.id).collect();
        let ids = db.second.email_tracking.stream_ids(&filter).await.expect("a stream");
        let mut ids = fixtures::drain(ids).await;
        listed.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids, listed);
        assert_eq!(ids.len(), expected);
    }
}

/// Of many ids, those are named that were recorded.
pub async fn the_recorded_ones_of_many_ids_are_named(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 20);
    let ids: Vec<_> = batch.iter().map(NewSend::id).collect();
    let (recorded, _) = batch.split_at(7);
    record(db, recorded.to_vec()).await;
    let found = db.second.email_tracking.recorded(&ids).await.expect("a look-up");
    assert_eq!(found, ids.iter().copied().take(7).collect());
    let found = db.second.email_tracking.recorded(&[]).await.expect("a look-up");
    assert!(found.is_empty());
}

/// Pages return each e-mail once, in list order.
pub async fn pages_give_each_email_once(db: &Opened) {
    let scene = fixtures::scene(db).await;
    let other = fixtures::campaign(db, &scene.user, &scene.mailbox).await;
    record(db, sends(&other, 5)).await;
    record(db, sends(&scene.campaign, 20)).await;
    let filter = TrackingFilter::campaign(scene.campaign.id);
    let tracking = &db.second.email_tracking;
    let pages = pages(7, async |page: PageRequest| tracking.list(&filter, &page).await).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 6]);
    let paged = pages.concat();
    assert_eq!(paged, list(db, &filter).await);
    let mut ids: Vec<_> = paged.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

/// A stream returns thousands of e-mails, each once.
pub async fn a_stream_gives_thousands_of_emails(db: &Opened) {
    let campaign = fixtures::scene(db).await.campaign;
    let batch = sends(&campaign, 2_500);
    let mut expected: Vec<_> = batch.iter().map(NewSend::id).collect();
    expected.sort_unstable();
    record(db, batch).await;
    let rows = streamed(db, &TrackingFilter::campaign(campaign.id)).await;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, expected);
}
