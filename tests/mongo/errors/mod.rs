//! How real failures look to a caller: the variant, and that it contains nothing of a document, a secret or
//! an address.
//!
//! Everything that must not appear contains the word "canary".

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers are part of the tests")]

mod alone;
mod bounds;
mod connecting;
mod corrupt;
mod deactivations;
mod duplicates;
mod events;
pub(crate) mod fail_point;
mod failures;
mod refusals;
mod standalone;
mod transactions;

use std::error::Error as StdError;

use campaign_store::{
    Campaign, CampaignDuration, Error, Mailbox, NewCampaign, NewMailbox, NewSend, NewUser, Provider,
    Repositories, User, contract,
};
use mongodb::options::ClientOptions;

use crate::support::server;

/// Checks that neither the error nor any of its sources shows a canary, however it is printed.
#[track_caller]
fn assert_discreet(error: &Error) {
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(error) = next {
        for text in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
            assert!(!text.to_lowercase().contains("canary"), "{text}");
        }
        next = error.source();
    }
}

/// The error of `result`, which must be discreet.
#[track_caller]
fn error_of<T>(result: Result<T, Error>) -> Error {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => {
            assert_discreet(&error);
            error
        }
    }
}

/// Checks that `error` says that the server at `target` cannot be reached now.
#[track_caller]
fn assert_unavailable(error: &Error, target: &str) {
    assert!(matches!(error, Error::Unavailable { target: at, .. } if at == target), "{error:?}");
    assert!(error.is_retryable());
}

/// The test server as `host:port`.
async fn target() -> String {
    let options = ClientOptions::parse(server::uri()).await.expect("the URI of the test server");
    options.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A user, a mailbox and a campaign, with a canary as every text.
struct Scene {
    user: User,
    mailbox: Mailbox,
    campaign: Campaign,
}

async fn scene(store: &Repositories) -> Scene {
    let user = store.users.create(new_user("canary")).await.expect("a new user");
    let mailbox = store.mailboxes.link(new_mailbox(&user, "canary")).await.expect("a new mailbox");
    let campaign = store.campaigns.create(new_campaign(&mailbox)).await.expect("a new campaign");
    Scene { user, mailbox, campaign }
}

fn new_user(name: &str) -> NewUser {
    NewUser::new(name, name).expect("a valid name")
}

fn new_mailbox(user: &User, name: &str) -> NewMailbox {
    NewMailbox::new(user.id, format!("{name}@canary.example"), Provider::Gmail).expect("a valid address")
}

/// A campaign that starts now and lasts for an hour.
fn new_campaign(mailbox: &Mailbox) -> NewCampaign {
    let hour = CampaignDuration::hours(1.0).expect("a valid duration");
    NewCampaign::new(mailbox.user_id, mailbox.id, "canary", "canary", "canary", contract::start(), hour)
        .expect("a valid campaign")
}

fn new_sends(campaign: &Campaign, recipients: &[&str]) -> Vec<NewSend> {
    let send = |recipient: &&str| {
        let recipient = format!("{recipient}@canary.example");
        NewSend::new(
            campaign,
            &contract::sender_of(campaign, "canary@canary.example"),
            recipient,
            contract::start(),
        )
        .expect("a valid address")
    };
    recipients.iter().map(send).collect()
}
