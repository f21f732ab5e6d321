//! Failures that a test orders with `fail_next`.

use std::fmt::Debug;

use campaign_store::{
    CampaignFilter, Collection, Error, MailboxFilter, MetricsFilter, PageRequest, Repositories,
    TrackingFilter, UserFilter,
};

use super::threads::{THREADS, at_once};
use super::{Scene, done, drain, new_campaign, new_user, noon, rows, scene, send};

fn away(reason: &'static str) -> Error {
    Error::unavailable("test", reason)
}

#[test]
fn an_ordered_failure_hits_its_own_collection_alone() {
    let Scene { memory, store, user, mailbox, campaign, .. } = scene();
    for collection in Collection::ALL {
        memory.clone().fail_next(collection, away(collection.name()));
        let calls = [
            (Collection::Users, done(store.users.get(user.id)).err()),
            (Collection::Mailboxes, done(store.mailboxes.get(mailbox.id)).err()),
            (Collection::Campaigns, done(store.campaigns.get(campaign.id)).err()),
            (Collection::CampaignMetrics, done(store.campaign_metrics.totals(&MetricsFilter::all())).err()),
            (Collection::EmailTracking, done(store.email_tracking.stream(&TrackingFilter::all())).err()),
        ];
        for (called, error) in calls {
            assert_eq!(error, (called == collection).then(|| away(collection.name())));
        }
    }
}

#[test]
fn a_call_that_works_on_several_collections_fails_by_its_own_alone() {
    let Scene { memory, store, mailbox, campaign, .. } = scene();
    memory.fail_next(Collection::CampaignMetrics, away("metrics"));
    done(store.campaigns.create(new_campaign(&mailbox))).unwrap();
    done(store.email_tracking.record_sends(vec![send(&campaign, "bob@example.com")])).unwrap();
    assert_eq!(done(store.campaign_metrics.get(campaign.id)), Err(away("metrics")));
}

#[test]
fn ordered_failures_come_in_their_order_and_once_each() {
    let Scene { memory, store, user, mailbox, .. } = scene();
    memory.fail_next(Collection::Users, away("first"));
    memory.fail_next(Collection::Mailboxes, away("other"));
    memory.fail_next(Collection::Users, Error::backend("second", Some(26)));
    assert_eq!(done(store.users.get(user.id)), Err(away("first")));
    assert_eq!(done(store.users.record_login(user.id)), Err(Error::backend("second", Some(26))));
    assert!(done(store.users.record_login(user.id)).is_ok());
    assert_eq!(done(store.mailboxes.touch(mailbox.id)), Err(away("other")));
    assert!(done(store.mailboxes.touch(mailbox.id)).is_ok());
}

#[test]
fn threads_share_the_ordered_failures() {
    let Scene { memory, user, .. } = scene();
    for _ in 0..5 {
        memory.fail_next(Collection::Users, away("once"));
    }
    let results = at_once(&memory, |store, _| done(store.users.get(user.id)));
    assert_eq!(results.iter().filter(|result| **result == Err(away("once"))).count(), 5);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), THREADS - 5);
}

#[test]
fn a_call_that_was_ordered_to_fail_does_nothing() {
    let Scene { memory, store, user, mailbox, campaign } = scene();
    let before = contents(&store);
    for collection in [
        Collection::Users,
        Collection::Users,
        Collection::Mailboxes,
        Collection::Mailboxes,
        Collection::Campaigns,
        Collection::Campaigns,
        Collection::EmailTracking,
    ] {
        memory.fail_next(collection, away("ordered"));
    }
    let errors = [
        done(store.users.create(new_user("bob"))).err(),
        done(store.users.record_login(user.id)).err(),
        done(store.mailboxes.touch(mailbox.id)).err(),
        done(store.mailboxes.set_primary(mailbox.id)).err(),
        done(store.campaigns.create(new_campaign(&mailbox))).err(),
        done(store.campaigns.claim_due(noon(), 1)).err(),
        done(store.email_tracking.record_sends(vec![send(&campaign, "bob@example.com")])).err(),
    ];
    assert!(errors.into_iter().all(|error| error == Some(away("ordered"))));
    assert_eq!(contents(&store), before);
}

fn contents(store: &Repositories) -> impl PartialEq + Debug + use<> {
    let page = PageRequest::default();
    (
        drain(done(store.users.stream(&UserFilter::all()))),
        drain(done(store.mailboxes.stream(&MailboxFilter::all()))),
        drain(done(store.campaigns.stream(&CampaignFilter::all()))),
        done(store.campaign_metrics.list(&MetricsFilter::all(), &page)).expect("a page"),
        rows(store),
    )
}
