//! Events of Clerk.

use chrono::{DateTime, Utc};

use super::state::State;
use crate::document::Changes;
use crate::document::clerk_user::{claiming, having, of_clerk_user, of_clerk_users, taken, users_of};
use crate::document::user::field;
use crate::error::Result;
use crate::model::{
    ClerkChange, ClerkFacts, ClerkState, ClerkUserId, MailboxFilter, OwnChange, User, UserId,
};
use crate::repository::{ClerkDeletion, ClerkUpsert};

impl State {
    pub(super) fn upsert_from_clerk(&mut self, next: ClerkState, now: DateTime<Utc>) -> Result<ClerkUpsert> {
        let facts = self.clerk_facts(&next)?;
        let Some(change) = facts.upsert(next).map_err(taken)? else {
            return Ok(ClerkUpsert::unchanged(facts.user));
        };
        let is_new = facts.user.is_none();
        let user = self.change_from_clerk(change, now)?;
        Ok(match user {
            Some(user) if is_new => ClerkUpsert::Created(user),
            Some(user) => ClerkUpsert::Updated(user),
            None => ClerkUpsert::Gone,
        })
    }

    pub(super) fn delete_from_clerk(
        &mut self,
        tombstone: ClerkState,
        now: DateTime<Utc>,
    ) -> Result<ClerkDeletion> {
        let facts = self.clerk_facts(&tombstone)?;
        let change = facts.delete(tombstone);
        Ok(match self.change_from_clerk(change, now)? {
            Some(user) => ClerkDeletion::Deactivated(user),
            None if facts.user.is_some() => ClerkDeletion::Deleted,
            None => ClerkDeletion::Unknown,
        })
    }

    /// Gives others what a user had who is no more.
    pub(super) fn forget_clerk_user(&mut self, id: &ClerkUserId, now: DateTime<Utc>) -> Result<()> {
        let Some((_, state)) = self.clerk_users.find_one::<ClerkState>(&of_clerk_user(id))? else {
            return Ok(());
        };
        let change = self.clerk_facts(&state)?.forget();
        self.change_from_clerk(change, now).map(|_| ())
    }

    fn clerk_facts(&self, next: &ClerkState) -> Result<ClerkFacts> {
        let id = &next.clerk_user_id;
        let state = self.clerk_users.find_one(&of_clerk_user(id))?.map(|(_, state)| state);
        let user = self.users.find_one(&users_of([id]))?.map(|(_, user)| user);
        let claims = ClerkFacts::concerned(state.as_ref(), user.as_ref(), next);
        let mut found = Found::default();
        for claim in &claims {
            found.states.extend(self.clerk_users.records::<ClerkState>(&claiming(claim)));
            found.users.extend(self.users.records::<User>(&having(claim)));
        }
        let (states, users) = found.read()?;
        let holders: Vec<_> = users.iter().filter_map(|user| user.clerk_user_id.as_ref()).collect();
        let claimants: Vec<_> = states.iter().map(|state| &state.clerk_user_id).collect();
        let found = Found {
            states: self.clerk_users.records(&of_clerk_users(holders)),
            users: self.users.records(&users_of(claimants)),
        };
        let (more_states, more_users) = found.read()?;
        Ok(ClerkFacts::new(id, state, user, [states, more_states].concat(), [users, more_users].concat()))
    }

    /// Gives the user as it is then, if there is one.
    fn change_from_clerk(&mut self, change: ClerkChange, now: DateTime<Utc>) -> Result<Option<User>> {
        let patch = |state: &mut Self, id: UserId, changes: &Changes| {
            state.users.change::<User>(id.as_object_id(), changes)
        };
        for (id, loss) in &change.losses {
            patch(self, *id, &loss.changes(now))?;
        }
        let user = match change.own {
            None => None,
            Some(OwnChange::Create(new)) => {
                let user = new.build(UserId::new(), now);
                self.users.insert(&user)?;
                Some(user)
            }
            Some(OwnChange::Update(id, update)) => Some(patch(self, id, &update.changes(now))?),
            Some(OwnChange::Delete(id, without)) => {
                if self.mailboxes.any(&MailboxFilter::user(id).query()) {
                    let changes = without.changes(now).set(field::is_active, &false);
                    Some(patch(self, id, &changes)?)
                } else {
                    self.users.remove(id.as_object_id());
                    None
                }
            }
        };
        for (id, gain) in &change.gains {
            patch(self, *id, &gain.changes(now))?;
        }
        for state in change.states {
            let query = of_clerk_user(&state.clerk_user_id);
            if !self.clerk_users.change_found::<ClerkState>(&query, &state.changes())? {
                self.clerk_users.insert(&state)?;
            }
        }
        Ok(user)
    }
}

#[derive(Default)]
struct Found {
    states: Vec<Result<ClerkState>>,
    users: Vec<Result<User>>,
}

impl Found {
    fn read(self) -> Result<(Vec<ClerkState>, Vec<User>)> {
        Ok((self.states.into_iter().collect::<Result<_>>()?, self.users.into_iter().collect::<Result<_>>()?))
    }
}
