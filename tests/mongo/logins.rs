//! Users of older programs, whose login id or address is not in the stored form.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use bson::doc;
use campaign_store::schema::index::{MAILBOXES_USER_ID_EMAIL, USERS_EMAIL, USERS_LOGIN_ID};
use campaign_store::{
    EmailAddress, LoginAttempt, LoginId, LoginOutcome, LoginPassword, MailboxFilter, NewMailbox, NewUser,
    PageRequest, Provider, Repositories, Stop, User, UserId, UserPatch,
};

use crate::support::database::TestDatabase;

const PASSWORD: &str = "correct horse";

/// A user with this login id and this address as an older program stored them, and a password.
async fn old_user(database: &TestDatabase, store: &Repositories, spelled: &str) -> User {
    let password = LoginPassword::new(PASSWORD).expect("a password");
    let new = NewUser::new("Ada", format!("old-{}", UserId::new())).expect("a login id").password(password);
    let id = store.users.create(new).await.expect("a free login id").id;
    let set = doc! { "$set": { "login_id": spelled, "email": spelled } };
    let users = database.collection("users").await;
    users.update_one(doc! { "_id": id.as_object_id() }, set).await.expect("an update");
    store.users.get(id).await.expect("a look-up").expect("a user")
}

async fn accepted(store: &Repositories, login_id: &str) -> Option<UserId> {
    match store.users.verify_login(LoginAttempt::new(login_id, PASSWORD)).await.expect("an outcome") {
        LoginOutcome::Accepted(user) => Some(user.id),
        _ => None,
    }
}

#[tokio::test]
async fn a_user_is_found_by_the_spelling_that_an_older_program_stored() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    for spelled in ["Ada@Example.com", "ŁUCJA@example.com", "ÉVA@exämple.com"] {
        let ada = old_user(&database, &store, spelled).await;
        assert_eq!(ada.login_id.as_str(), spelled);
        let found = store.users.find_by_login_id(&LoginId::new(spelled).expect("a login id")).await;
        assert_eq!(found.as_ref(), Ok(&Some(ada.clone())), "{spelled}");
        let found = store.users.find_by_email(&EmailAddress::new(spelled).expect("an address")).await;
        assert_eq!(found.as_ref(), Ok(&Some(ada.clone())), "{spelled}");
        let found = store.users.find_by_login_id(&ada.login_id).await;
        assert_eq!(found.as_ref(), Ok(&Some(ada.clone())), "by what was read");
        assert_eq!(accepted(&store, &format!(" {spelled}\n")).await, Some(ada.id), "{spelled}");
        // Of a third spelling nobody knows whether it is the same: the step of provisioning is for that.
        assert_eq!(accepted(&store, &spelled.to_lowercase()).await, None);
    }
}

#[tokio::test]
async fn no_second_account_is_made_beside_an_older_spelling() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let ada = old_user(&database, &store, "Ada@Example.com").await;
    let unique = |index| move |error: campaign_store::Error| error.unique_index() == Some(index);
    let login = NewUser::new("Eve", "Ada@Example.com").expect("valid");
    assert!(store.users.create(login).await.is_err_and(unique(USERS_LOGIN_ID)));
    let email = NewUser::new("Eve", "eve").expect("valid").email("Ada@Example.com").expect("valid");
    assert!(store.users.create(email).await.is_err_and(unique(USERS_EMAIL)));

    let eve = store.users.create(NewUser::new("Eve", "eve").expect("valid")).await.expect("a free login");
    for (patch, index) in [
        (UserPatch::new().login_id("Ada@Example.com"), USERS_LOGIN_ID),
        (UserPatch::new().email("Ada@Example.com"), USERS_EMAIL),
    ] {
        let patch = patch.expect("valid");
        let stale = eve.updated_at - chrono::TimeDelta::seconds(1);
        let updated = store.users.update(eve.id, patch.clone(), stale).await;
        assert_eq!(updated, Err(campaign_store::Error::conflict(campaign_store::Collection::Users, eve.id)));
        assert!(store.users.update(eve.id, patch.clone(), eve.updated_at).await.is_err_and(unique(index)));
        // The user herself may: that is how one user is mended.
        let current = store.users.get(ada.id).await.expect("a look-up").expect("a user");
        store.users.update(ada.id, patch, current.updated_at).await.expect("her own value");
    }
    let ada = store.users.get(ada.id).await.expect("a look-up").expect("a user");
    assert_eq!(ada.login_id.as_str(), "ada@example.com");
}

#[tokio::test]
async fn of_two_spellings_the_stored_form_is_found_however_it_is_asked_for() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    // In the order of the bytes, one is before the stored form and the other after it.
    for spelled in ["Ada@Example.com", "\u{212a}im@example.com"] {
        let old = old_user(&database, &store, spelled).await;
        let new = old_user(&database, &store, &spelled.to_lowercase()).await;
        let found = store.users.find_by_email(&EmailAddress::new(spelled).expect("an address")).await;
        assert_eq!(found.expect("a look-up").map(|user| user.id), Some(new.id));
        assert_eq!(accepted(&store, spelled).await, Some(new.id));
        // One that cannot be read is in nobody's way.
        let users = database.collection("users").await;
        let broken = doc! { "$set": { "created_at": "soon" } };
        users.update_one(doc! { "_id": old.id.as_object_id() }, broken).await.expect("an update");
        assert_eq!(accepted(&store, spelled).await, Some(new.id));
    }
}

#[tokio::test]
async fn a_mailbox_is_found_by_the_spelling_that_an_older_program_stored() {
    let database = TestDatabase::new();
    let store = database.provisioned().await.system();
    let ada = store.users.create(NewUser::new("Ada", "ada").expect("valid")).await.expect("a free login");
    let new = |address: &str| NewMailbox::new(ada.id, address, Provider::Gmail).expect("an address");
    let id = store.mailboxes.link(new("old@work.example")).await.expect("a free address").id;
    let mailboxes = database.collection("mailboxes").await;
    let set = doc! { "$set": { "email": "Ada@Work.example" } };
    mailboxes.update_one(doc! { "_id": id.as_object_id() }, set).await.expect("an update");
    let address = EmailAddress::new("Ada@Work.example").expect("an address");
    let found = store.mailboxes.find_by_user_and_email(ada.id, &address).await.expect("a look-up");
    assert_eq!(found.map(|mailbox| mailbox.id), Some(id));
    let filter = MailboxFilter::user(ada.id).email(address);
    let page = store.mailboxes.list(&filter, &PageRequest::default()).await.expect("a page");
    assert_eq!(page.items.len(), 1);
    let linked = store.mailboxes.link(new("Ada@Work.example")).await;
    assert!(linked.is_err_and(|error| error.unique_index() == Some(MAILBOXES_USER_ID_EMAIL)));
    let other = store.mailboxes.link(new("other@work.example")).await.expect("a free address");
    let patch = campaign_store::MailboxPatch::new().email("Ada@Work.example").expect("an address");
    let updated = store.mailboxes.update(other.id, patch, other.updated_at).await;
    assert!(updated.is_err_and(|error| error.unique_index() == Some(MAILBOXES_USER_ID_EMAIL)));
}

async fn stored(database: &TestDatabase, id: UserId) -> (String, String) {
    let users = database.collection("users").await;
    let user = users.find_one(doc! { "_id": id.as_object_id() }).await.expect("a look-up").expect("a user");
    let text = |field| user.get_str(field).expect("a text").to_owned();
    (text("login_id"), text("email"))
}

#[tokio::test]
async fn logins_are_rewritten_to_the_stored_form_where_that_is_free() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    let store = mongo.system();
    let ada = old_user(&database, &store, " Ada@Example.com").await;
    let eva = old_user(&database, &store, "ÉVA@exämple.com").await;
    old_user(&database, &store, "bob@example.com").await;
    database.clock.advance(chrono::TimeDelta::hours(-1));

    let expected = mongo.check_logins(&Stop::default()).await.expect("a report");
    assert_eq!((expected.users, expected.rewritten, expected.is_clean()), (3, 4, true));
    assert_eq!(stored(&database, ada.id).await.0, " Ada@Example.com", "a check writes nothing");

    let report = mongo.rewrite_logins(&Stop::default()).await.expect("a report");
    assert_eq!(report, expected, "it does what the check foretold");
    let form = ("ada@example.com".to_owned(), "ada@example.com".to_owned());
    assert_eq!(stored(&database, ada.id).await, form);
    assert_eq!(stored(&database, eva.id).await.0, "éva@exämple.com");
    for login_id in ["ada@example.com", "ADA@EXAMPLE.COM"] {
        assert_eq!(accepted(&store, login_id).await, Some(ada.id), "{login_id}");
    }
    let now = store.users.get(ada.id).await.expect("a look-up").expect("a user");
    assert!(now.updated_at > ada.updated_at, "the version is later, whatever the clock shows");
    let again = mongo.rewrite_logins(&Stop::default()).await.expect("a report");
    assert_eq!((again.users, again.not_in_stored_form(), again.is_done), (3, 0, true));
}

#[tokio::test]
async fn logins_that_collide_or_are_none_are_left_and_named_by_ids() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    let store = mongo.system();
    let plain = old_user(&database, &store, "ada@example.com").await;
    let old = old_user(&database, &store, "Ada@example.com").await;
    // Which of two gets the stored form is not for a program to say.
    let (one, other) = (
        old_user(&database, &store, "Bob@x.example").await,
        old_user(&database, &store, "BOB@x.example").await,
    );
    let invalid = old_user(&database, &store, "no login").await;
    let versionless = old_user(&database, &store, "Eve@x.example").await;
    let users = database.collection("users").await;
    let of_versionless = doc! { "_id": versionless.id.as_object_id() };
    users.update_one(of_versionless, doc! { "$set": { "updated_at": "soon" } }).await.expect("an update");

    for report in [
        mongo.check_logins(&Stop::default()).await.expect("a report"),
        mongo.rewrite_logins(&Stop::default()).await.expect("a report"),
    ] {
        assert_eq!((report.rewritten, report.collisions, report.unusable), (0, 6, 4), "{report:?}");
        let named = |of: &User| report.first_collisions.iter().find(|found| found.user == of.id);
        assert_eq!(named(&old).map(|found| (found.field, found.other)), Some(("login_id", plain.id)));
        assert_eq!(named(&one).map(|found| found.other), Some(other.id));
        assert_eq!(named(&other).map(|found| found.other), Some(one.id));
        assert_eq!(report.first_unusable, [invalid.id, versionless.id]);
        let text = format!("{report:?} {}", serde_json::to_string(&report).expect("a JSON form"));
        assert!(!text.to_lowercase().contains("example"), "{text}");
    }
    for (user, spelled) in [(&old, "Ada@example.com"), (&one, "Bob@x.example"), (&other, "BOB@x.example")] {
        assert_eq!(stored(&database, user.id).await.0, spelled);
        assert_eq!(accepted(&store, spelled).await, Some(if user.id == old.id { plain.id } else { user.id }));
    }
    // An operator decides, and the next run does the rest.
    users.delete_one(doc! { "_id": other.id.as_object_id() }).await.expect("a deletion");
    let report = mongo.rewrite_logins(&Stop::default()).await.expect("a report");
    assert_eq!((report.rewritten, report.collisions), (2, 2));
    assert_eq!(accepted(&store, "BOB@X.EXAMPLE").await, Some(one.id));
}

#[tokio::test]
async fn a_rewrite_that_is_stopped_leaves_the_rest_to_the_next() {
    let database = TestDatabase::new();
    let mongo = database.provisioned().await;
    old_user(&database, &mongo.system(), "Ada@example.com").await;
    let stop = Stop::default();
    stop.request();
    let report = mongo.rewrite_logins(&stop).await.expect("a report");
    assert_eq!((report.rewritten, report.is_done), (0, false));
    assert_eq!(mongo.rewrite_logins(&Stop::default()).await.expect("a report").rewritten, 2);
}
