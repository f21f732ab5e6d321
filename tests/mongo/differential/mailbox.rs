//! Operations on mailboxes.

use campaign_store::{
    AccessToken, Credentials, Invalid, MailboxFilter, MailboxPassword, MailboxPatch, MailboxStatus,
    NewMailbox, Provider, ReencryptPlan, RefreshToken, Result, UserProfile,
};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;
use super::user::{ADDRESSES, address};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("mailboxes.link", 12, &["ok", "NotFound", "user_id_1_email_1"], |side, draw| {
        link(side, draw).boxed()
    }),
    Operation::new("mailboxes.get", 3, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("mailboxes.find_by_user_and_email", 4, &["some", "none"], |side, draw| {
        find_by_user_and_email(side, draw).boxed()
    }),
    Operation::new("mailboxes.primary", 3, &["some", "none"], |side, draw| primary(side, draw).boxed()),
    Operation::new("mailboxes.least_recently_used", 4, &["some", "none", "InactiveUser"], |side, draw| {
        least_recently_used(side, draw).boxed()
    }),
    Operation::new(
        "mailboxes.update",
        6,
        &["ok", "NotFound", "Conflict", "user_id_1_email_1"],
        |side, draw| update(side, draw).boxed(),
    ),
    Operation::new("mailbox_secrets.credentials", 5, &["some", "none"], |side, draw| {
        credentials(side, draw).boxed()
    }),
    Operation::new("mailbox_secrets.replace_credentials", 4, &["ok", "NotFound"], |side, draw| {
        replace_credentials(side, draw).boxed()
    }),
    Operation::new("mailbox_secrets.refresh_tokens", 6, &["ok", "NotFound", "Conflict"], |side, draw| {
        refresh_tokens(side, draw).boxed()
    }),
    Operation::new("mailbox_secrets.reencrypt", 4, &["rewritten", "current", "none"], |side, draw| {
        reencrypt(side, draw).boxed()
    }),
    Operation::new("mailboxes.set_primary", 5, &["ok", "NotFound"], |side, draw| {
        set_primary(side, draw).boxed()
    }),
    Operation::new("mailboxes.set_status", 3, &["ok", "NotFound"], |side, draw| {
        set_status(side, draw).boxed()
    }),
    Operation::new("mailboxes.touch", 5, &["ok", "NotFound"], |side, draw| touch(side, draw).boxed()),
    Operation::new("mailboxes.unlink", 6, &["ok", "NotFound", "InUse"], |side, draw| {
        unlink(side, draw).boxed()
    }),
    Operation::new("mailboxes.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("mailboxes.stream", 1, &["ok"], |side, draw| stream(side, draw).boxed()),
];

async fn link(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let user = side.users.pick(draw);
    let mut new = NewMailbox::new(user, draw.of("address", ADDRESSES), provider(draw)).expect("valid values");
    if let Some(profile) = draw.maybe(30, "profile", &profiles()) {
        new = new.user_profile(checked(profile));
    }
    if draw.maybe(30, "primary", &[true]).is_some() {
        new = new.primary();
    }
    new = new.credentials(secrets(draw));
    let mailbox = side.store.mailboxes.link(new).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

fn provider(draw: &mut Draw) -> Provider {
    Provider::new(draw.of("provider", &["gmail", "Outlook", "$provider"])).expect("a valid name")
}

/// Objects that a database could take for something else.
fn profiles() -> [Value; 4] {
    [
        json!({}),
        json!({"name": "Ada", "n": 1, "x": 1.0, "-": -0.0}),
        json!({"set": {"is_primary": true}, "a.b": [1, 2.5, null, {"@oid": "x"}], "ref": "$user_id"}),
        json!({"max": i64::MAX, "min": i64::MIN, "tiny": 5e-324, "huge": 1e300, "1": true, "_id": 7}),
    ]
}

fn checked(profile: Value) -> UserProfile {
    match profile {
        Value::Object(profile) => UserProfile::new(profile).expect("a valid profile"),
        other => panic!("{other} is no object"),
    }
}

async fn get(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let mailbox = side.store.mailboxes.get(side.mailboxes.pick(draw)).await?;
    Ok(Reply::found(mailbox.inspect(|mailbox| side.mailboxes.see(mailbox)).as_ref()))
}

async fn find_by_user_and_email(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let user = side.users.pick(draw);
    Ok(Reply::found(side.store.mailboxes.find_by_user_and_email(user, &address(draw)).await?.as_ref()))
}

async fn primary(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    Ok(Reply::found(side.store.mailboxes.primary(side.users.pick(draw)).await?.as_ref()))
}

async fn least_recently_used(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    Ok(Reply::found(side.store.mailboxes.least_recently_used(side.users.pick(draw)).await?.as_ref()))
}

async fn update(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.mailboxes.pick(draw);
    let version = side.mailboxes.version(id, draw);
    let mailbox = side.store.mailboxes.update(id, patch(draw).expect("valid values"), version).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

fn patch(draw: &mut Draw) -> Result<MailboxPatch, Invalid> {
    let mut patch = MailboxPatch::new();
    if let Some(address) = draw.maybe(90, "address", ADDRESSES) {
        patch = patch.email(address)?;
    }
    if draw.chance(30) {
        patch = patch.provider(provider(draw));
    }
    if let Some(active) = draw.maybe(40, "active", &[true, false]) {
        patch = patch.active(active);
    }
    patch = match draw.below(4) {
        0 => patch.user_profile(checked(draw.of("profile", &profiles()))),
        1 => patch.clear_user_profile(),
        _ => patch,
    };
    draw.note(format!("{patch:?}"));
    Ok(patch)
}

/// Few texts, so that tokens are often the same as before.
fn secrets(draw: &mut Draw) -> Credentials {
    let mut new = Credentials::new();
    if let Some(text) = draw.maybe(30, "password", &["hunter 2", "$password", "enc1.1.AAAA"]) {
        new = new.password(MailboxPassword::new(text).expect("a valid password"));
    }
    if let Some(text) = draw.maybe(50, "access token", &["a1", "a2"]) {
        new = new.access_token(AccessToken::new(text).expect("a valid token"));
    }
    if let Some(text) = draw.maybe(50, "refresh token", &["r1", "$refresh_token"]) {
        new = new.refresh_token(RefreshToken::new(text).expect("a valid token"));
    }
    new
}

async fn credentials(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let found = side.store.mailbox_secrets.credentials(side.mailboxes.pick(draw)).await?;
    let texts = found.map(|found| {
        let access = found.access_token.map(|token| token.expose().to_owned());
        let refresh = found.refresh_token.map(|token| token.expose().to_owned());
        (found.password.map(|password| password.expose().to_owned()), access, refresh)
    });
    Ok(Reply::found(texts.as_ref()))
}

async fn replace_credentials(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.mailboxes.pick(draw);
    let mailbox = side.store.mailbox_secrets.replace_credentials(id, secrets(draw)).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

async fn refresh_tokens(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.mailboxes.pick(draw);
    let (drawn, new) = (secrets(draw), secrets(draw));
    let used = if draw.chance(70) { side.store.mailbox_secrets.credentials(id).await? } else { None };
    let mailbox = side.store.mailbox_secrets.refresh_tokens(id, &used.unwrap_or(drawn), new).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

async fn reencrypt(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    if draw.chance(50) {
        draw.note("other primary key");
        side.turn_keys().await;
    }
    let mut plan = ReencryptPlan::new().batch_size(draw.of("batch", &[1, 3, 1_000]));
    if draw.chance(30) {
        draw.note("dry");
        plan = plan.dry_run();
    }
    let reports = drain(side.store.mailbox_secrets.reencrypt(plan).await).await;
    let last = reports.last().expect("a report");
    let kind = match (last.scanned, last.rewritten) {
        (0, _) => "none",
        (_, 0) => "current",
        _ => "rewritten",
    };
    Ok(Reply::new([kind], &reports))
}

async fn set_primary(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let mailbox = side.store.mailboxes.set_primary(side.mailboxes.pick(draw)).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

/// Most mailboxes can send, so that there are campaigns.
const STATUSES: &[MailboxStatus] =
    &[MailboxStatus::Active, MailboxStatus::Active, MailboxStatus::Inactive, MailboxStatus::Error];

async fn set_status(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.mailboxes.pick(draw);
    let mailbox = side.store.mailboxes.set_status(id, draw.of("status", STATUSES)).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

async fn touch(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let mailbox = side.store.mailboxes.touch(side.mailboxes.pick(draw)).await?;
    side.mailboxes.see(&mailbox);
    Ok(Reply::ok(&mailbox))
}

async fn unlink(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.mailboxes.pick(draw);
    side.store.mailboxes.unlink(id).await?;
    side.mailboxes.remove(id);
    Ok(Reply::ok(&()))
}

async fn list(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.mailbox_lists.draw(filter(side, draw), draw);
    let page = side.store.mailboxes.list(&filter, &page).await?;
    Ok(side.mailbox_lists.reply(filter, order, page))
}

async fn stream(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let mailboxes = drain(side.store.mailboxes.stream(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&mailboxes)))
}

fn filter(side: &Side, draw: &mut Draw) -> MailboxFilter {
    let mut filter =
        if draw.chance(25) { MailboxFilter::user(side.users.pick(draw)) } else { MailboxFilter::all() };
    if draw.chance(20) {
        filter = filter.email(address(draw));
    }
    if let Some(active) = draw.maybe(20, "active", &[true, false]) {
        filter = filter.active(active);
    }
    match draw.maybe(20, "status", MailboxStatus::ALL) {
        Some(status) => filter.status(status),
        None => filter,
    }
}
