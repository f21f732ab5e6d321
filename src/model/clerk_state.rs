//! What Clerk last said about its users, and which of them has a login id or an address that several had.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::debug::discreet_debug;
use super::{ClerkUser, ClerkUserId, EmailAddress, LoginId, User};

/// The latest state of a user at Clerk, whatever the order in which the store learned of states.
///
/// It claims a login id and an address. Of several users who claim one, the one with the latest state has it;
/// the others have it as soon as nobody with a later state claims it.
#[derive(Clone, PartialEq)]
pub(crate) struct ClerkState {
    pub(crate) clerk_user_id: ClerkUserId,
    /// When Clerk changed the user.
    pub(crate) at: DateTime<Utc>,
    /// Whether Clerk deleted the user, which is for ever.
    pub(crate) is_deleted: bool,
    pub(crate) user_name: Option<String>,
    /// Absent if the login id is not Clerk's: the user was created without Clerk.
    pub(crate) login_id: Option<LoginId>,
    pub(crate) email: Option<EmailAddress>,
}

discreet_debug!(ClerkState { at, is_deleted });

impl ClerkState {
    /// The state that an event of Clerk reports.
    pub(crate) fn of(user: &ClerkUser) -> Self {
        Self {
            clerk_user_id: user.clerk_user_id.clone(),
            at: user.updated_at,
            is_deleted: false,
            user_name: Some(user.user_name.clone()),
            login_id: Some(user.login_id.clone()),
            email: user.email.clone(),
        }
    }

    /// The state of a user whom Clerk deleted. It keeps nothing of the person.
    pub(crate) fn tombstone(clerk_user_id: ClerkUserId, at: DateTime<Utc>) -> Self {
        Self { clerk_user_id, at, is_deleted: true, user_name: None, login_id: None, email: None }
    }

    /// The state of a user who was linked to Clerk before the store kept states: older than all others.
    pub(super) fn unknown(clerk_user_id: ClerkUserId, email: &EmailAddress) -> Self {
        let unknown = Self::tombstone(clerk_user_id, DateTime::UNIX_EPOCH);
        Self { is_deleted: false, email: Some(email.clone()), ..unknown }
    }

    /// The same time without claims, for a user who was deleted here and not at Clerk.
    pub(super) fn forgotten(&self) -> Self {
        Self { is_deleted: self.is_deleted, ..Self::tombstone(self.clerk_user_id.clone(), self.at) }
    }

    /// Whether the other state is a later one. Of two different states of one time one is later.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let rank = |state: &Self| {
            let Self { at, is_deleted, user_name, login_id, email, .. } = state.clone();
            (is_deleted, at, user_name, login_id, email)
        };
        rank(self) < rank(other)
    }

    /// The order of claims: the latest state has what is claimed.
    pub(super) fn strength(&self) -> (DateTime<Utc>, &ClerkUserId) {
        (self.at, &self.clerk_user_id)
    }

    /// What the user wants to have.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let login_id = self.login_id.clone().map(Claim::LoginId);
        login_id.into_iter().chain(self.email.clone().map(Claim::Email)).collect()
    }

    pub(super) fn claims_it(&self, claim: &Claim) -> bool {
        match claim {
            Claim::LoginId(text) => self.login_id.as_ref() == Some(text),
            Claim::Email(text) => self.email.as_ref() == Some(text),
        }
    }
}

/// A value that only one user can have.
#[derive(Clone, PartialEq)]
pub(crate) enum Claim {
    LoginId(LoginId),
    Email(EmailAddress),
}

impl Claim {
    /// What a user has.
    pub(super) fn of_user(user: &User) -> Vec<Self> {
        let email = user.email.clone().map(Self::Email);
        email.into_iter().chain([Self::LoginId(user.login_id.clone())]).collect()
    }

    /// Whether a user has it, in any of the spellings that look-ups ask for.
    pub(super) fn is_of(&self, user: &User) -> bool {
        let is = |stored: &str, text: &str, others: &[Box<str>]| {
            stored == text || others.iter().any(|other| **other == *stored)
        };
        match self {
            Self::LoginId(text) => is(user.login_id.as_str(), text.as_str(), text.other_spellings()),
            Self::Email(text) => user
                .email
                .as_ref()
                .is_some_and(|email| is(email.as_str(), text.as_str(), text.other_spellings())),
        }
    }
}

/// The login id of a user of Clerk whose own was taken by a later one. The schema requires a login id, so it
/// cannot be removed like an address.
pub(super) fn login_id_without_claim(id: &ClerkUserId) -> LoginId {
    // Clerk's ids differ in case, login ids do not.
    let hash = Sha256::digest(id.as_str()).first_chunk().copied().map_or(0, u128::from_be_bytes);
    LoginId::from_stored(&format!("clerk-{hash:032x}"))
}
