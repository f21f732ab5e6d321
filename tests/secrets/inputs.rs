//! Texts that have a meaning elsewhere: the inputs of groups G, H and I that concern secrets and logins, and
//! are not tested beside their type.

use campaign_store::{
    AccessToken, EmailAddress, Invalid, LoginAttempt, LoginId, LoginOutcome, LoginPassword, MailboxPassword,
    MemoryStore, NewUser, Problem, RefreshToken, UserProfile,
};
use serde_json::{Value, json};

use super::{mailbox, password_of, user};

/// Strings that are operators, paths, scripts or line breaks elsewhere.
const FOREIGN: [&str; 12] = [
    "{\"$ne\":null}",
    "{\"$gt\":\"\"}",
    "$where",
    "'; return true; //",
    "$password",
    "$$ROOT",
    "$auth.password",
    "(a+)+$",
    ".*",
    "%0d%0a%00",
    "../../etc/passwd",
    "<script>alert(1)</script>",
];

#[tokio::test]
async fn a_foreign_text_is_a_text() {
    let store = MemoryStore::new().system();
    let ada = user(&store, "ada").await;
    for (n, text) in FOREIGN.into_iter().enumerate() {
        let linked = mailbox(&store, &ada, &format!("box{n}"), text).await;
        assert_eq!(password_of(&store, &linked).await.as_deref(), Ok(text), "95");
        let padded = format!("{text:8}");
        store.users.set_password(ada.id, LoginPassword::new(padded.clone()).unwrap()).await.unwrap();
        let right = store.users.verify_login(LoginAttempt::new("ada", padded)).await.unwrap();
        assert!(matches!(right, LoginOutcome::Accepted(_)), "{text}");
        for attempt in [LoginAttempt::new(text, "hunter 22"), LoginAttempt::new(text, text)] {
            assert_eq!(store.users.verify_login(attempt).await, Ok(LoginOutcome::Rejected), "93");
        }
    }
}

#[tokio::test]
async fn login_ids_that_look_alike_are_one_account_or_two_but_never_unclear() {
    let store = MemoryStore::new().system();
    user(&store, "info@bücher.example").await;
    for (row, login_id, is_same) in [
        ("90: case", "INFO@BÜCHER.EXAMPLE", true),
        ("90: white space", "\u{2003}info@bücher.example\u{a0}", true),
        ("91: dotless i", "ınfo@bücher.example", false),
        ("91: fullwidth", "info＠bücher.example", true),
        ("91: Cyrillic o", "infо@bücher.example", false),
        ("91: punycode", "info@xn--bcher-kva.example", true),
        ("91: decomposed", "info@bu\u{308}cher.example", true),
    ] {
        let created = store.users.create(NewUser::new("Somebody", login_id).unwrap()).await;
        assert_eq!(created.is_err(), is_same, "{row}");
        if let Err(error) = created {
            assert_eq!(error.unique_index(), Some("login_id_1"), "92");
            assert!(!error.to_string().contains("info"), "92");
        }
    }
}

#[test]
fn what_is_not_seen_is_in_no_new_login_id_address_or_name() {
    for text in ["in\u{200b}fo", "\u{202e}ofni", "in\u{ad}fo", "info\u{2060}", "in\u{200d}fo"] {
        let address = format!("{text}@example.com");
        let problem = |result: Result<(), Invalid>| result.map_err(|invalid| invalid.problem);
        let refused = Err(Problem::InvisibleCharacter);
        assert_eq!(problem(NewUser::new("Ada", text).map(|_| ())), refused, "91: {text:?}");
        assert_eq!(problem(NewUser::new("Ada", &address).map(|_| ())), refused, "91: {text:?}");
        assert_eq!(problem(EmailAddress::new(&address).map(|_| ())), refused, "112: {text:?}");
    }
    for name in ["\u{200b}", "\u{202e}adA", "\u{2066}Ada"] {
        assert!(NewUser::new(name, "ada").is_err(), "112: {name:?}");
    }
    for address in ["\"<x@evil.example>,\"@example.com", "\"ada\"@example.com"] {
        assert!(EmailAddress::new(address).is_err(), "112: {address}");
    }
    // Symbols are refused, and ligatures, which another program may take for the letters.
    for login_id in ["ada☃", "\u{fb01}fi", "Ⅷ"] {
        assert!(NewUser::new("Ada", login_id).is_err(), "91: {login_id}");
    }
}

#[test]
fn a_secret_that_would_end_a_line_or_a_field_is_refused() {
    let forbidden = |problem: Result<(), Invalid>| {
        problem.is_err_and(|invalid| invalid.problem == Problem::ForbiddenCharacter)
    };
    for text in ["a\0b", "a\rb", "a\nb", "a\u{85}b", "a\u{7f}b", "a\tb"] {
        assert!(forbidden(MailboxPassword::new(text).map(|_| ())), "117: {text:?}");
    }
    for text in ["a b", "a\u{1}b", "tökén", "a\u{a0}", "a\r\nX: y", " a", "\na"] {
        assert!(forbidden(AccessToken::new(text).map(|_| ())), "117: {text:?}");
        assert!(forbidden(RefreshToken::new(text).map(|_| ())), "117: {text:?}");
    }
}

#[test]
fn texts_for_the_head_of_a_mail_are_refused_where_they_would_break_it() {
    for text in ["x@y.com\r\nBcc: z@w", "a@@b", "a@", "@b", "a b@c", "a@b\0", "a@b\u{85}"] {
        assert!(EmailAddress::new(text).is_err(), "112, 113: {text:?}");
        assert!(NewUser::new("Ada", "ada").unwrap().email(text).is_err(), "{text:?}");
    }
    for text in ["ada\r\nBcc: z@w", "ada\u{2028}", "ada\0", "a da"] {
        assert!(LoginId::new(text).is_err(), "113: {text:?}");
    }
}

/// 103: deeper ones than 128 levels cannot come from JSON text at all.
#[test]
fn a_profile_is_refused_before_it_is_too_deep_for_the_database() {
    for (depth, is_allowed) in [(5, true), (32, true), (33, false), (101, false), (1_000, false)] {
        let deep = (1..depth).fold(json!(7), |value, _| json!({ "in": value }));
        let Value::Object(profile) = json!({ "in": deep }) else { continue };
        assert_eq!(UserProfile::new(profile).is_ok(), is_allowed, "103: {depth}");
    }
}
