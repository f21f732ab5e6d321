//! Hashes that other programs wrote: groups E and F.

use campaign_store::{
    Collection, Error, LoginAttempt, LoginOutcome, MongoStore, PasswordOptions, Repositories,
};
use mongodb::bson::{Bson, doc};

use super::Stored;

async fn accepts(store: &Repositories, login_id: &str, password: &str) -> bool {
    let outcome = store.users.verify_login(LoginAttempt::new(login_id, password)).await;
    matches!(outcome.expect("an answer"), LoginOutcome::Accepted(_))
}

impl Stored {
    async fn hash(&self) -> Bson {
        let user = self.document(Collection::Users, self.user.id.as_object_id()).await;
        user.get("password").cloned().unwrap_or(Bson::Null)
    }

    async fn set_hash(&self, value: impl Into<Bson>) {
        let users = self.driver.collection::<mongodb::bson::Document>("users");
        let filter = doc! { "_id": self.user.id.as_object_id() };
        users.update_one(filter, doc! { "$set": { "password": value.into() } }).await.expect("an update");
    }

    /// A store whose new hashes are OWASP's.
    async fn owasp(&self) -> Repositories {
        let options = self.database.options().await.passwords(PasswordOptions::new());
        MongoStore::connect_with(options).await.expect("the server answers").system()
    }
}

const SALT: &str = "c29tZXNhbHQ";
/// Of the password `password`, by the reference implementation.
const TAG: &str = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn hash(params: &str) -> String {
    format!("$argon2id$v=19${params}${SALT}${TAG}")
}

#[tokio::test]
async fn a_hash_out_of_bounds_is_never_obeyed_and_never_right() {
    let stored = Stored::new().await;
    let valid = hash("m=256,t=2,p=1");
    stored.set_hash(valid.clone()).await;
    assert!(accepts(&stored.store, "ada", "password").await, "the hash that the rows are made of is right");
    let rows: Vec<(&str, Bson)> = vec![
        ("62: endless memory", hash("m=4294967295,t=2,p=1").into()),
        ("63: 1 TiB", hash("m=1073741824,t=2,p=1").into()),
        ("64: endless passes", hash("m=256,t=4294967295,p=1").into()),
        ("65: many lanes", hash("m=256,t=2,p=16777215").into()),
        ("66: no passes", hash("m=256,t=0,p=1").into()),
        ("68: argon2d", valid.replace("argon2id", "argon2d").into()),
        ("68: argon2i", valid.replace("argon2id", "argon2i").into()),
        ("68: version 16", valid.replace("v=19", "v=16").into()),
        ("69: no version", valid.replace("v=19$", "").into()),
        ("69: no parameters", valid.replace("m=256,t=2,p=1$", "").into()),
        ("69: no salt", valid.replace(&format!("{SALT}$"), "").into()),
        ("69: no tag", valid.replace(&format!("${TAG}"), "").into()),
        ("70: a parameter twice", hash("m=256,m=8,t=2,p=1").into()),
        ("70: a sign", hash("m=+256,t=2,p=1").into()),
        ("71: data", hash("m=256,t=2,p=1,data=AAAA").into()),
        ("72: a short tag", valid.replace(TAG, "nf65EA").into()),
        ("73: a line break", format!("{valid}\n").into()),
        ("73: a space", format!(" {valid}").into()),
        ("74: bcrypt", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into()),
        ("74: md5", "5f4dcc3b5aa765d61d8327deb882cf99".into()),
        ("74: plaintext", "password".into()),
        ("74: empty", "".into()),
        ("74: dollars", "$$$$$".into()),
        ("74: disabled", "!".into()),
        ("75: null", Bson::Null),
        ("75: int", 7.into()),
        ("75: document", doc! { "$ne": Bson::Null }.into()),
        ("75: array", vec![valid.as_str()].into()),
        ("61: 1 MiB", "x".repeat(1 << 20).into()),
    ];
    for (row, value) in rows {
        stored.set_hash(value.clone()).await;
        for password in ["password", "", "x"] {
            assert!(!accepts(&stored.store, "ada", password).await, "{row}");
        }
        assert_eq!(stored.hash().await, value, "{row}: nothing is repaired on the way");
        assert_eq!(stored.store.users.get(stored.user.id).await, Ok(Some(stored.user.clone())), "{row}");
    }
    let users = stored.driver.collection::<mongodb::bson::Document>("users");
    users.update_one(doc! {}, doc! { "$unset": { "password": "" } }).await.unwrap();
    assert!(!accepts(&stored.store, "ada", "password").await, "75: missing");
}

/// A document that cannot be read gives the same answer as any other: only a right password is told of it.
#[tokio::test]
async fn a_document_that_cannot_be_read_takes_the_same_way() {
    let stored = Stored::new().await;
    let users = stored.driver.collection::<mongodb::bson::Document>("users");
    let attempt = |password: &str| stored.store.users.verify_login(LoginAttempt::new("ada", password));
    users.update_one(doc! {}, doc! { "$set": { "user_name": 7, "updated_at": "canary" } }).await.unwrap();
    assert_eq!(attempt("wrong horse").await, Ok(LoginOutcome::Rejected), "128");
    assert!(matches!(attempt("correct horse").await, Err(Error::Corrupt { .. })), "128");
    for (row, state) in [("null", Bson::Null), ("an int", 1.into()), ("a text", "true".into())] {
        users.update_one(doc! {}, doc! { "$set": { "is_active": state } }).await.unwrap();
        assert_eq!(attempt("correct horse").await, Ok(LoginOutcome::Rejected), "128: {row}");
    }
}

#[tokio::test]
async fn a_state_that_is_no_boolean_allows_no_login() {
    let stored = Stored::new().await;
    let users = stored.driver.collection::<mongodb::bson::Document>("users");
    for (state, logs_in) in [
        (Bson::Null, false),
        (1.into(), false),
        ("true".into(), false),
        (false.into(), false),
        (true.into(), true),
    ] {
        users.update_one(doc! {}, doc! { "$set": { "is_active": state.clone() } }).await.unwrap();
        assert_eq!(accepts(&stored.store, "ada", "correct horse").await, logs_in, "128: {state}");
    }
    users.update_one(doc! {}, doc! { "$unset": { "is_active": "" } }).await.unwrap();
    assert!(accepts(&stored.store, "ada", "correct horse").await, "missing means active, as in the schema");
}

#[tokio::test]
async fn a_weak_hash_is_replaced_once() {
    let stored = Stored::new().await;
    let owasp = stored.owasp().await;
    let weak = stored.hash().await;
    assert!(!accepts(&owasp, "ada", "wrong horse").await);
    assert_eq!(stored.hash().await, weak, "76: not by a wrong password");
    assert!(accepts(&owasp, "ada", "correct horse").await);
    let strong = stored.hash().await;
    assert!(strong.as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "76: {strong}");
    for store in [&owasp, &stored.store, &owasp] {
        assert!(accepts(store, "ada", "correct horse").await);
        assert_eq!(stored.hash().await, strong, "76: once, and never by a weaker one");
    }
    assert_eq!(owasp.users.get(stored.user.id).await, Ok(Some(stored.user.clone())), "the version stays");
}

#[tokio::test]
async fn a_weak_hash_of_another_program_is_right_and_replaced() {
    let stored = Stored::new().await;
    stored.set_hash(hash("m=256,t=2,p=1")).await;
    let owasp = stored.owasp().await;
    assert!(accepts(&owasp, "ada", "password").await);
    assert!(stored.hash().await.as_str().unwrap().contains("m=19456"));
    assert!(accepts(&owasp, "ada", "password").await);
}

#[tokio::test]
async fn every_attempt_is_one_look_up() {
    let stored = Stored::new().await;
    let bob = campaign_store::NewUser::new("Bob", "bob").unwrap();
    let bob = stored.store.users.create(bob).await.unwrap();
    let long = "x".repeat(1_025);
    stored.driver.create_collection("system.profile").capped(true).size(16 << 20).await.unwrap();
    stored.driver.run_command(doc! { "profile": 2 }).await.unwrap();
    let mut expected = 0;
    for is_active in [true, false] {
        stored.store.users.set_active(stored.user.id, is_active).await.unwrap();
        for (row, login_id, password) in [
            ("83: unknown", "eve", "correct horse"),
            ("84: malformed", "no login id", "correct horse"),
            ("84: empty", "", "correct horse"),
            ("86: without a password", bob.login_id.as_str(), "correct horse"),
            ("88: too long", "ada", &long),
            ("89: wrong", "ada", "wrong horse"),
            ("85: inactive, or right", "ADA", "correct horse"),
        ] {
            let is_right = is_active && password == "correct horse" && login_id == "ADA";
            assert_eq!(accepts(&stored.store, login_id, password).await, is_right, "{row}");
            expected += 1;
            let profile = stored.driver.collection::<mongodb::bson::Document>("system.profile");
            let finds = doc! { "ns": format!("{}.users", stored.database.name), "command.find": "users" };
            assert_eq!(profile.count_documents(finds).await.unwrap(), expected, "{row}");
        }
    }
    stored.driver.run_command(doc! { "profile": 0 }).await.unwrap();
}
