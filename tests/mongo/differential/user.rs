//! Operations on users.

use campaign_store::{
    ClerkDeletion, ClerkUpsert, ClerkUser, ClerkUserId, EmailAddress, Invalid, LoginAttempt, LoginId,
    LoginOutcome, LoginPassword, NewUser, Result, UserFilter, UserPatch, contract,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;

const NAMES: &[&str] = &["Ada", "Grace Hopper", "$login_id", "Łukasz"];
const LOGINS: &[&str] = &["ada", "ADA", "grace", "$email", "łukasz", "bob@example.com", "alan", "barbara"];
/// Two of them are the same in another Unicode form.
const PASSWORDS: &[&str] = &["caf\u{e9} latte", "cafe\u{301} latte", "$password"];
const CLERK_IDS: &[&str] =
    &["user_1", "USER_1", "user_2", "$clerk_user_id", "user_3", "user_4", "user_5", "user_6", "user_7"];
pub(super) const ADDRESSES: &[&str] =
    &["ada@example.com", "Ada@Example.com", "bob@example.com", "łu@example.com", "o'hara+x@example.com"];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "users.create",
        12,
        &["ok", "SystemOnly", "login_id_1", "clerk_user_id_1", "email_1"],
        |side, draw| create(side, draw).boxed(),
    ),
    Operation::new("users.get", 4, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new("users.find_by_login_id", 2, &["some", "none"], |side, draw| {
        find_by_login_id(side, draw).boxed()
    }),
    Operation::new("users.find_by_email", 3, &["some", "none"], |side, draw| {
        find_by_email(side, draw).boxed()
    }),
    Operation::new("users.find_by_clerk_user_id", 3, &["some", "none"], |side, draw| {
        find_by_clerk_user_id(side, draw).boxed()
    }),
    Operation::new(
        "users.update",
        13,
        &["ok", "NotFound", "Conflict", "login_id_1", "clerk_user_id_1", "email_1"],
        |side, draw| update(side, draw).boxed(),
    ),
    Operation::new(
        "users.upsert_from_clerk",
        9,
        &["created", "updated", "outdated", "gone", "SystemOnly", "login_id_1", "email_1"],
        |side, draw| upsert_from_clerk(side, draw).boxed(),
    ),
    Operation::new(
        "users.delete_from_clerk",
        2,
        &["deleted", "deactivated", "unknown", "SystemOnly"],
        |side, draw| delete_from_clerk(side, draw).boxed(),
    ),
    Operation::new("users.set_password", 4, &["ok", "NotFound"], |side, draw| {
        set_password(side, draw).boxed()
    }),
    Operation::new("users.verify_login", 8, &["accepted", "rejected"], |side, draw| {
        verify_login(side, draw).boxed()
    }),
    Operation::new("users.record_login", 4, &["ok", "NotFound"], |side, draw| {
        record_login(side, draw).boxed()
    }),
    Operation::new("users.set_active", 5, &["ok", "NotFound"], |side, draw| set_active(side, draw).boxed()),
    Operation::new("users.delete", 4, &["ok", "NotFound", "InUse"], |side, draw| delete(side, draw).boxed()),
    Operation::new("users.list", 5, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("users.stream", 1, &["ok"], |side, draw| stream(side, draw).boxed()),
];

async fn create(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let user = side.store.users.create(new_user(draw).expect("valid values")).await?;
    side.users.see(&user);
    Ok(Reply::ok(&user))
}

fn new_user(draw: &mut Draw) -> Result<NewUser, Invalid> {
    let mut new = NewUser::new(draw.of("name", NAMES), draw.of("login", LOGINS))?;
    if let Some(address) = draw.maybe(45, "address", ADDRESSES) {
        new = new.email(address)?;
    }
    if let Some(id) = draw.maybe(45, "clerk id", CLERK_IDS) {
        new = new.clerk_user_id(id)?;
    }
    if let Some(password) = draw.maybe(60, "password", PASSWORDS) {
        new = new.password(LoginPassword::new(password)?);
    }
    Ok(new)
}

async fn get(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let user = side.store.users.get(side.users.pick(draw)).await?;
    Ok(Reply::found(user.inspect(|user| side.users.see(user)).as_ref()))
}

async fn find_by_login_id(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let login = LoginId::new(draw.of("login", LOGINS)).expect("a valid login id");
    Ok(Reply::found(side.store.users.find_by_login_id(&login).await?.as_ref()))
}

async fn find_by_email(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    Ok(Reply::found(side.store.users.find_by_email(&address(draw)).await?.as_ref()))
}

async fn find_by_clerk_user_id(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = ClerkUserId::new(draw.of("clerk id", CLERK_IDS)).expect("a valid id");
    Ok(Reply::found(side.store.users.find_by_clerk_user_id(&id).await?.as_ref()))
}

async fn update(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.users.pick(draw);
    let version = side.users.version(id, draw);
    let user = side.store.users.update(id, patch(draw).expect("valid values"), version).await?;
    side.users.see(&user);
    Ok(Reply::ok(&user))
}

fn patch(draw: &mut Draw) -> Result<UserPatch, Invalid> {
    let mut patch = UserPatch::new();
    if let Some(name) = draw.maybe(40, "name", NAMES) {
        patch = patch.user_name(name)?;
    }
    if let Some(login) = draw.maybe(40, "login", LOGINS) {
        patch = patch.login_id(login)?;
    }
    patch = match draw.below(5) {
        0 | 1 => patch.email(draw.of("address", ADDRESSES))?,
        2 => patch.clear_email(),
        _ => patch,
    };
    patch = match draw.below(5) {
        0 | 1 => patch.clerk_user_id(draw.of("clerk id", CLERK_IDS))?,
        2 => patch.clear_clerk_user_id(),
        _ => patch,
    };
    draw.note(format!("{patch:?}"));
    Ok(patch)
}

async fn upsert_from_clerk(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let upsert = side.store.users.upsert_from_clerk(clerk_user(draw).expect("valid values")).await?;
    let kind = match upsert {
        ClerkUpsert::Created(_) => "created",
        ClerkUpsert::Updated(_) => "updated",
        ClerkUpsert::Outdated(_) => "outdated",
        _ => "gone",
    };
    let user = upsert.into_user();
    if let Some(user) = &user {
        side.users.see(user);
    }
    Ok(Reply::new([kind], &user))
}

fn clerk_user(draw: &mut Draw) -> Result<ClerkUser, Invalid> {
    let id = draw.of("clerk id", CLERK_IDS);
    let (name, login) = (draw.of("name", NAMES), draw.of("login", LOGINS));
    let user = ClerkUser::new(id, name, login, clerk_time(draw))?;
    match draw.maybe(40, "address", ADDRESSES) {
        Some(address) => user.email(address),
        None => Ok(user),
    }
}

async fn delete_from_clerk(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = ClerkUserId::new(draw.of("clerk id", CLERK_IDS)).expect("a valid id");
    let user = side.store.users.find_by_clerk_user_id(&id).await?;
    match side.store.users.delete_from_clerk(&id, clerk_time(draw)).await? {
        ClerkDeletion::Deactivated(user) => {
            side.users.see(&user);
            Ok(Reply::new(["deactivated"], &user))
        }
        ClerkDeletion::Deleted => {
            if let Some(user) = &user {
                side.users.remove(user.id);
            }
            Ok(Reply::new(["deleted"], &()))
        }
        _ => Ok(Reply::new(["unknown"], &())),
    }
}

/// One of few, so that events are often late, and often of the same time.
fn clerk_time(draw: &mut Draw) -> DateTime<Utc> {
    contract::start() + TimeDelta::minutes(draw.of("event", &[0, 1, 2, 3, 4, 5, 6, 7]))
}

async fn set_password(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.users.pick(draw);
    let password = LoginPassword::new(draw.of("password", PASSWORDS)).expect("a valid password");
    let user = side.store.users.set_password(id, password).await?;
    side.users.see(&user);
    Ok(Reply::ok(&user))
}

async fn verify_login(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let login_id = if draw.chance(90) { draw.of("login", LOGINS) } else { "no login id" };
    let password = if draw.chance(90) { draw.of("password", PASSWORDS) } else { "" };
    match side.store.users.verify_login(LoginAttempt::new(login_id, password)).await? {
        LoginOutcome::Accepted(user) => Ok(Reply::new(["accepted"], &user)),
        _ => Ok(Reply::new(["rejected"], &())),
    }
}

async fn record_login(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let user = side.store.users.record_login(side.users.pick(draw)).await?;
    side.users.see(&user);
    Ok(Reply::ok(&user))
}

async fn set_active(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.users.pick(draw);
    let user = side.store.users.set_active(id, draw.of("active", &[true, true, false])).await?;
    side.users.see(&user);
    Ok(Reply::ok(&user))
}

async fn delete(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.users.pick(draw);
    side.store.users.delete(id).await?;
    side.users.remove(id);
    Ok(Reply::ok(&()))
}

async fn list(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.user_lists.draw(filter(draw), draw);
    let page = side.store.users.list(&filter, &page).await?;
    Ok(side.user_lists.reply(filter, order, page))
}

async fn stream(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let users = drain(side.store.users.stream(&filter(draw)).await).await;
    Ok(Reply::ok(&side.lines(&users)))
}

fn filter(draw: &mut Draw) -> UserFilter {
    match draw.maybe(50, "active", &[true, false]) {
        Some(active) => UserFilter::all().active(active),
        None => UserFilter::all(),
    }
}

pub(super) fn address(draw: &mut Draw) -> EmailAddress {
    EmailAddress::new(draw.of("address", ADDRESSES)).expect("a valid address")
}
