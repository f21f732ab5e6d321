//! The contract of passwords and logins of [`UserRepository`](crate::UserRepository).

use std::time::Duration;

use futures_util::future::{join, join_all};

use super::Opened;
use super::fixtures::{CROWD, all_users, assert_fails, crowd, new_user, user};
use crate::{
    ClerkUser, Collection, Error, Invalid, LoginAttempt, LoginOutcome, LoginPassword, PasswordOptions,
    PasswordPolicy, Problem, Repositories, TokenBuckets, User, UserId,
};

const RIGHT: &str = "correct horse";

fn password(text: &str) -> LoginPassword {
    LoginPassword::new(text).expect("a valid password")
}

/// A user `name` with the password [`RIGHT`].
async fn user_with_password(db: &Opened, name: &str) -> User {
    let user = db.store.users.create(new_user(name).password(password(RIGHT))).await;
    user.expect("a free login id")
}

async fn verify(store: &Repositories, login_id: &str, password: &str) -> LoginOutcome {
    let outcome = store.users.verify_login(LoginAttempt::new(login_id, password)).await;
    outcome.expect("an answer")
}

async fn set_password(store: &Repositories, id: UserId, text: &str) -> User {
    let user = store.users.set_password(id, password(text)).await;
    user.expect("the user exists")
}

/// A user created with a password can log in with it, on any handle.
pub async fn a_user_created_with_a_password_can_log_in(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    assert_eq!(verify(&db.second, "ada", RIGHT).await, LoginOutcome::Accepted(ada.clone()));
    assert_eq!(all_users(db).await, [ada]);
}

/// A new password replaces the previous one, if any.
pub async fn a_set_password_takes_the_place_of_the_one_before(db: &Opened) {
    let ada = user(db, "ada").await;
    for (text, before) in [("first password", None), ("second password", Some("first password"))] {
        let changed = set_password(&db.store, ada.id, text).await;
        assert_eq!(verify(&db.second, "ada", text).await, LoginOutcome::Accepted(changed));
        if let Some(before) = before {
            assert_eq!(verify(&db.second, "ada", before).await, LoginOutcome::Rejected);
        }
    }
}

/// Setting a password makes the version later and changes nothing else that is visible.
pub async fn setting_a_password_is_a_write_of_nothing_else(db: &Opened) {
    let mut ada = user_with_password(db, "ada").await;
    let changed = set_password(&db.store, ada.id, RIGHT).await;
    assert!(changed.updated_at > ada.updated_at);
    ada.updated_at = changed.updated_at;
    assert_eq!(changed, ada);
    assert_eq!(all_users(db).await, [ada]);
}

/// The password of an unknown user cannot be set.
pub async fn a_password_of_an_unknown_user_is_not_found(db: &Opened) {
    let id = UserId::new();
    let set = db.store.users.set_password(id, password(RIGHT)).await;
    assert_fails(set, &Error::not_found(Collection::Users, id));
    assert!(all_users(db).await.is_empty());
}

/// Every rejected attempt gets the same answer, whatever was wrong with it.
pub async fn every_attempt_that_is_not_right_is_rejected(db: &Opened) {
    user_with_password(db, "ada").await;
    user(db, "bob").await;
    let (long, huge) = ("x".repeat(1_025), "x".repeat(1 << 20));
    for (login_id, password) in [
        ("eve", RIGHT),
        ("", RIGHT),
        ("no login id", RIGHT),
        ("\0", RIGHT),
        ("ada\0", RIGHT),
        (&huge, RIGHT),
        ("ada", "wrong horse"),
        ("ada", "correct horse "),
        ("ada", "Correct horse"),
        ("ada", ""),
        ("ada", "c"),
        ("ada", &long),
        ("ada", &huge),
        ("bob", RIGHT),
        ("bob", ""),
        ("{\"$ne\":null}", RIGHT),
        ("{\"$gt\":\"\"}", "{\"$gt\":\"\"}"),
        ("$where", RIGHT),
        ("';returntrue;//", RIGHT),
        ("*", RIGHT),
        (".*", RIGHT),
    ] {
        let outcome = verify(&db.store, login_id, password).await;
        assert_eq!(outcome, LoginOutcome::Rejected, "{login_id:.20} {password:.20}");
    }
    assert!(matches!(verify(&db.store, "ada", RIGHT).await, LoginOutcome::Accepted(_)));
}

/// A login id is valid in any case and with spaces around it.
pub async fn a_login_id_is_right_in_any_case(db: &Opened) {
    let ada = user_with_password(db, "Ada@Example.com").await;
    for login_id in ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@example.com\u{a0}", "ada＠example.com"] {
        assert_eq!(verify(&db.store, login_id, RIGHT).await, LoginOutcome::Accepted(ada.clone()));
    }
    // Ids that only look alike are other ids: a Cyrillic letter, a digit.
    for login_id in ["аda@example.com", "ada@examp1e.com"] {
        assert_eq!(verify(&db.store, login_id, RIGHT).await, LoginOutcome::Rejected, "{login_id}");
    }
}

/// Passwords that differ only in how letters are composed are equal; all others differ.
pub async fn equivalent_forms_are_one_password_and_nothing_else_is(db: &Opened) {
    let ada = user(db, "ada").await;
    let long = "x".repeat(73);
    for (set, typed, is_right) in [
        ("caf\u{e9} latte", "cafe\u{301} latte", true),
        ("\u{ff11}2345678", "12345678", true),
        ("password ", "password", false),
        ("pass\0words", "pass", false),
        (long.as_str(), &long[..72], false),
    ] {
        let ada = set_password(&db.store, ada.id, set).await;
        let expected = if is_right { LoginOutcome::Accepted(ada) } else { LoginOutcome::Rejected };
        assert_eq!(verify(&db.store, "ada", typed).await, expected, "{set:?}");
    }
}

/// A user from Clerk cannot log in with a password until one is set.
pub async fn a_user_of_clerk_has_no_password(db: &Opened) {
    let clerk = ClerkUser::new("user_ada", "Ada", "ada", super::start()).expect("valid input");
    let ada = db.store.users.upsert_from_clerk(clerk.clone()).await.expect("free values").into_user();
    let ada = ada.expect("the user exists");
    assert_eq!(verify(&db.store, "ada", RIGHT).await, LoginOutcome::Rejected);
    set_password(&db.store, ada.id, RIGHT).await;
    // Later updates from Clerk keep the password.
    let ada = db.store.users.upsert_from_clerk(clerk).await.expect("free values").into_user();
    let ada = ada.expect("the user exists");
    assert_eq!(verify(&db.store, "ada", RIGHT).await, LoginOutcome::Accepted(ada));
}

/// An inactive user is rejected, and accepted once active again.
pub async fn an_inactive_user_is_rejected(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    for is_active in [false, true] {
        let ada = db.store.users.set_active(ada.id, is_active).await.expect("the user exists");
        let expected = if is_active { LoginOutcome::Accepted(ada) } else { LoginOutcome::Rejected };
        assert_eq!(verify(&db.second, "ada", RIGHT).await, expected);
    }
}

/// Neither a successful nor a failed attempt leaves a trace.
pub async fn logging_in_writes_nothing(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    for text in [RIGHT, "wrong horse"] {
        verify(&db.store, "ada", text).await;
        assert_eq!(all_users(db).await, std::slice::from_ref(&ada));
    }
}

/// Concurrent logins do not affect each other.
pub async fn many_can_log_in_at_once(db: &Opened) {
    user_with_password(db, "ada").await;
    let outcomes = crowd(db, async |store, n| {
        verify(store, "ada", if n.is_multiple_of(2) { RIGHT } else { "wrong horse" }).await
    })
    .await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), n.is_multiple_of(2));
    }
}

/// If many callers set a password at once, one of their passwords is valid in the end.
pub async fn of_passwords_set_at_once_one_is_right(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    crowd(db, async |store, n| set_password(store, ada.id, &format!("password {n}")).await).await;
    let mut right = 0;
    for n in 0..CROWD {
        let outcome = verify(&db.store, "ada", &format!("password {n}")).await;
        right += usize::from(matches!(outcome, LoginOutcome::Accepted(_)));
    }
    assert_eq!(right, 1);
    assert_eq!(verify(&db.store, "ada", RIGHT).await, LoginOutcome::Rejected);
}

/// A login replaces a hash that is weaker than new ones, and no caller can tell.
pub async fn a_weak_hash_is_replaced_and_the_version_stays(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    let owasp = db.with_passwords(PasswordOptions::new()).await;
    assert_eq!(verify(&owasp, "ada", "wrong horse").await, LoginOutcome::Rejected);
    for store in [&owasp, &owasp, &db.store] {
        assert_eq!(verify(store, "ada", RIGHT).await, LoginOutcome::Accepted(ada.clone()));
        assert_eq!(verify(store, "ada", "wrong horse").await, LoginOutcome::Rejected);
    }
    assert_eq!(all_users(db).await, [ada]);
}

/// A hash that is stronger than new ones stays valid.
pub async fn a_strong_hash_stays_good_for_a_weak_policy(db: &Opened) {
    let owasp = db.with_passwords(PasswordOptions::new()).await;
    let ada = owasp.users.create(new_user("ada").password(password(RIGHT))).await.expect("a free login id");
    for store in [&db.store, &db.store, &owasp] {
        assert_eq!(verify(store, "ada", RIGHT).await, LoginOutcome::Accepted(ada.clone()));
    }
}

/// A password that is set while a login replaces the old password's weak hash stays valid.
pub async fn a_password_set_while_a_weak_hash_is_replaced_wins(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    let owasp = db.with_passwords(PasswordOptions::new()).await;
    let mut old = RIGHT.to_owned();
    for n in 0..5 {
        let new = format!("password {n}");
        // The login computes two slow hashes; the new password, with a fast hash, is set in between.
        join(verify(&owasp, "ada", &old), set_password(&db.store, ada.id, &new)).await;
        assert_eq!(verify(&db.store, "ada", &old).await, LoginOutcome::Rejected);
        assert!(matches!(verify(&db.store, "ada", &new).await, LoginOutcome::Accepted(_)));
        old = new;
    }
}

/// A new password must be as long as the options say, and none of those that they refuse. Passwords that are
/// stored already stay valid.
pub async fn a_short_or_common_password_is_refused(db: &Opened) {
    let ada = user_with_password(db, "ada").await;
    let strict = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests()).min_length(15);
    let store = db.with_passwords(strict.refuse_common(|password| password == "12345678 horses")).await;
    for (text, problem) in [
        (RIGHT, Problem::TooShort { min: 15 }),
        ("\u{1d7cf}\u{1d7d0}345678 horses", Problem::CommonPassword),
        // 14 characters that are two code points each until they are normalised.
        (&*"e\u{301}".repeat(14), Problem::TooShort { min: 15 }),
    ] {
        let expected = Error::from(Invalid::new("password", problem));
        assert_fails(store.users.set_password(ada.id, password(text)).await, &expected);
        assert_fails(store.users.create(new_user("bob").password(password(text))).await, &expected);
    }
    assert_eq!(all_users(db).await, std::slice::from_ref(&ada));
    assert_eq!(verify(&store, "ada", RIGHT).await, LoginOutcome::Accepted(ada.clone()));
    let ada = set_password(&store, ada.id, "twelve 34 horses").await;
    assert_eq!(verify(&store, "ada", "twelve 34 horses").await, LoginOutcome::Accepted(ada));
}

/// After too many wrong logins, further ones are refused and told how long to wait, the right one too, and
/// with an unknown login id as with a known one.
pub async fn after_too_many_wrong_logins_further_ones_are_throttled(db: &Opened) {
    user_with_password(db, "ada").await;
    let hour = Duration::from_secs(3_600);
    let throttle = TokenBuckets::new().by_login_id(3, hour).by_caller(100, hour);
    let cheap = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
    let store = db.with_passwords(cheap.throttle(throttle)).await;
    let attempt = async |login_id: &str, password: &str| {
        let attempt = LoginAttempt::new(login_id, password).caller("192.0.2.1");
        store.users.verify_login(attempt).await
    };
    for login_id in ["ada", "nobody"] {
        for spelling in [login_id, &login_id.to_uppercase(), &format!(" {login_id} ")] {
            assert_eq!(attempt(spelling, "wrong horse").await, Ok(LoginOutcome::Rejected));
        }
        match attempt(login_id, RIGHT).await {
            Err(error @ Error::Throttled { retry_after }) => {
                assert!(error.is_retryable() && retry_after <= hour && retry_after > hour / 2, "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A login that waits too long for its turn is told so, and not that the password was wrong.
pub async fn a_full_queue_is_busy_and_says_nothing_of_the_password(db: &Opened) {
    user_with_password(db, "ada").await;
    let one = PasswordOptions::new().policy(PasswordPolicy::OWASP).at_once(1).wait(Duration::ZERO);
    let store = db.with_passwords(one).await;
    // All attempts find the user before any of them hashes.
    let attempt = || store.users.verify_login(LoginAttempt::new("ada", RIGHT));
    let mut busy = 0;
    for _ in 0..5 {
        for outcome in join_all((0..CROWD).map(|_| attempt())).await {
            match outcome {
                Ok(outcome) => assert!(matches!(outcome, LoginOutcome::Accepted(_))),
                Err(error) => {
                    assert_eq!(error, Error::busy("users.verify_login"));
                    assert!(error.is_retryable());
                    busy += 1;
                }
            }
        }
    }
    assert!(busy > 0, "{CROWD} at once and one turn");
}
