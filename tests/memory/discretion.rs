//! No personal text appears in a log.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use campaign_store::{
    CampaignDuration, CampaignFilter, CampaignPatch, CampaignStatus, Change, ClerkUser, ClerkUserId, Cursor,
    EmailAddress, Invalid, LoginId, Mailbox, MailboxFilter, MailboxPatch, MailboxStatus, ManualClock,
    MemoryStore, NewCampaign, NewMailbox, NewSend, NewUser, PageRequest, Provider, Result, TrackingFilter,
    UserFilter, UserId, UserPatch, UserProfile,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Scene, done, metrics, new_user, noon, rows};

/// Part of every personal text that the tests below use.
const CANARY: &str = "canary";
const ADDRESS: &str = "canary@example.com";

/// Checks that a log would hold no personal text, also not as bytes.
#[track_caller]
fn assert_discreet(value: &impl Debug) {
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let bytes = CANARY.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let compact = text.to_lowercase().replace(char::is_whitespace, "");
        for form in [CANARY, &hex, &bytes] {
            assert!(!compact.contains(form), "{text}");
        }
    }
}

#[track_caller]
fn assert_discreet_error(error: &(impl Debug + Display)) {
    assert_discreet(error);
    assert!(!error.to_string().to_lowercase().contains(CANARY), "{error}");
}

fn canary_address() -> EmailAddress {
    EmailAddress::new(ADDRESS).expect("a valid address")
}

fn canary_profile() -> UserProfile {
    let profile = json!({ "canary": [{ "name": "Canary" }] });
    UserProfile::new(profile.as_object().cloned().unwrap_or_default()).expect("a valid profile")
}

fn canary_user() -> Result<NewUser, Invalid> {
    NewUser::new("Canary", "canary")?.email(ADDRESS)?.clerk_user_id("canary")
}

fn canary_mailbox(user: UserId) -> Result<NewMailbox, Invalid> {
    Ok(NewMailbox::new(user, ADDRESS, Provider::Gmail)?.user_profile(canary_profile()))
}

fn canary_campaign(mailbox: &Mailbox) -> Result<NewCampaign, Invalid> {
    let day = CampaignDuration::hours(24.0)?;
    NewCampaign::new(mailbox.user_id, mailbox.id, "Canary", "A canary", "Dear canary,", noon(), day)
}

/// A scene whose texts are all personal, with an e-mail that was sent.
fn canary_scene() -> Scene {
    let memory = MemoryStore::with_clock(Arc::new(ManualClock::new(noon())));
    let store = memory.system();
    let user = done(store.users.create(canary_user().expect("valid"))).expect("a new user");
    let mailbox = canary_mailbox(user.id).expect("valid");
    let mailbox = done(store.mailboxes.link(mailbox)).expect("a new mailbox");
    let campaign = canary_campaign(&mailbox).expect("valid");
    let campaign = done(store.campaigns.create(campaign)).expect("a new campaign");
    let send =
        NewSend::new(&campaign, &mailbox, ADDRESS, noon()).and_then(|send| send.recipient_name("Canary"));
    done(store.email_tracking.record_sends(vec![send.expect("valid")])).expect("a new row");
    Scene { memory, store, user, mailbox, campaign }
}

#[test]
fn the_debug_output_of_a_store_holds_no_personal_text() {
    let Scene { memory, store, .. } = canary_scene();
    assert_discreet(&memory);
    assert_discreet(&store);
    let text = format!("{memory:?}");
    assert!(text.contains("rows: 1"), "a log can tell how much there is: {text}");
}

#[test]
fn the_debug_output_of_a_record_holds_no_personal_text() {
    let Scene { store, user, mailbox, campaign, .. } = canary_scene();
    let page = PageRequest::default();
    assert_discreet(&user);
    assert_discreet(&mailbox);
    assert_discreet(&campaign);
    assert_discreet(&metrics(&store, &campaign));
    assert_discreet(&rows(&store));
    assert_discreet(&done(store.users.list(&UserFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.mailboxes.list(&MailboxFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.campaigns.list(&CampaignFilter::all(), &page)).unwrap());
    assert_discreet(&done(store.email_tracking.list(&TrackingFilter::all(), &page)).unwrap());
    let clerk = ClerkUser::new("canary", "Canary", "canary", noon()).unwrap();
    assert_discreet(&done(store.users.upsert_from_clerk(clerk)).unwrap());
    let clerk = ClerkUser::new("canary2", "Canary", "canary2", noon()).unwrap();
    assert_discreet(&done(store.users.upsert_from_clerk(clerk)).unwrap());
}

#[test]
fn the_debug_output_of_an_argument_holds_no_personal_text() {
    let Scene { mailbox, campaign, .. } = canary_scene();
    let send = NewSend::new(&campaign, &mailbox, ADDRESS, noon()).unwrap();
    let user_patch = UserPatch::new().user_name("Canary").unwrap().login_id("canary").unwrap();
    let campaign_patch = CampaignPatch::new().campaign_name("Canary").unwrap().subject("Canary").unwrap();
    assert_discreet(&canary_user().unwrap());
    assert_discreet(&ClerkUser::new("canary", "Canary", "canary", noon()).unwrap().email(ADDRESS).unwrap());
    assert_discreet(&canary_mailbox(mailbox.user_id).unwrap());
    assert_discreet(&canary_campaign(&mailbox).unwrap());
    assert_discreet(
        &send.recipient_name("Canary").unwrap().subject("Canary").unwrap().message("Canary").unwrap(),
    );
    assert_discreet(&user_patch.email(ADDRESS).unwrap().clerk_user_id("canary").unwrap());
    assert_discreet(&MailboxPatch::new().email(ADDRESS).unwrap().user_profile(canary_profile()));
    assert_discreet(&campaign_patch.message("Canary").unwrap());
    assert_discreet(&MailboxFilter::all().email(canary_address()));
    assert_discreet(&TrackingFilter::all().recipient(canary_address()));
    assert_discreet(&(canary_address(), Change::Set(canary_address()), canary_profile()));
    assert_discreet(&(LoginId::new("canary").unwrap(), ClerkUserId::new("canary").unwrap()));
}

#[test]
fn an_error_of_the_store_holds_no_personal_text() {
    let Scene { store, user, mailbox, campaign, .. } = canary_scene();
    let bob = done(store.users.create(new_user("bob"))).unwrap();
    let campaign_patch = || CampaignPatch::new().subject("Canary").unwrap();
    let damaged: Cursor = "canary".repeat(5)[..28].parse().unwrap();
    let foreign = NewMailbox::new(bob.id, ADDRESS, Provider::Gmail).unwrap();
    let foreign = done(store.mailboxes.link(foreign)).unwrap();
    let errors = [
        done(store.users.create(NewUser::new("Canary", "canary").unwrap())).unwrap_err(),
        done(store.users.create(new_user("eve").email(ADDRESS).unwrap())).unwrap_err(),
        done(store.users.create(new_user("eve").clerk_user_id("canary").unwrap())).unwrap_err(),
        done(store.users.update(
            user.id,
            UserPatch::new().email(ADDRESS).unwrap(),
            noon() + TimeDelta::hours(1),
        ))
        .unwrap_err(),
        done(store.users.delete(user.id)).unwrap_err(),
        done(store.users.delete(UserId::new())).unwrap_err(),
        done(store.users.list(&UserFilter::all(), &PageRequest::default().after(damaged))).unwrap_err(),
        done(store.mailboxes.link(canary_mailbox(user.id).unwrap())).unwrap_err(),
        done(store.mailboxes.unlink(mailbox.id)).unwrap_err(),
        done(store.campaigns.resume(campaign.id)).unwrap_err(),
        done(store.campaigns.update(campaign.id, campaign_patch().mailbox(foreign.id), campaign.updated_at))
            .unwrap_err(),
    ];
    for error in errors {
        assert_discreet_error(&error);
    }
    let new = || canary_campaign(&mailbox).unwrap();
    done(store.mailboxes.set_status(mailbox.id, MailboxStatus::Error)).unwrap();
    assert_discreet_error(&done(store.campaigns.create(new())).unwrap_err());
    done(store.users.set_active(user.id, false)).unwrap();
    assert_discreet_error(&done(store.campaigns.create(new())).unwrap_err());
}

#[test]
fn the_refusal_of_an_input_holds_nothing_of_it() {
    let Scene { mailbox, campaign, .. } = canary_scene();
    let bad = "canary\r\ncanary";
    let long = "canary".repeat(1_000);
    let send = || NewSend::new(&campaign, &mailbox, ADDRESS, noon()).unwrap();
    let mut foreign = campaign.clone();
    foreign.user_id = UserId::new();
    let new = |name, subject, message| {
        let hour = CampaignDuration::hours(1.0).unwrap();
        NewCampaign::new(mailbox.user_id, mailbox.id, name, subject, message, noon(), hour)
    };
    let profile = json!({ "canary": { "canary\0": "canary" } });
    let refusals = [
        NewUser::new(bad, "canary").err(),
        NewUser::new("Canary", &long).err(),
        EmailAddress::new("canary@canary@example.com").err(),
        EmailAddress::new(&long).err(),
        LoginId::new("canary canary").err(),
        ClerkUserId::new(bad).err(),
        NewMailbox::new(mailbox.user_id, "canary", Provider::Gmail).err(),
        UserProfile::new(profile.as_object().unwrap().clone()).err(),
        Provider::new(bad).err(),
        new(bad, "Canary", "Canary").err(),
        new("Canary", &long, "Canary").err(),
        new("Canary", "Canary", "canary\0").err(),
        NewSend::new(&foreign, &mailbox, ADDRESS, noon()).err(),
        NewSend::new(&campaign, &mailbox, ADDRESS, DateTime::UNIX_EPOCH).err(),
        CampaignPatch::new().start_time(DateTime::<Utc>::MAX_UTC).err(),
        NewSend::new(&campaign, &mailbox, "canary", noon()).err(),
        send().recipient_name(bad).err(),
        send().subject(&long).err(),
        send().message("canary\0").err(),
        "canary".parse::<UserId>().err(),
        "canary".parse::<CampaignStatus>().err(),
    ];
    for refusal in refusals {
        assert_discreet_error(&refusal.expect("an input that is refused"));
    }
    assert_discreet_error(&"canary".parse::<Cursor>().unwrap_err());
    assert_discreet_error(&serde_json::from_str::<EmailAddress>("\"canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<LoginId>("\"canary canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<UserId>("\"canary\"").unwrap_err());
    assert_discreet_error(&serde_json::from_str::<CampaignStatus>("\"canary\"").unwrap_err());
}
