//! The contract of re-encryption, [`MailboxSecretsRepository::reencrypt`](crate::MailboxSecretsRepository::reencrypt).

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::future::join;

use super::credentials::{Texts, assert_secrets, credentials, linked};
use super::fixtures::{all_mailboxes, crowd, drain};
use super::{Opened, key, vault};
use crate::{KeyId, Mailbox, MailboxId, ReencryptPlan, ReencryptReport, Repositories, SecretProblem};

const TEXTS: Texts<'_> = [Some("hunter 2"), Some("access1"), Some("refresh1")];

/// The store before the rotation from key 1 to key 2, during it, and after it.
struct Rotation {
    before: Repositories,
    during: Repositories,
    after: Repositories,
}

impl Rotation {
    async fn new(db: &Opened) -> Self {
        Self {
            before: db.with_vault(&vault(&[key(1, 1)]).await).await,
            during: db.with_vault(&vault(&[key(2, 2), key(1, 1)]).await).await,
            after: db.with_vault(&vault(&[key(2, 2)]).await).await,
        }
    }

    /// Links `n` mailboxes with secrets under key 1.
    async fn linked(&self, db: &Opened, n: usize) -> Vec<Mailbox> {
        let mut mailboxes = Vec::with_capacity(n);
        for n in 0..n {
            mailboxes.push(linked(db, &self.before, &format!("user{n}"), TEXTS).await);
        }
        mailboxes
    }
}

async fn reports(store: &Repositories, plan: ReencryptPlan) -> Vec<ReencryptReport> {
    drain(store.mailbox_secrets.reencrypt(plan).await.expect("a run")).await
}

/// The last report of a run.
async fn run(store: &Repositories, plan: ReencryptPlan) -> ReencryptReport {
    let report = reports(store, plan).await.pop().expect("a report");
    assert!(report.is_done);
    report
}

fn under(counts: &[(u32, u64)]) -> BTreeMap<KeyId, u64> {
    counts.iter().map(|(id, n)| (KeyId::new(*id).expect("not zero"), *n)).collect()
}

/// The first run rewrites every mailbox, the second finds nothing to do, and the old key is no longer needed.
pub async fn everything_is_under_the_primary_key_afterwards(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 5).await;
    let first = run(&rotation.during, ReencryptPlan::new()).await;
    assert_eq!((first.scanned, first.rewritten, first.current, first.conflicts), (5, 5, 0, 0));
    assert_eq!((first.unreadable, first.found_plaintext), (0, 0));
    assert_eq!((first.found_under, first.left_under), (under(&[(1, 15)]), under(&[(2, 15)])));
    assert_eq!(first.last, mailboxes.last().map(|mailbox| mailbox.id));
    for mailbox in &mailboxes {
        assert_secrets(&rotation.after, mailbox.id, TEXTS).await;
    }
    let second = run(&rotation.after, ReencryptPlan::new()).await;
    assert_eq!((second.scanned, second.rewritten, second.current), (5, 0, 5));
    assert_eq!((second.found_under, second.left_under), (under(&[(2, 15)]), under(&[(2, 15)])));
}

/// The secrets stay the same, and so does the version.
pub async fn the_version_of_a_mailbox_stays(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 3).await;
    run(&rotation.during, ReencryptPlan::new()).await;
    assert_eq!(all_mailboxes(db).await, mailboxes);
}

/// A dry run reports what a run would do, and writes nothing.
pub async fn a_dry_run_writes_nothing(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 3).await;
    let dry = run(&rotation.during, ReencryptPlan::new().dry_run()).await;
    assert_eq!(all_mailboxes(db).await, mailboxes);
    for mailbox in &mailboxes {
        assert_secrets(&rotation.before, mailbox.id, TEXTS).await;
    }
    let mut done = run(&rotation.during, ReencryptPlan::new()).await;
    assert_eq!((&dry.left_under, &done.left_under), (&under(&[(1, 9)]), &under(&[(2, 9)])));
    done.left_under.clone_from(&dry.left_under);
    assert_eq!(done, dry);
}

/// A run that was cut off can resume where it stopped, without loss.
pub async fn a_run_that_was_cut_off_can_be_resumed(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 5).await;
    let plan = ReencryptPlan::new().batch_size(2);
    let mut cut_off = rotation.during.mailbox_secrets.reencrypt(plan).await.expect("a run");
    let first = cut_off.next().await.expect("a report").expect("no error");
    drop(cut_off);
    assert_eq!((first.scanned, first.rewritten, first.is_done), (2, 2, false));
    assert_eq!(first.last, Some(mailboxes[1].id));
    let rest = run(&rotation.during, plan.resume_after(mailboxes[1].id)).await;
    assert_eq!((rest.scanned, rest.rewritten), (3, 3));
    for mailbox in &mailboxes {
        assert_secrets(&rotation.after, mailbox.id, TEXTS).await;
    }
    let beyond = run(&rotation.during, plan.resume_after(mailboxes[4].id)).await;
    assert_eq!((beyond.scanned, beyond.last), (0, Some(mailboxes[4].id)));
}

/// Batches of any size cover every mailbox once, and each batch yields a report.
pub async fn a_report_comes_after_each_batch(db: &Opened) {
    let rotation = Rotation::new(db).await;
    rotation.linked(db, 5).await;
    for (size, scanned) in [
        // 0 acts as 1.
        (0, vec![1, 2, 3, 4, 5, 5]),
        (2, vec![2, 4, 5]),
        (5, vec![5, 5]),
        (6, vec![5]),
        (usize::MAX, vec![5]),
    ] {
        let reports = reports(&rotation.during, ReencryptPlan::new().dry_run().batch_size(size)).await;
        let of_each: Vec<_> = reports.iter().map(|report| report.scanned).collect();
        assert_eq!(of_each, scanned, "{size} at a time");
        let (last, others) = reports.split_last().expect("a report");
        assert!(last.is_done && others.iter().all(|report| !report.is_done));
        assert_eq!(last.rewritten, 5);
    }
}

/// Every secret counts for the key that it names, in a dry run too.
pub async fn the_reports_count_the_secrets_under_each_key(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let both = linked(db, &rotation.before, "both", TEXTS).await;
    let renewed = credentials([None, Some("access2"), Some("refresh2")]);
    rotation.during.mailbox_secrets.replace_credentials(both.id, renewed).await.expect("the mailbox exists");
    linked(db, &rotation.before, "old", [TEXTS[0], None, None]).await;
    linked(db, &rotation.during, "new", [TEXTS[0], None, None]).await;
    linked(db, &rotation.before, "none", [None; 3]).await;
    let dry = run(&rotation.during, ReencryptPlan::new().dry_run()).await;
    assert_eq!((&dry.found_under, &dry.left_under), (&under(&[(1, 2), (2, 3)]), &under(&[(1, 2), (2, 3)])));
    let report = run(&rotation.during, ReencryptPlan::new()).await;
    assert_eq!((report.found_under, report.left_under), (under(&[(1, 2), (2, 3)]), under(&[(2, 5)])));
    assert_eq!((report.scanned, report.rewritten, report.current), (4, 2, 2));
    assert_secrets(&rotation.after, both.id, [TEXTS[0], Some("access2"), Some("refresh2")]).await;
}

/// Without mailboxes, a run is done immediately.
pub async fn a_run_through_nothing_is_done(db: &Opened) {
    let reports = reports(&db.store, ReencryptPlan::new()).await;
    let done = ReencryptReport { is_done: true, ..ReencryptReport::default() };
    assert_eq!(reports, [done]);
}

/// Many concurrent runs rewrite each mailbox, and none of them fails.
pub async fn two_runs_at_once_lead_to_the_same(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 6).await;
    let plan = ReencryptPlan::new().batch_size(2);
    let reports = crowd(db, async |_, _| run(&rotation.during, plan).await).await;
    let rewritten: u64 = reports.iter().map(|report| report.rewritten).sum();
    assert_eq!(rewritten, 6, "by one of them each");
    for report in reports {
        assert_eq!((report.scanned, report.unreadable), (6, 0));
        assert_eq!(report.rewritten + report.current + report.conflicts, 6);
    }
    for mailbox in mailboxes {
        assert_secrets(&rotation.after, mailbox.id, TEXTS).await;
    }
}

/// A mailbox with a secret that does not open is listed, and the others are rewritten.
pub async fn a_secret_that_does_not_open_is_reported_and_the_rest_done(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 5).await;
    let broken = mailboxes[2].id;
    let foreign = db.with_vault(&vault(&[key(9, 9)]).await).await;
    let token = credentials([None, Some("foreign"), None]);
    foreign.mailbox_secrets.replace_credentials(broken, token).await.expect("the mailbox exists");
    let report = run(&rotation.during, ReencryptPlan::new().batch_size(2)).await;
    assert_eq!((report.scanned, report.rewritten, report.unreadable), (5, 4, 1));
    let listed: Vec<_> = report.first_unreadable.iter().map(|unreadable| unreadable.mailbox).collect();
    assert_eq!(listed, [broken]);
    let problem = &report.first_unreadable[0].problem;
    assert_eq!(problem, &format!("mailboxes: access_token of {broken}: {}", SecretProblem::UnknownKey(9)));
    // It is unchanged, even the secret in it that does open.
    rotation
        .before
        .mailbox_secrets
        .replace_credentials(broken, credentials([None, TEXTS[1], None]))
        .await
        .expect("it exists");
    for mailbox in mailboxes {
        let store = if mailbox.id == broken { &rotation.before } else { &rotation.after };
        assert_secrets(store, mailbox.id, TEXTS).await;
    }
}

/// Secrets under a disabled or an unknown key cannot be rewritten.
pub async fn a_disabled_key_is_reported(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 2).await;
    let disabled = db.with_vault(&vault(&[key(2, 2), format!("{}:disabled", key(1, 1))]).await).await;
    for (store, expected) in
        [(&disabled, "key 1 is disabled"), (&rotation.after, "key 1 is not in the keyring")]
    {
        let report = run(store, ReencryptPlan::new()).await;
        assert_eq!((report.scanned, report.rewritten, report.unreadable), (2, 0, 2));
        assert_eq!(report.left_under, under(&[(1, 6)]), "the key is needed by what it does not open, too");
        for unreadable in report.first_unreadable {
            assert!(unreadable.problem.ends_with(expected), "{}", unreadable.problem);
        }
    }
    for mailbox in mailboxes {
        assert_secrets(&rotation.before, mailbox.id, TEXTS).await;
    }
}

/// A run skips a mailbox that was unlinked before its turn.
pub async fn a_mailbox_unlinked_meanwhile_is_no_obstacle(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 4).await;
    let mut reports =
        rotation.during.mailbox_secrets.reencrypt(ReencryptPlan::new().batch_size(1)).await.expect("a run");
    reports.next().await.expect("a report").expect("no error");
    for gone in [0, 2] {
        db.store.mailboxes.unlink(mailboxes[gone].id).await.expect("nobody needs the mailbox");
    }
    let rest: Vec<_> = reports.collect().await;
    let last = rest.last().expect("a report").as_ref().expect("no error");
    assert_eq!((last.scanned, last.rewritten, last.is_done), (3, 3, true));
    for left in [1, 3] {
        assert_secrets(&rotation.after, mailboxes[left].id, TEXTS).await;
    }
}

/// Tokens that are refreshed during a run stay.
pub async fn tokens_refreshed_meanwhile_win(db: &Opened) {
    let rotation = Rotation::new(db).await;
    let mailboxes = rotation.linked(db, 8).await;
    let ids: Vec<MailboxId> = mailboxes.iter().map(|mailbox| mailbox.id).collect();
    let refresh_all = async {
        for id in &ids {
            let new = credentials([None, Some("access2"), Some("refresh2")]);
            // This process does not seal with the new key yet.
            let store = &rotation.before;
            let used = credentials(TEXTS);
            if let Err(error) = store.mailbox_secrets.refresh_tokens(*id, &used, new.clone()).await {
                // It cannot read what was already re-encrypted with the new key.
                assert!(error.to_string().ends_with("key 2 is not in the keyring"), "{error}");
                let store = &rotation.during;
                store.mailbox_secrets.refresh_tokens(*id, &used, new).await.expect("the same tokens");
            }
        }
    };
    let (report, ()) = join(run(&rotation.during, ReencryptPlan::new().batch_size(3)), refresh_all).await;
    assert_eq!(report.unreadable, 0);
    for id in ids {
        assert_secrets(&rotation.during, id, [TEXTS[0], Some("access2"), Some("refresh2")]).await;
    }
}
