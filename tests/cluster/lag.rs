//! The connection string points at a secondary that lags behind. What decides is read from the primary.

use std::time::Duration;

use campaign_store::{
    AccessToken, Clock, Credentials, EmailAddress, Error, EventOutcome, LoginAttempt, LoginOutcome, NewUser,
    PageRequest, RefreshToken, SystemClock, TrackingEvent, UserFilter, UserPatch,
};

use crate::scene::{Scene, password};
use crate::support::cluster::{Cluster, Setup};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_that_lags_decides_nothing() {
    let cluster = Cluster::start(Setup::default()).await;
    let lagging = cluster.secondaries().await[0];
    let there = format!("readPreference=secondaryPreferred&readPreferenceTags=member:{lagging}");
    let scene = Scene::at(&format!("{}&{there}", cluster.uri())).await;
    let row = scene.sent("bob@mail.example").await;
    cluster.catch_up(lagging).await;
    cluster[lagging].stop_replication().await;

    an_old_password_is_refused(&scene).await;
    an_unsubscribe_is_seen(&scene, row).await;
    an_event_finds_a_new_row(&scene).await;
    a_stale_version_is_a_conflict(&scene).await;
    a_refresh_that_comes_too_late_ends(&scene).await;

    let users = scene.store.users.list(&UserFilter::all(), &PageRequest::new(10).unwrap()).await.unwrap();
    assert_eq!(users.items.len(), 1, "lists are read from the secondary, which knows nothing of the second");
}

async fn an_old_password_is_refused(scene: &Scene) {
    let users = &scene.store.users;
    users.set_password(scene.user.id, password("new password")).await.unwrap();
    let login = users.verify_login(LoginAttempt::new("ada", "old password")).await.unwrap();
    assert_eq!(login, LoginOutcome::Rejected);
}

async fn an_unsubscribe_is_seen(scene: &Scene, row: campaign_store::TrackingId) {
    let rows = &scene.store.email_tracking;
    rows.record_events(vec![TrackingEvent::unsubscribed(row, SystemClock.now())]).await.unwrap();
    let bob = EmailAddress::new("bob@mail.example").unwrap();
    assert!(rows.is_suppressed(scene.user.id, &bob).await.unwrap());
}

async fn an_event_finds_a_new_row(scene: &Scene) {
    let row = scene.sent("carol@mail.example").await;
    let opened = vec![TrackingEvent::opened(row, SystemClock.now())];
    let outcomes = scene.store.email_tracking.record_events(opened).await.unwrap();
    assert_eq!(outcomes, [EventOutcome::First]);
}

async fn a_stale_version_is_a_conflict(scene: &Scene) {
    let users = &scene.store.users;
    let grace = users.create(NewUser::new("Grace", "grace").unwrap()).await.unwrap();
    let patch = |name| UserPatch::new().user_name(name).unwrap();
    users.update(grace.id, patch("Amazing Grace"), grace.updated_at).await.unwrap();
    let stale = users.update(grace.id, patch("Admiral"), grace.updated_at).await;
    assert!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");
}

async fn a_refresh_that_comes_too_late_ends(scene: &Scene) {
    let secrets = &scene.store.mailbox_secrets;
    let tokens = |access, refresh| {
        let tokens = Credentials::new().access_token(AccessToken::new(access).unwrap());
        tokens.refresh_token(RefreshToken::new(refresh).unwrap())
    };
    let (used, id) = (tokens("access1", "refresh1"), scene.mailbox.id);
    secrets.refresh_tokens(id, &used, tokens("access2", "refresh2")).await.unwrap();
    let late = secrets.refresh_tokens(id, &used, tokens("access3", "refresh3"));
    let late = tokio::time::timeout(LIMIT, late).await.expect("an end");
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
}
