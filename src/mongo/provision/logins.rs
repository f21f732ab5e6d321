//! Rewriting login ids and addresses of users to the stored form, so that every look-up finds them.
//!
//! Which texts have the same stored form only this program can say: the server changes the case of ASCII letters
//! alone. So all users are read, twice: first to find the texts that several users would have, which nobody but
//! an operator can decide about, then to rewrite the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use bson::doc;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{LIMIT, Result};
use crate::document::user::{Respelled, Respelling, respelling_change, with_text};
use crate::migrate::Stop;
use crate::model::UserId;
use crate::mongo::connection::Connection;
use crate::mongo::error::{DriverResult, is_duplicate};
use crate::mongo::table::each;

/// How many users are read at a time.
const BATCH: usize = 1_000;
/// How many users of each kind are named.
const MAX_NAMED: usize = 1_000;

/// What [`MongoStore::rewrite_logins`](crate::MongoStore::rewrite_logins) did, or
/// [`check_logins`](crate::MongoStore::check_logins) found. It names users by their ids, never by a login id or
/// an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoginReport {
    /// How many users were read.
    pub users: u64,
    /// How many login ids and addresses were rewritten to the stored form. After a check: would be.
    pub rewritten: u64,
    /// How many were left because another user has the stored form, or would have it too.
    pub collisions: u64,
    /// The first 1,000 of these.
    pub first_collisions: Vec<LoginCollision>,
    /// How many were left because they are no valid login id or address, or their document has no readable
    /// version.
    pub unusable: u64,
    /// The users of the first 1,000 of these.
    pub first_unusable: Vec<UserId>,
    /// How many another program changed at the same time, which left them as they are.
    pub changed: u64,
    /// Whether all users were read. A run that was stopped is resumed by the next one.
    pub is_done: bool,
}

/// Two users who would have the same login id or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoginCollision {
    /// The user whose text was left as it is.
    pub user: UserId,
    /// The field: `login_id` or `email`.
    pub field: &'static str,
    /// The user who has the stored form, or another text with the same stored form.
    pub other: UserId,
}

impl LoginReport {
    /// Whether every login id and address is in the stored form, or will be after a rewrite.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.collisions == 0 && self.unusable == 0 && self.changed == 0
    }

    /// How many login ids and addresses were not in the stored form when they were read.
    #[must_use]
    pub fn not_in_stored_form(&self) -> u64 {
        self.rewritten + self.collisions + self.unusable + self.changed
    }

    fn add_collision(&mut self, user: UserId, field: &'static str, other: UserId) {
        self.collisions += 1;
        if self.first_collisions.len() < MAX_NAMED {
            self.first_collisions.push(LoginCollision { user, field, other });
        }
    }

    fn add_unusable(&mut self, user: UserId, texts: u64) {
        self.unusable += texts;
        if texts > 0 && self.first_unusable.len() < MAX_NAMED {
            self.first_unusable.push(user);
        }
    }
}

impl fmt::Display for LoginCollision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, field, other } = self;
        write!(f, "{field} of {user} is another spelling of that of {other}")
    }
}

/// The stored form of a text of a field, as a hash, so that it takes little memory.
type Wanted = [u8; 32];

fn wanted(text: &Respelling) -> Wanted {
    Sha256::new_with_prefix(text.field.as_str()).chain_update([0]).chain_update(&text.new).finalize().into()
}

/// Who would have a text, and one more user if there are several.
type Contests = HashMap<Wanted, (UserId, Option<UserId>)>;

/// Finds what a rewrite would do.
pub(in crate::mongo) async fn check(connection: &Connection, stop: &Stop) -> Result<LoginReport> {
    connection.run_for(LIMIT, "provision.check_logins", run(connection, stop, false)).await
}

/// Rewrites what can be rewritten.
pub(in crate::mongo) async fn rewrite(connection: &Connection, stop: &Stop) -> Result<LoginReport> {
    connection.run_for(LIMIT, "provision.rewrite_logins", run(connection, stop, true)).await
}

async fn run(connection: &Connection, stop: &Stop, writes: bool) -> DriverResult<LoginReport> {
    let mut contests = Contests::new();
    let mut after = None;
    while let Some(users) = batch(connection, stop, &mut after).await? {
        for (id, text) in texts(&users) {
            match contests.entry(wanted(text)) {
                Entry::Vacant(entry) => {
                    entry.insert((id, None));
                }
                Entry::Occupied(mut entry) if entry.get().0 != id => {
                    entry.get_mut().1.get_or_insert(id);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    let mut report = LoginReport::default();
    let mut after = None;
    while let Some(users) = batch(connection, stop, &mut after).await? {
        report.users += users.len() as u64;
        for (id, user) in &users {
            report.add_unusable(*id, user.as_ref().map_or(1, |user| user.unusable));
        }
        let holders = holders(connection, &users).await?;
        for (id, text) in texts(&users) {
            let contest = contests.get(&wanted(text));
            let rival = contest.and_then(|(one, other)| if *one == id { *other } else { Some(*one) });
            let other = holders.get(&wanted(text)).copied().or(rival).filter(|other| *other != id);
            match other {
                Some(other) => report.add_collision(id, text.field.as_str(), other),
                None if writes => rewrite_one(connection, id, text, &mut report).await?,
                None => report.rewritten += 1,
            }
        }
    }
    report.is_done = !stop.is_requested();
    Ok(report)
}

/// Changes one text if it is still what was read.
async fn rewrite_one(
    connection: &Connection,
    id: UserId,
    text: &Respelling,
    report: &mut LoginReport,
) -> DriverResult<()> {
    let (query, changes) = respelling_change(id, text, connection.now());
    match connection.users.update::<Respelled>(None, &query, &changes).await {
        Ok(Some(_)) => report.rewritten += 1,
        Ok(None) => report.changed += 1,
        // A user with the stored form came meanwhile.
        Err(error) if is_duplicate(&error) => {
            let holders = holders_of(connection, std::iter::once(text)).await?;
            let other = holders.get(&wanted(text)).copied().unwrap_or(id);
            report.add_collision(id, text.field.as_str(), other);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A user as read, or why it cannot be.
type Found = (UserId, crate::Result<Respelled>);

/// The next users, unless there are none or the run is to stop.
async fn batch(
    connection: &Connection,
    stop: &Stop,
    after: &mut Option<UserId>,
) -> DriverResult<Option<Vec<Found>>> {
    if stop.is_requested() {
        return Ok(None);
    }
    let users: Vec<Found> = connection.users.after(after.map(UserId::as_object_id), BATCH).await?;
    *after = users.last().map(|(id, _)| *id);
    Ok(Some(users).filter(|users| !users.is_empty()))
}

/// The texts that are not in the stored form.
fn texts(users: &[Found]) -> impl Iterator<Item = (UserId, &Respelling)> {
    users.iter().flat_map(|(id, user)| user.iter().flat_map(|user| &user.texts).map(|text| (*id, text)))
}

/// The users who have the stored form of texts already.
async fn holders(connection: &Connection, users: &[Found]) -> DriverResult<HashMap<Wanted, UserId>> {
    holders_of(connection, texts(users).map(|(_, text)| text)).await
}

async fn holders_of<'a>(
    connection: &Connection,
    texts: impl Iterator<Item = &'a Respelling>,
) -> DriverResult<HashMap<Wanted, UserId>> {
    let mut by_field: HashMap<_, Vec<&Respelling>> = HashMap::new();
    for text in texts {
        by_field.entry(text.field).or_default().push(text);
    }
    let mut holders = HashMap::new();
    for (field, texts) in by_field {
        let find = connection.users.find(with_text(field, &texts).to_filter());
        let find = find.projection(doc! { "_id": 1, field.as_str(): 1 });
        each(None, find, |row| {
            let id = row.get_object_id("_id").map(UserId::from);
            if let (Ok(id), Ok(new)) = (id, row.get_str(field.as_str())) {
                let text = Respelling { field, old: String::new(), new: new.to_owned() };
                holders.insert(wanted(&text), id);
            }
            Ok(())
        })
        .await?;
    }
    Ok(holders)
}
