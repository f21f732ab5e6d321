//! Many threads on one store.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use campaign_store::{
    CampaignStatus, Contribution, MailboxFilter, MemoryStore, NewMailbox, Provider, Repositories,
    SendOutcome, Totals, UserFilter,
};
use chrono::TimeDelta;

use super::{Scene, done, drain, metrics, new_campaign, new_user, noon, rows, scene, send};

pub(super) const THREADS: usize = 8;

/// Lets [`THREADS`] threads act at once, each on a store of its own making and with its number.
pub(super) fn at_once<T: Send>(
    memory: &MemoryStore,
    act: impl Fn(&Repositories, usize) -> T + Sync,
) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    let (act, barrier) = (&act, &barrier);
    thread::scope(|scope| {
        let start = |n| {
            let store = memory.clone().system();
            scope.spawn(move || {
                barrier.wait();
                act(&store, n)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread without a panic")).collect()
    })
}

#[test]
fn one_of_many_threads_creates_a_login_id() {
    const LOGINS: usize = 100;
    let memory = MemoryStore::new();
    let results = at_once(&memory, |store, _| {
        (0..LOGINS).map(|n| done(store.users.create(new_user(&format!("user{n}"))))).collect::<Vec<_>>()
    });
    for n in 0..LOGINS {
        let of_login: Vec<_> = results.iter().map(|results| &results[n]).collect();
        assert_eq!(of_login.iter().filter(|result| result.is_ok()).count(), 1);
        for error in of_login.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error.unique_index(), Some("login_id_1"));
        }
    }
    assert_eq!(drain(done(memory.system().users.stream(&UserFilter::all()))).len(), LOGINS);
}

#[test]
fn no_thread_claims_the_campaign_of_another() {
    const CAMPAIGNS: usize = 200;
    let Scene { memory, store, mailbox, .. } = scene();
    for _ in 1..CAMPAIGNS {
        done(store.campaigns.create(new_campaign(&mailbox))).unwrap();
    }
    let claimed = at_once(&memory, |store, n| {
        let mut claimed = Vec::new();
        loop {
            let some = done(store.campaigns.claim_due(noon(), n + 1)).unwrap();
            if some.is_empty() {
                return claimed;
            }
            claimed.extend(some);
        }
    });
    let claimed: Vec<_> = claimed.into_iter().flatten().collect();
    assert!(claimed.iter().all(|campaign| campaign.status == CampaignStatus::Active));
    assert_eq!(claimed.len(), CAMPAIGNS);
    assert_eq!(claimed.iter().map(|campaign| campaign.id).collect::<HashSet<_>>().len(), CAMPAIGNS);
}

#[test]
fn sums_are_exact_when_threads_record_the_same_sends() {
    const SENDS: usize = 120;
    let Scene { memory, store, campaign, .. } = scene();
    let outcomes = at_once(&memory, |store, n| {
        let mut outcomes = Vec::new();
        for batch in 0..SENDS / 10 {
            // Each thread begins elsewhere, so that they meet on the way.
            let first = (batch * 10 + n * 15) % SENDS;
            let recipients = (first..first + 10).map(|i| format!("recipient{}@example.com", i % SENDS));
            let sends = recipients.map(|recipient| send(&campaign, &recipient)).collect();
            outcomes.extend(done(store.email_tracking.record_sends(sends)).unwrap());
        }
        outcomes
    });
    let recorded = outcomes.iter().flatten().filter(|outcome| **outcome == SendOutcome::Recorded).count();
    assert_eq!(recorded, SENDS);
    let rows = rows(&store);
    assert_eq!(rows.len(), SENDS);
    assert_eq!(metrics(&store, &campaign).totals, rows.iter().map(Contribution::of).map(Totals::from).sum());
}

#[test]
fn no_write_of_a_thread_is_lost() {
    const WRITES: i64 = 100;
    let Scene { memory, store, user, campaign, .. } = scene();
    at_once(&memory, |store, _| {
        for _ in 0..WRITES {
            done(store.campaigns.add_recipients(campaign.id, 1.into())).unwrap();
            done(store.users.record_login(user.id)).unwrap();
        }
    });
    let writes = WRITES * i64::try_from(THREADS).unwrap();
    let campaign = done(store.campaigns.get(campaign.id)).unwrap().unwrap();
    assert_eq!(i64::try_from(campaign.total_recipients).unwrap(), writes);
    // The clock stands still, so each write is a millisecond.
    let user = done(store.users.get(user.id)).unwrap().unwrap();
    assert_eq!(user.updated_at, noon() + TimeDelta::milliseconds(writes));
}

#[test]
fn a_user_keeps_one_primary_mailbox_while_threads_link_and_unlink() {
    let Scene { memory, store, user, .. } = scene();
    let primaries = at_once(&memory, |store, n| {
        let mut seen = Vec::new();
        for _ in 0..50 {
            let address = format!("box{n}@work.example");
            let new = NewMailbox::new(user.id, address, Provider::Gmail).unwrap().primary();
            let mailbox = done(store.mailboxes.link(new)).unwrap();
            let mailboxes = drain(done(store.mailboxes.stream(&MailboxFilter::user(user.id))));
            seen.push(mailboxes.iter().filter(|mailbox| mailbox.is_primary).count());
            done(store.mailboxes.unlink(mailbox.id)).unwrap();
        }
        seen
    });
    assert!(primaries.into_iter().flatten().all(|n| n == 1));
    assert!(done(store.mailboxes.primary(user.id)).unwrap().is_some());
}
