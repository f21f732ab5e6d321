//! The rule by which events of Clerk change users, as a plan that both stores carry out.

use super::clerk_state::login_id_without_claim;
use super::{Claim, ClerkState, ClerkUserId, NewUser, User, UserId, UserPatch};

/// What the store has about a user of Clerk, and about all users who have or claim what this user has, had or
/// will have.
#[derive(Debug)]
pub(crate) struct ClerkFacts {
    /// The latest state of this user so far.
    pub(crate) state: Option<ClerkState>,
    /// The record of this user.
    pub(crate) user: Option<User>,
    /// The states and the records of the others.
    pub(crate) states: Vec<ClerkState>,
    pub(crate) users: Vec<User>,
}

/// What to write, in this order.
#[derive(Debug, Default)]
pub(crate) struct ClerkChange {
    /// States that must stay as they are until this is written.
    pub(crate) held: Vec<ClerkUserId>,
    /// Others who lose something.
    pub(crate) losses: Vec<(UserId, UserPatch)>,
    /// What becomes of the user.
    pub(crate) own: Option<OwnChange>,
    /// Others who get something back.
    pub(crate) gains: Vec<(UserId, UserPatch)>,
    /// New states.
    pub(crate) states: Vec<ClerkState>,
}

/// What becomes of a user.
#[derive(Debug)]
pub(crate) enum OwnChange {
    Create(NewUser),
    Update(UserId, UserPatch),
    /// The user is deleted, or deactivated with this patch as long as mailboxes need the record.
    Delete(UserId, UserPatch),
}

impl ClerkFacts {
    /// The facts on the user with this Clerk id, with `states` and `users` as they were found: perhaps several
    /// times, and those of the user among them.
    pub(crate) fn new(
        id: &ClerkUserId,
        state: Option<ClerkState>,
        user: Option<User>,
        mut states: Vec<ClerkState>,
        mut users: Vec<User>,
    ) -> Self {
        states.retain(|state| state.clerk_user_id != *id);
        states.sort_by(|a, b| a.clerk_user_id.cmp(&b.clerk_user_id));
        states.dedup_by(|a, b| a.clerk_user_id == b.clerk_user_id);
        users.retain(|user| user.clerk_user_id.as_ref() != Some(id));
        users.sort_by_key(|user| user.id);
        users.dedup_by_key(|user| user.id);
        Self { state, user, states, users }
    }

    /// The claims that a change to the state `next` concerns.
    pub(crate) fn concerned(
        state: Option<&ClerkState>,
        user: Option<&User>,
        next: &ClerkState,
    ) -> Vec<Claim> {
        let mut claims = next.claims();
        claims.extend(state.map(ClerkState::claims).unwrap_or_default());
        claims.extend(user.map(Claim::of_user).unwrap_or_default());
        claims
    }

    /// The change that an event of Clerk makes; `None` if a later one was here before.
    ///
    /// # Errors
    /// The login id or the address that somebody has who did not get it from Clerk.
    pub(crate) fn upsert(&self, mut next: ClerkState) -> Result<Option<ClerkChange>, Claim> {
        if self.user.is_some() && !self.has_login_of_clerk() {
            next.login_id = None;
        }
        if self.state.as_ref().is_some_and(|state| next.is_before(state)) {
            return Ok(None);
        }
        let mut change = ClerkChange::default();
        let mut kept = Vec::new();
        for claim in next.claims() {
            let rival = self.owner(&claim).filter(|rival| rival.strength() > next.strength());
            if let Some(rival) = rival {
                change.held.push(rival.clerk_user_id.clone());
            } else {
                self.take(&claim, &mut change)?;
                kept.push(claim);
            }
        }
        let has = |claim: &Claim| kept.contains(claim);
        let login_id = next.login_id.clone().map(|login_id| {
            let has_it = has(&Claim::LoginId(login_id.clone()));
            if has_it { login_id } else { login_id_without_claim(&next.clerk_user_id) }
        });
        let email = next.email.clone().filter(|email| has(&Claim::Email(email.clone())));
        let user_name = next.user_name.clone();
        change.own = match &self.user {
            Some(user) => Some(OwnChange::Update(
                user.id,
                UserPatch { user_name, login_id, ..UserPatch::of_email(email) },
            )),
            None => user_name.zip(login_id).map(|(user_name, login_id)| {
                let clerk_user_id = Some(next.clerk_user_id.clone());
                OwnChange::Create(NewUser { user_name, login_id, clerk_user_id, email, password: None })
            }),
        };
        self.release(self.state.iter().flat_map(ClerkState::claims), &next, &mut change);
        change.states.push(next);
        Ok(Some(change))
    }

    /// The change that the deletion of the user at Clerk makes.
    pub(crate) fn delete(&self, mut tombstone: ClerkState) -> ClerkChange {
        let mut change = ClerkChange::default();
        if let Some(user) = &self.user {
            let login_id =
                self.has_login_of_clerk().then(|| login_id_without_claim(&tombstone.clerk_user_id));
            let without = UserPatch { login_id, ..UserPatch::of_email(None) };
            change.own = Some(OwnChange::Delete(user.id, without));
        }
        let had = self.state.iter().flat_map(ClerkState::claims);
        let had = had.chain(self.user.iter().flat_map(Claim::of_user));
        self.release(had, &tombstone, &mut change);
        if let Some(earlier) = self.state.as_ref().filter(|state| state.is_deleted) {
            tombstone.at = tombstone.at.max(earlier.at);
        }
        change.states.push(tombstone);
        change
    }

    /// The change beside the deletion of the user's record here: others get back what this user had.
    pub(crate) fn forget(&self) -> ClerkChange {
        let mut change = ClerkChange::default();
        if let Some(state) = &self.state {
            let forgotten = state.forgotten();
            self.release(state.claims(), &forgotten, &mut change);
            change.states.push(forgotten);
        }
        change
    }

    /// Whether the login id of the user came from Clerk: the store created the user by an event.
    fn has_login_of_clerk(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.login_id.is_some())
    }

    /// The state of another user.
    fn state_of(&self, user: &User) -> Option<&ClerkState> {
        let id = user.clerk_user_id.as_ref()?;
        self.states.iter().find(|state| state.clerk_user_id == *id)
    }

    fn user_of(&self, state: &ClerkState) -> Option<&User> {
        self.users.iter().find(|user| user.clerk_user_id.as_ref() == Some(&state.clerk_user_id))
    }

    /// Of the others who claim something, the one with the latest state.
    fn owner(&self, claim: &Claim) -> Option<&ClerkState> {
        let claimants = self.states.iter().filter(|state| state.claims_it(claim));
        claimants.filter(|state| self.user_of(state).is_some()).max_by_key(|state| state.strength())
    }

    /// Takes something from those who have it.
    fn take(&self, claim: &Claim, change: &mut ClerkChange) -> Result<(), Claim> {
        for holder in self.users.iter().filter(|user| claim.is_of(user)) {
            let state = self.state_of(holder);
            let patch = match (claim, &holder.clerk_user_id) {
                (Claim::Email(email), Some(id)) => {
                    if state.is_none() {
                        change.states.push(ClerkState::unknown(id.clone(), email));
                    }
                    UserPatch::of_email(None)
                }
                (Claim::LoginId(_), Some(id)) if state.is_some_and(|state| state.login_id.is_some()) => {
                    UserPatch { login_id: Some(login_id_without_claim(id)), ..UserPatch::default() }
                }
                _ => return Err(claim.clone()),
            };
            change.losses.push((holder.id, patch));
        }
        Ok(())
    }

    /// Gives what the user had and does not claim any more to the latest of those who claim it, if it is free.
    fn release(&self, had: impl IntoIterator<Item = Claim>, next: &ClerkState, change: &mut ClerkChange) {
        for claim in had.into_iter().filter(|claim| !next.claims_it(claim)) {
            let Some(heir) = self.owner(&claim).and_then(|heir| self.user_of(heir)) else { continue };
            if self.users.iter().any(|user| claim.is_of(user)) {
                continue;
            }
            let patch = match claim {
                Claim::LoginId(login_id) => UserPatch { login_id: Some(login_id), ..UserPatch::default() },
                Claim::Email(email) => UserPatch::of_email(Some(email)),
            };
            change.gains.push((heir.id, patch));
        }
    }
}
