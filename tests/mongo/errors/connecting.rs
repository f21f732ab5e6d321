//! Servers that cannot be reached or refuse the login, and invalid connection strings.

use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use campaign_store::{
    CampaignDuration, EmailAddress, Error, EventOutcome, Invalid, LoginAttempt, LoginPassword, MetricsFilter,
    MongoOptions, MongoStore, NewCampaign, NewSend, PageRequest, PasswordOptions, PasswordPolicy, Problem,
    TrackingEvent, TrackingFilter, UserFilter, UserPatch,
};
use chrono::TimeDelta;
use futures_util::StreamExt;
use mongodb::bson::Document;
use tokio::io::AsyncWriteExt;

use super::standalone::Standalone;
use super::{assert_unavailable, error_of, new_mailbox, new_user, target};
use crate::provisioning::commands_during;
use crate::support::database::TestDatabase;
use crate::support::server;

const TIMEOUT: Duration = Duration::from_secs(1);
const FAR_BELOW_THE_DRIVERS: Duration = Duration::from_secs(20);

/// The error of a connection to `uri`, which must come in time.
async fn refusal(uri: &str) -> Error {
    in_time(async {
        let options = MongoOptions::new(uri, "canary").timeout(TIMEOUT);
        assert!(!format!("{options:?}").contains("secret"));
        error_of(MongoStore::connect_with(options).await)
    })
    .await
}

/// What `work` gives, long before the half minute that the driver would wait without the timeout.
pub(super) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(FAR_BELOW_THE_DRIVERS, work).await.expect("an end in time")
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let target = listener.local_addr().expect("its address").to_string();
    (listener, target)
}

/// A port of this machine that nobody listens on.
fn closed_port() -> String {
    listener().1
}

#[tokio::test]
async fn a_refused_connection_is_unavailable_and_names_the_server() {
    let target = closed_port();
    assert_unavailable(&refusal(&format!("mongodb://{target}")).await, &target);
}

#[tokio::test]
async fn all_servers_that_were_tried_are_named() {
    let target = format!("{},{}", closed_port(), closed_port());
    assert_unavailable(&refusal(&format!("mongodb://{target}/?replicaSet=rs0")).await, &target);
}

#[tokio::test]
async fn user_and_password_of_a_refused_connection_are_not_shown() {
    let target = closed_port();
    for login in ["canary:canary", "canary%40example.com:p%3Acanary%2F", "canary"] {
        let uri = format!("mongodb://{login}@{target}/canary?authSource=canary&appName=canary");
        assert_unavailable(&refusal(&uri).await, &target);
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_unavailable() {
    let (_listener, target) = listener();
    assert_unavailable(&refusal(&format!("mongodb://canary:canary@{target}")).await, &target);
}

#[tokio::test]
async fn a_server_of_another_kind_is_unavailable() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request: canary\r\n\r\n").await);
        }
    });
    assert_unavailable(&refusal(&format!("mongodb://canary:canary@{target}")).await, &target);
    server.abort();
}

#[tokio::test]
async fn a_host_name_that_cannot_be_resolved_is_unavailable() {
    let error = refusal("mongodb://canary:canary@host.invalid:27017").await;
    assert_unavailable(&error, "host.invalid:27017");
    let error = refusal("mongodb+srv://canary:canary@host.invalid").await;
    assert_unavailable(&error, "the name service");
}

#[tokio::test]
async fn what_is_no_connection_string_is_refused_without_repeating_it() {
    for uri in [
        "",
        "canary",
        "canary:canary@localhost",
        "http://canary:canary@localhost",
        "mongodb://",
        "mongodb://canary:can@ry:canary@localhost",
        "mongodb://canary:can/ary@localhost",
        "mongodb://canary:canary%zz@localhost",
        "mongodb://canary:canary@localhost:port",
        "mongodb://canary:canary@localhost:99999",
        "mongodb://canary:canary@localhost/?canary",
        "mongodb://canary:canary@localhost/?w=-1",
        "mongodb://canary:canary@localhost/?maxPoolSize=canary",
        "mongodb://canary:canary@localhost/?maxPoolSize=0",
        "mongodb://canary:canary@localhost/?tls=true&tlsCAFile=/canary",
        "mongodb://canary:canary@localhost/?tls=true&tlsCertificateKeyFile=/canary",
        "mongodb://canary:canary@localhost/?authMechanism=canary",
        "mongodb://canary:canary@localhost/?readPreference=canary",
        "mongodb://canary:canary@localhost,localhost:1/?directConnection=true",
        "mongodb://canary:canary@localhost/?loadBalanced=true&replicaSet=canary",
        "mongodb+srv://canary:canary@localhost:1",
        "mongodb+srv://canary:canary@a.example,b.example",
    ] {
        let error = refusal(uri).await;
        assert_eq!(error, Invalid::new("uri", Problem::NotAConnectionString).into(), "{uri}");
    }
}

#[tokio::test]
async fn what_is_no_name_of_a_database_is_refused_without_repeating_it() {
    let long = "canary".repeat(11);
    for name in
        ["", ".", "canary.x", "canary/x", "canary\\", "a canary", "$canary", "\"canary\"", "canary\0", &long]
    {
        // Refused before anything is connected to.
        let options = MongoOptions::new(format!("mongodb://{}", closed_port()), name);
        let error = error_of(MongoStore::connect_with(options).await);
        assert_eq!(error, Invalid::new("database", Problem::NotADatabaseName).into(), "{name:?}");
    }
}

#[tokio::test]
async fn a_refused_login_is_unauthorized() {
    let target = target().await;
    for mechanism in ["", "&authMechanism=SCRAM-SHA-1", "&authMechanism=SCRAM-SHA-256"] {
        let (_, tail) = server::uri().split_once(&target).unwrap();
        let uri = format!("mongodb://canary:canary@{target}{tail}&authSource=admin{mechanism}");
        let error = refusal(&uri).await;
        assert!(matches!(&error, Error::Unauthorized { target: at, .. } if *at == target), "{error:?}");
        assert!(!error.is_retryable());
        assert_eq!(error.to_string(), format!("the database at {target} refused access: the login failed"));
    }
}

#[tokio::test]
async fn transactions_work_where_other_reads_go_to_secondaries() {
    let database = TestDatabase::new();
    database.provisioned().await;
    for preference in ["secondaryPreferred", "secondary", "nearest"] {
        let uri = format!("{}&readPreference={preference}", server::uri());
        let store = MongoStore::connect_with(MongoOptions::new(uri, &database.name)).await.unwrap();
        let store = store.system();
        let user = store.users.create(new_user(preference)).await.unwrap();
        store.mailboxes.link(new_mailbox(&user, "ada")).await.unwrap();
    }
}

#[tokio::test]
async fn no_secret_is_shown_by_what_is_open() {
    let (_, tail) = server::uri().split_once("://").unwrap();
    let options = MongoOptions::new(format!("mongodb://{tail}"), "test_canary_free");
    let store = MongoStore::connect_with(options).await.unwrap();
    let shown = format!("{store:?} {:?}", store.system());
    assert!(shown.contains(&target().await), "{shown}");
}

#[tokio::test]
async fn a_server_without_transactions_is_refused_with_the_way_out() {
    for is_member in [false, true] {
        let server = Standalone::start(is_member);
        let error = refusal(&server.uri).await;
        assert!(matches!(error, Error::Standalone { .. }) && !error.is_retryable(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("mongod --replSet rs0") && text.contains("rs.initiate()"), "{text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}

#[tokio::test]
async fn a_weak_concern_is_refused_and_what_is_missing_is_completed() {
    let uri = |option: &str| format!("{}&{option}", server::uri());
    for (option, problem) in [
        ("w=1", Problem::WeakWriteConcern),
        ("w=0", Problem::WeakWriteConcern),
        ("w=2", Problem::WeakWriteConcern),
        ("journal=false", Problem::WeakWriteConcern),
        ("readConcernLevel=available", Problem::UnsuitableReadConcern),
        ("readConcernLevel=linearizable", Problem::UnsuitableReadConcern),
    ] {
        assert_eq!(refusal(&uri(option)).await, Error::Invalid(Invalid::new("uri", problem)), "{option}");
    }
    for option in ["wtimeoutMS=5000", "journal=true", "w=majority", "readConcernLevel=majority"] {
        let database = TestDatabase::new();
        database.provisioned().await;
        let store = MongoStore::connect(uri(option), &database.name).await.unwrap().system();
        let create = async { drop(store.users.create(new_user("ada")).await.unwrap()) };
        let commands = commands_during(&database, create).await;
        let insert = commands.iter().find(|command| command.contains_key("insert")).unwrap();
        let concern = insert.get_document("writeConcern").unwrap();
        assert_eq!(concern.get_str("w").unwrap(), "majority", "{option}: {concern}");
    }
}

#[tokio::test]
async fn reads_that_decide_go_to_the_primary() {
    let database = TestDatabase::new();
    database.provisioned().await;
    let uri = format!("{}&readPreference=secondaryPreferred", server::uri());
    let options = MongoOptions::new(uri, &database.name)
        .passwords(PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests()));
    let store = MongoStore::connect_with(options).await.unwrap().system();
    let user = new_user("ada").password(LoginPassword::new("hunter 22").unwrap());
    let user = store.users.create(user).await.unwrap();
    let mailbox = store.mailboxes.link(new_mailbox(&user, "ada")).await.unwrap();
    let (start, day) = (user.created_at, CampaignDuration::hours(24.0).unwrap());
    let campaign = NewCampaign::new(user.id, mailbox.id, "Spring", "Hello", "Flowers.", start, day).unwrap();
    let campaign = store.campaigns.create(campaign).await.unwrap();
    let send = NewSend::new(
        &campaign,
        &campaign_store::contract::sender_of(&campaign, "ada@work.example"),
        "bob@example.com",
        start,
    )
    .unwrap();
    let recipient = EmailAddress::new("bob@example.com").unwrap();
    let deciding = async {
        store.users.verify_login(LoginAttempt::new("ada", "hunter 22")).await.unwrap();
        store.users.find_by_login_id(&user.login_id).await.unwrap();
        store.users.update(user.id, UserPatch::new(), start - TimeDelta::days(1)).await.unwrap_err();
        store.mailboxes.primary(user.id).await.unwrap();
        store.mailboxes.least_recently_used(user.id).await.unwrap();
        store.mailbox_secrets.credentials(mailbox.id).await.unwrap();
        store.campaigns.get(campaign.id).await.unwrap();
        store.email_tracking.record_sends(vec![send.clone()]).await.unwrap();
        store.email_tracking.get(send.id()).await.unwrap();
        store.email_tracking.is_suppressed(user.id, &recipient).await.unwrap();
        store.email_tracking.suppressed(user.id, std::slice::from_ref(&recipient)).await.unwrap();
        let opened = TrackingEvent::opened(send.id(), start);
        let outcome = store.email_tracking.record_events(vec![opened]).await.unwrap();
        assert_eq!(outcome, [EventOutcome::First]);
        store.campaign_metrics.get(campaign.id).await.unwrap();
        store.campaign_metrics.recount(campaign.id).await.unwrap();
    };
    let is_elsewhere = |command: &Document| {
        let preference = command.get_document("$readPreference").and_then(|read| read.get_str("mode"));
        preference.is_ok_and(|mode| mode == "secondaryPreferred")
    };
    let commands = commands_during(&database, deciding).await;
    let elsewhere: Vec<_> = commands.iter().filter(|command| is_elsewhere(command)).collect();
    assert!(elsewhere.is_empty() && commands.len() > 15, "{elsewhere:#?}");
    let listing = async {
        let page = PageRequest::default();
        store.users.list(&UserFilter::all(), &page).await.unwrap();
        // A search for the rows, and one for those whose `_id` is of another type.
        let rows = store.email_tracking.stream(&TrackingFilter::all()).await.unwrap();
        assert_eq!(rows.count().await, 1);
        store.campaigns.count_by_status().await.unwrap();
        store.campaign_metrics.totals(&MetricsFilter::all()).await.unwrap();
    };
    let commands = commands_during(&database, listing).await;
    assert_eq!(commands.iter().filter(|command| is_elsewhere(command)).count(), 5, "{commands:#?}");
}
