//! Passwords and logins under load and failure: groups E and F.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use campaign_store::{
    Collection, Error, LoginAttempt, LoginOutcome, LoginPassword, MemoryStore, NewUser, PasswordOptions,
    PasswordPolicy,
};
use futures_util::future::join_all;

const RIGHT: &str = "correct horse";

fn password(text: &str) -> LoginPassword {
    LoginPassword::new(text).expect("a valid password")
}

/// A store with the user `ada` whose password is [`RIGHT`].
async fn memory(options: PasswordOptions) -> MemoryStore {
    let memory = MemoryStore::new().with_passwords(options);
    let ada = NewUser::new("Ada", "ada").expect("a valid name").password(password(RIGHT));
    memory.system().users.create(ada).await.expect("a free login id");
    memory
}

fn cheap() -> PasswordOptions {
    PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests())
}

fn attempt() -> LoginAttempt {
    LoginAttempt::new("ada", RIGHT)
}

#[test]
fn a_password_is_bounded_before_anything_is_done_with_it() {
    let problem = |text: String| LoginPassword::new(text).err().map(|invalid| invalid.to_string());
    let (short, long) = ("password is shorter than 8 characters", "password is longer than 1024 bytes");
    for (row, text, expected) in [
        ("57: empty", String::new(), Some("password is empty")),
        ("57: a byte", "x".to_owned(), Some(short)),
        ("57: 1024 bytes", "x".repeat(1_024), None),
        ("57: 1025 bytes", "x".repeat(1_025), Some(long)),
        ("57: 16 MiB", "x".repeat(16 << 20), Some(long)),
        ("58: NUL", "pass\0word".to_owned(), None),
        ("60: combining marks alone", "\u{301}".repeat(300), None),
        ("60: joiners", "\u{200d}".repeat(1_000), Some(long)),
    ] {
        assert_eq!(problem(text).as_deref(), expected, "{row}");
    }
}

#[tokio::test]
async fn passwords_that_grow_when_normalised_are_passwords() {
    let memory = memory(cheap()).await;
    let users = memory.system().users;
    let ada = users.find_by_login_id(&"ada".parse().unwrap()).await.unwrap().unwrap();
    for text in ["\u{fdfa}".repeat(341), "\u{301}".repeat(512), "\u{200d}".repeat(341)] {
        users.set_password(ada.id, password(&text)).await.unwrap();
        let outcome = users.verify_login(LoginAttempt::new("ada", text.clone())).await.unwrap();
        assert!(matches!(outcome, LoginOutcome::Accepted(_)), "60");
        let shorter = text.chars().skip(1).collect::<String>();
        let outcome = users.verify_login(LoginAttempt::new("ada", shorter)).await.unwrap();
        assert_eq!(outcome, LoginOutcome::Rejected, "60");
    }
}

#[tokio::test]
async fn a_database_that_is_away_says_nothing_of_the_password() {
    let memory = memory(cheap()).await;
    let users = memory.system().users;
    let away = Error::unavailable("test", "away");
    for _ in 0..2 {
        memory.fail_next(Collection::Users, away.clone());
        assert_eq!(users.verify_login(attempt()).await, Err(away.clone()), "78");
        assert!(matches!(users.verify_login(attempt()).await, Ok(LoginOutcome::Accepted(_))));
    }
}

/// On one thread, so that a hash on the runtime would stop everything else.
#[tokio::test]
async fn many_logins_through_few_turns_do_not_stop_the_runtime() {
    const LOGINS: usize = 200;
    let options = PasswordOptions::new().at_once(2).wait(Duration::ZERO);
    let users = memory(options).await.system().users;
    let turns_of_the_runtime = Arc::new(AtomicUsize::new(0));
    let ticking = tokio::spawn({
        let turns = turns_of_the_runtime.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    let outcomes = join_all((0..LOGINS).map(|_| users.verify_login(attempt()))).await;
    ticking.abort();
    let mut busy = 0;
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => assert!(matches!(outcome, LoginOutcome::Accepted(_)), "80"),
            Err(error) => {
                assert_eq!(error, Error::busy("users.verify_login"), "80");
                busy += 1;
            }
        }
    }
    // All of them ask for a turn before the first hash can be done, and none waits for one.
    assert!((1..LOGINS).contains(&busy), "80: {busy} of {LOGINS} were busy");
    let turns = turns_of_the_runtime.load(Ordering::Relaxed);
    assert!(turns > 10 * LOGINS, "80: the runtime had {turns} turns");
}

#[tokio::test]
async fn logins_that_were_given_up_hold_no_turn_for_long() {
    let options = PasswordOptions::new().at_once(1).wait(Duration::from_secs(20));
    let users = memory(options).await.system().users;
    for _ in 0..100 {
        // Given up while it waits or hashes.
        drop(tokio::time::timeout(Duration::from_micros(200), users.verify_login(attempt())).await);
    }
    let outcome = users.verify_login(attempt()).await;
    assert!(matches!(outcome, Ok(LoginOutcome::Accepted(_))), "81");
}
