//! Events of Clerk, each in a transaction.

use futures_util::FutureExt;
use mongodb::ClientSession;

use super::link::connection::Connection;
use super::link::error::{DriverResult, ours};
use super::link::table::Table;
use super::user::Users;
use crate::collection::Collection;
use crate::document::clerk_user::{claiming, having, of_clerk_user, of_clerk_users, taken, users_of};
use crate::document::user::field;
use crate::error::Result;
use crate::model::{
    ClerkChange, ClerkFacts, ClerkState, ClerkUserId, MailboxFilter, OwnChange, User, UserId,
};
use crate::repository::{ClerkDeletion, ClerkUpsert};

/// More than users can have or claim the values of one.
const ALL: usize = 1_000;

fn states(db: &Connection) -> Table {
    Table::new(&db.database, Collection::ClerkUsers)
}

impl Users {
    pub(super) async fn upsert_state(&self, next: ClerkState) -> Result<ClerkUpsert> {
        let upsert = || {
            self.db.transact("users.upsert_from_clerk", (self, next.clone()), |session, (this, next)| {
                this.upsert_in(session, next.clone()).boxed()
            })
        };
        self.db.again_if_unique(upsert).await
    }

    pub(super) async fn delete_state(&self, tombstone: ClerkState) -> Result<ClerkDeletion> {
        let delete = || {
            self.db.transact(
                "users.delete_from_clerk",
                (self, tombstone.clone()),
                |session, (this, tombstone)| this.delete_in(session, tombstone.clone()).boxed(),
            )
        };
        self.db.again_if_unique(delete).await
    }

    async fn upsert_in(&self, session: &mut ClientSession, next: ClerkState) -> DriverResult<ClerkUpsert> {
        let facts = clerk_facts(&self.db, session, &next).await?;
        let Some(change) = facts.upsert(next).map_err(|claim| ours(taken(claim)))? else {
            return Ok(ClerkUpsert::unchanged(facts.user));
        };
        let is_new = facts.user.is_none();
        Ok(match change_from_clerk(&self.db, session, change).await? {
            Some(user) if is_new => ClerkUpsert::Created(user),
            Some(user) => ClerkUpsert::Updated(user),
            None => ClerkUpsert::Gone,
        })
    }

    async fn delete_in(
        &self,
        session: &mut ClientSession,
        tombstone: ClerkState,
    ) -> DriverResult<ClerkDeletion> {
        let facts = clerk_facts(&self.db, session, &tombstone).await?;
        let change = facts.delete(tombstone);
        Ok(match change_from_clerk(&self.db, session, change).await? {
            Some(user) => ClerkDeletion::Deactivated(user),
            None if facts.user.is_some() => ClerkDeletion::Deleted,
            None => ClerkDeletion::Unknown,
        })
    }
}

/// Gives others what a user had who is no more.
pub(super) async fn forget_clerk_user(
    db: &Connection,
    session: &mut ClientSession,
    id: &ClerkUserId,
) -> DriverResult<()> {
    let state = states(db).find_one::<ClerkState>(Some(&mut *session), &of_clerk_user(id)).await?;
    let Some(state) = state else { return Ok(()) };
    let change = clerk_facts(db, session, &state).await?.forget();
    change_from_clerk(db, session, change).await?;
    Ok(())
}

async fn clerk_facts(
    db: &Connection,
    session: &mut ClientSession,
    next: &ClerkState,
) -> DriverResult<ClerkFacts> {
    let (id, table) = (&next.clerk_user_id, states(db));
    let state = table.find_one(Some(&mut *session), &of_clerk_user(id)).await?;
    let user = db.users.find_one(Some(&mut *session), &users_of([id])).await?;
    let claims = ClerkFacts::concerned(state.as_ref(), user.as_ref(), next);
    let (mut states, mut users) = (Vec::<ClerkState>::new(), Vec::<User>::new());
    for claim in &claims {
        states.extend(table.find_all::<ClerkState>(Some(&mut *session), &claiming(claim), ALL).await?);
        users.extend(db.users.find_all::<User>(Some(&mut *session), &having(claim), ALL).await?);
    }
    let holders: Vec<_> = users.iter().filter_map(|user| user.clerk_user_id.clone()).collect();
    let claimants: Vec<_> = states.iter().map(|state| state.clerk_user_id.clone()).collect();
    states.extend(table.find_all(Some(&mut *session), &of_clerk_users(&holders), ALL).await?);
    users.extend(db.users.find_all(Some(session), &users_of(&claimants), ALL).await?);
    Ok(ClerkFacts::new(id, state, user, states, users))
}

/// Gives the user as it is then, if there is one.
async fn change_from_clerk(
    db: &Connection,
    session: &mut ClientSession,
    change: ClerkChange,
) -> DriverResult<Option<User>> {
    let (now, table) = (db.now(), states(db));
    // Otherwise these could give up what is not taken here because of them, and nobody would have it.
    table.lock_each(session, change.held.iter().map(of_clerk_user)).await?;
    for (id, loss) in &change.losses {
        db.users.change::<User>(Some(&mut *session), id.as_object_id(), &loss.changes(now)).await?;
    }
    let user = match change.own {
        None => None,
        Some(OwnChange::Create(new)) => {
            let user = new.build(UserId::new(), now);
            db.users.insert(Some(&mut *session), &user).await?;
            Some(user)
        }
        Some(OwnChange::Update(id, update)) => {
            Some(db.users.change(Some(&mut *session), id.as_object_id(), &update.changes(now)).await?)
        }
        Some(OwnChange::Delete(id, without)) => {
            let is_needed = MailboxFilter::user(id).query();
            if db.mailboxes.any(Some(&mut *session), &is_needed).await? {
                let changes = without.changes(now).set(field::is_active, &false);
                Some(db.users.change(Some(&mut *session), id.as_object_id(), &changes).await?)
            } else {
                db.users.remove(Some(&mut *session), id.as_object_id()).await?;
                None
            }
        }
    };
    for (id, gain) in &change.gains {
        db.users.change::<User>(Some(&mut *session), id.as_object_id(), &gain.changes(now)).await?;
    }
    for state in change.states {
        write_state(&table, session, &state).await?;
    }
    Ok(user)
}

async fn write_state(table: &Table, session: &mut ClientSession, state: &ClerkState) -> DriverResult<()> {
    let query = of_clerk_user(&state.clerk_user_id);
    let changed: Option<ClerkState> = table.update(Some(&mut *session), &query, &state.changes()).await?;
    if changed.is_none() {
        table.insert(Some(session), state).await?;
    }
    Ok(())
}
