//! Whose records a repository sees.

use super::UserId;
use crate::collection::Collection;
use crate::error::{Error, Result};

/// The users whose records a set of repositories reads and writes. It has no default: which users are meant is
/// said where the repositories are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    AllUsers,
    User(UserId),
}

impl Scope {
    pub(crate) fn is_all(self) -> bool {
        self == Self::AllUsers
    }

    /// Whether what belongs to `owner` is within the scope.
    pub(crate) fn includes(self, owner: UserId) -> bool {
        match self {
            Self::AllUsers => true,
            Self::User(user_id) => user_id == owner,
        }
    }

    /// The one user, if there is only one.
    pub(crate) fn user(self) -> Option<UserId> {
        match self {
            Self::AllUsers => None,
            Self::User(user_id) => Some(user_id),
        }
    }

    /// Refuses another user, in the words for one who does not exist.
    pub(crate) fn require(self, user_id: UserId) -> Result<()> {
        if self.includes(user_id) { Ok(()) } else { Err(Error::not_found(Collection::Users, user_id)) }
    }

    /// Refuses an operation that is about more than one user.
    pub(crate) fn require_all(self, operation: &'static str) -> Result<()> {
        if self.is_all() { Ok(()) } else { Err(Error::SystemOnly { operation }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_of_one_user_includes_nobody_else() {
        let (ada, eve) = (UserId::new(), UserId::new());
        assert!(Scope::AllUsers.includes(ada) && Scope::User(ada).includes(ada));
        assert!(!Scope::User(ada).includes(eve));
        assert_eq!(Scope::User(ada).require(eve), Err(Error::not_found(Collection::Users, eve)));
        assert_eq!(Scope::User(ada).require_all("x"), Err(Error::SystemOnly { operation: "x" }));
        assert_eq!((Scope::AllUsers.require(eve), Scope::AllUsers.require_all("x")), (Ok(()), Ok(())));
    }
}
