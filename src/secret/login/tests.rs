use std::sync::Mutex;
use std::time::Duration;

use chrono::DateTime;

use super::*;
use crate::{Collection, LoginThrottle, NewUser, PasswordOptions, PasswordPolicy};

const RIGHT: &str = "correct horse";

/// One stored user, and a record of the look-ups and the writes.
struct OneUser {
    stored: Option<(bool, Option<String>)>,
    is_readable: bool,
    found: Mutex<usize>,
    replaced: Mutex<Vec<(String, String)>>,
    fails: bool,
}

impl OneUser {
    fn new(is_active: bool, password: Option<&str>) -> Self {
        let stored = Some((is_active, password.map(str::to_owned)));
        let (found, replaced) = (Mutex::default(), Mutex::default());
        Self { stored, is_readable: true, found, replaced, fails: false }
    }

    fn look_ups(&self) -> usize {
        *self.found.lock().unwrap()
    }
}

fn unreadable() -> Error {
    Error::not_found(Collection::Users, "unreadable")
}

#[async_trait]
impl Logins for OneUser {
    async fn find(&self, login_id: &LoginId) -> Result<Option<StoredLogin>> {
        *self.found.lock().unwrap() += 1;
        let Some((is_active, password)) = self.stored.clone().filter(|_| login_id.as_str() == "ada") else {
            return Ok(None);
        };
        let user = NewUser::new("Ada", "ada").unwrap().build(UserId::new(), DateTime::UNIX_EPOCH);
        let user = if self.is_readable { Ok(User { is_active, ..user }) } else { Err(unreadable()) };
        Ok(Some(StoredLogin { is_active, password, user }))
    }

    async fn replace_hash(&self, _: UserId, old: &str, new: &str) -> Result<()> {
        self.replaced.lock().unwrap().push((old.to_owned(), new.to_owned()));
        if self.fails { Err(Error::unavailable("test", "away")) } else { Ok(()) }
    }
}

fn passwords(policy: PasswordPolicy) -> Passwords {
    Passwords::new(PasswordOptions::new().policy(policy))
}

fn cheap() -> PasswordPolicy {
    PasswordPolicy::insecure_for_tests()
}

const OUT_OF_BOUNDS: &str = "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHRzYWx0c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// Whatever the policies of stored hashes and of new ones, nothing of an attempt can be told from its work.
#[tokio::test]
async fn every_case_is_one_look_up_and_the_work_of_the_dearest_policy() {
    let policy = |memory_kib, passes| PasswordPolicy { memory_kib, passes, lanes: 1 };
    let (cheap, dear) = (policy(40, 2), policy(128, 3));
    for (case, stored, today, older) in [
        ("one policy", cheap, cheap, cheap),
        ("raised", cheap, dear, dear),
        ("raised, and said", cheap, dear, cheap),
        ("lowered, and said", dear, cheap, dear),
        ("twice changed", policy(8, 1), cheap, dear),
    ] {
        let hash = passwords(stored).hash_of(RIGHT).await;
        let hash = Some(hash.as_str());
        let passwords = Passwords::new(PasswordOptions::new().policy(today).older_policy(older));
        let dearest = [stored, today, older].map(PasswordPolicy::work).into_iter().max().unwrap();
        let (long, huge) = ("x".repeat(1_025), "x".repeat(16 << 20));
        let broken = |is_active| OneUser { is_readable: false, ..OneUser::new(is_active, hash) };
        let rows = [
            ("83: unknown", "eve", RIGHT, OneUser::new(true, hash)),
            ("84: malformed", "no login id", RIGHT, OneUser::new(true, hash)),
            ("84: empty", "", RIGHT, OneUser::new(true, hash)),
            ("84: too long", &huge, RIGHT, OneUser::new(true, hash)),
            ("85: inactive", "ada", RIGHT, OneUser::new(false, hash)),
            ("86: without a password", "ada", RIGHT, OneUser::new(true, None)),
            ("87: no hash", "ada", RIGHT, OneUser::new(true, Some(RIGHT))),
            ("87: an empty hash", "ada", "", OneUser::new(true, Some(""))),
            ("62: endless memory", "ada", RIGHT, OneUser::new(true, Some(OUT_OF_BOUNDS))),
            ("88: too long a password", "ada", &long, OneUser::new(true, hash)),
            ("57: 16 MiB", "ada", &huge, OneUser::new(true, hash)),
            ("57: an empty password", "ada", "", OneUser::new(true, hash)),
            ("89: wrong", "ada", "wrong horse", OneUser::new(true, hash)),
            ("128: unreadable, wrong", "ada", "wrong horse", broken(true)),
            ("128: unreadable, inactive", "ada", RIGHT, broken(false)),
            ("right", "ADA", RIGHT, OneUser::new(true, hash)),
        ];
        for (row, login_id, password, logins) in rows {
            let before = passwords.work();
            let outcome = verify(&logins, &passwords, &LoginAttempt::new(login_id, password)).await.unwrap();
            assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), row == "right", "{case}: {row}");
            assert_eq!(logins.look_ups(), 1, "{case}: {row}");
            let work = passwords.work() - before;
            // What is missing is made up in whole KiB for each pass.
            assert!((dearest..dearest + 16).contains(&work), "{case}: {row}: {work} instead of {dearest}");
            assert!(row == "right" || logins.replaced.lock().unwrap().is_empty(), "{case}: {row}");
        }
    }
}

#[tokio::test]
async fn who_cannot_be_read_is_told_so_after_the_right_password_alone() {
    let passwords = passwords(cheap());
    let hash = passwords.hash_of(RIGHT).await;
    let logins = OneUser { is_readable: false, ..OneUser::new(true, Some(&hash)) };
    let attempt = |password: &str| LoginAttempt::new("ada", password);
    assert_eq!(verify(&logins, &passwords, &attempt("wrong horse")).await, Ok(LoginOutcome::Rejected));
    assert_eq!(verify(&logins, &passwords, &attempt(RIGHT)).await, Err(unreadable()));
}

#[tokio::test]
async fn a_weak_hash_is_replaced_by_comparing_and_only_when_the_password_is_right() {
    let weak = passwords(cheap()).hash_of(RIGHT).await;
    let owasp = passwords(PasswordPolicy::OWASP);
    for (password, is_active, fails, is_replaced) in [
        (RIGHT, true, false, true),
        // 79: the login is accepted even if the hash cannot be replaced.
        (RIGHT, true, true, true),
        (RIGHT, false, false, false),
        ("wrong horse", true, false, false),
    ] {
        let logins = OneUser { fails, ..OneUser::new(is_active, Some(&weak)) };
        let outcome = verify(&logins, &owasp, &LoginAttempt::new("ada", password)).await.unwrap();
        assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), is_replaced);
        let replaced = logins.replaced.lock().unwrap();
        assert_eq!(replaced.len(), usize::from(is_replaced), "76");
        for (old, new) in &*replaced {
            assert_eq!(*old, weak);
            assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the default is OWASP's: {new}");
        }
    }
}

#[tokio::test]
async fn a_login_that_gets_no_turn_is_not_looked_up() {
    let passwords = Passwords::new(PasswordOptions::new().at_once(1).wait(Duration::ZERO));
    let logins = OneUser::new(true, None);
    let _turn = passwords.turn("test", Use::Login).await.unwrap();
    let refused = verify(&logins, &passwords, &LoginAttempt::new("ada", RIGHT)).await;
    assert_eq!(refused, Err(Error::busy("users.verify_login")));
    assert_eq!(logins.look_ups(), 0);
}

/// Refuses everybody but `203.0.113.1`, and notes what it is told.
#[derive(Debug, Default)]
struct Strict(std::sync::Arc<Mutex<Vec<String>>>);

#[async_trait]
impl LoginThrottle for Strict {
    async fn admit(&self, login_id: &LoginId, caller: Option<&str>) -> Result<(), Duration> {
        self.0.lock().unwrap().push(format!("asked of {login_id:?} by {caller:?}, {}", login_id.as_str()));
        if caller == Some("203.0.113.1") { Ok(()) } else { Err(Duration::from_secs(7)) }
    }

    async fn succeeded(&self, login_id: &LoginId, _: Option<&str>) {
        self.0.lock().unwrap().push(format!("told of {}", login_id.as_str()));
    }
}

#[tokio::test]
async fn a_throttle_is_asked_first_and_told_of_right_passwords() {
    let hash = passwords(cheap()).hash_of(RIGHT).await;
    let logins = OneUser::new(true, Some(&hash));
    let strict = Strict::default();
    let noted = strict.0.clone();
    let passwords = Passwords::new(PasswordOptions::new().policy(cheap()).throttle(strict));
    let attempt = |password: &str, caller: &str| LoginAttempt::new(" ADA ", password).caller(caller);
    let refused = verify(&logins, &passwords, &attempt(RIGHT, "203.0.113.2")).await;
    assert_eq!(refused, Err(Error::throttled(Duration::from_secs(7))));
    assert_eq!((logins.look_ups(), passwords.work()), (0, 0), "it costs nothing");
    for (password, is_right) in [("wrong horse", false), (RIGHT, true)] {
        let outcome = verify(&logins, &passwords, &attempt(password, "203.0.113.1")).await.unwrap();
        assert_eq!(matches!(outcome, LoginOutcome::Accepted(_)), is_right);
    }
    let noted = noted.lock().unwrap();
    let kinds: Vec<_> = noted.iter().map(|note| note.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["asked", "asked", "asked", "told"]);
    assert!(noted.iter().all(|note| note.ends_with("ada")), "in its comparison form: {noted:?}");
}
